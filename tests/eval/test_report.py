"""A report says what the runs say, asks no server for anything, and lets no text become markup."""

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import plotly.offline
import pytest

from embedder.errors import InputError
from eval import series
from eval.__main__ import main
from eval.gather import gather
from eval.published import TABLE, V3_TRUNCATION
from eval.report import report
from eval.report_parts import adapter_table
from eval.report_views import MOST_RUNS
from eval.runs import Run
from tests.eval.made_runs import NASTY, make_run, real_run, row

VALUES = np.linspace(0, 1, 9)


class Page(HTMLParser):
    """What a browser would make of a page: elements, visible text, scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._within = ""
        # plotly.js is five million letters, and a parser in Python takes its time over each.
        self.feed(text.replace(plotly.offline.get_plotlyjs(), ""))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            self.scripts.append(data)
        elif self._within != "style":
            self.words.append(data)

    @property
    def told(self) -> str:
        """Visible text on one line."""
        return " ".join(" ".join(self.words).split())

    def figures(self) -> dict[str, Any]:
        """The figures' data, as the page's script reads them."""
        return dict(json.loads(self.scripts[0])["figures"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A real run on texts and pictures."""
    return real_run(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def page(made: Run) -> Page:
    """Its report."""
    return Page(report([made]))


def test_nothing_is_fetched(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        assert (attributes.get("src") or "data:").startswith("data:")
        assert "onerror" not in attributes
        if tag == "a" and not str(attributes["href"]).startswith("#"):
            assert str(attributes["href"]).startswith("https://arxiv.org/abs/")
    policy = next(a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a)
    assert policy is not None and "default-src 'none'" in policy and "connect-src" not in policy
    kinds = [a.get("type") for t, a in page.elements if t == "script"]
    assert kinds == ["application/json", "text/plain", None, None]  # data, what is packed, programs


def test_no_text_becomes_markup(page: Page) -> None:
    assert NASTY in " ".join(page.words) and "{{ 7 * 7 }} {% raw %} ${x}" in page.told
    assert not any("taken over" in script for script in page.scripts)


def test_every_value_of_the_first_metric_is_in_a_figure_or_table(page: Page, made: Run) -> None:
    drawn = [
        round(float(value), 9)
        for figure in page.figures().values()
        for trace in figure["data"]
        for value in trace["y"]
        if isinstance(value, int | float)
    ]
    for score in made.scores:
        if score["metric"] == "ndcg@10":
            assert round(score["value"], 9) in drawn, score


def test_the_table_of_adapters_has_the_full_width(page: Page, made: Run) -> None:
    for score in made.scores:
        wide = (score["dim"], score["precision"], score["baseline"]) == (256, "float32", None)
        if score["metric"] == "ndcg@10" and wide:
            ends = f"{score['ci_low']:.3f} to {score['ci_high']:.3f}"
            assert f"{score['value']:.3f} {ends}" in page.told


def test_what_was_run_can_be_repeated(page: Page, made: Run) -> None:
    content = made.content
    for told in (
        made.run_id,
        content["command"],
        content["model"]["fingerprint"],
        content["versions"]["torch"],
    ):
        assert told in page.told
    assert all(about["fingerprint"][:12] in page.told for about in content["benchmarks"])
    assert "retrieval passage 20 0" in page.told and "code query 20 0" in page.told  # encoded, from the cache


def test_the_quarter_is_told_in_words(page: Page) -> None:
    assert (
        "Cut to a quarter of its width (64 of 256 numbers, float32), checkpoint is shown to lose" in page.told
    )
    assert page.told.count("first relevant document") >= 8


def test_worst_queries_have_texts_and_pictures(page: Page, made: Run) -> None:
    for entry in made.examples.entries:
        assert " ".join(entry["query"]["text"].split()) in page.told
    pictures = [a for t, a in page.elements if t == "img"]
    assert len(pictures) > 5
    assert all(str(a["src"]).startswith("data:image/webp;base64,") and a["alt"] for a in pictures)


def test_published_figures_are_there_and_labelled(page: Page) -> None:
    told = page.told.split("Published figures, to stand beside")[1]
    assert "Not measured here, and on other data." in told
    assert (
        "no published table of truncation" in told
        and "arXiv:2506.18902" in told
        and "arXiv:2409.10173" in told
    )
    for line in TABLE:
        numbers = [f"{n:.2f}" for n in (line.v4_dense, line.v4_late, line.v3) if n is not None]
        assert " ".join([line.benchmark, line.metric, *numbers]) in told
    (theirs,) = (
        trace["y"]
        for figure in page.figures().values()
        for trace in figure["data"]
        if trace["name"] == "v3 retrieval (published)"
    )
    assert theirs == pytest.approx([100 * one.retrieval / 63.35 for one in V3_TRUNCATION])


def test_published_values_are_those_of_the_papers() -> None:
    assert [(one.dim, one.retrieval, one.sts) for one in V3_TRUNCATION] == [
        (32, 52.54, 76.35), (64, 58.54, 77.03), (128, 61.64, 77.43), (256, 62.72, 77.56),
        (512, 63.16, 77.59), (768, 63.30, 77.59), (1024, 63.35, 77.58),
    ]  # fmt: skip


def test_every_figure_has_words_numbers_and_a_way_to_read_it(page: Page) -> None:
    places = [a for t, a in page.elements if "data-figure" in a]
    assert {str(a["data-figure"]) for a in places} == set(page.figures()) and len(places) >= 15
    assert all(a["role"] == "group" and a["aria-label"] for a in places)
    assert page.told.count("The numbers of this figure") == len(places)
    assert len([1 for t, a in page.elements if t == "p" and a.get("class") == "how"]) == len(places)


def test_headings_and_regions_are_in_order(page: Page) -> None:
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    pointed = [str(a["href"])[1:] for t, a in page.elements if t == "a" and str(a["href"]).startswith("#")]
    assert set(pointed) <= set(ids)
    levels = [int(t[1]) for t, _ in page.elements if t in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1 and levels.count(1) == 1
    scrolled = [a for t, a in page.elements if str(a.get("class", "")).startswith("scroll")]
    assert scrolled and all(a["tabindex"] == "0" and a["aria-label"] for a in scrolled)


def test_a_run_without_the_full_width_is_not_said_to_have_it(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a", {row(16): VALUES * 0.6, row(64): VALUES * 0.7})
    told = Page(report([run])).told
    assert "at the largest width that was run" in told and "at its full width" not in told


def test_late_interaction_alone_can_be_reported(tmp_path: Path) -> None:
    alone = real_run(tmp_path, vectors=("late",), baseline=(), task=("retrieval",))
    told = Page(report([alone])).told
    assert "No run here has dense vectors to test." in told and "retrieval, late" in told


def test_codes_of_late_interaction_stand_beside_its_float32(tmp_path: Path) -> None:
    about = [("float32", "exact"), ("int8", "exact"), ("uint8", "exact"), ("binary", "rescored")]
    late = [row(8, vectors="late", precision=name, search=search) for name, search in about]
    values = [VALUES, VALUES * 0.9, VALUES * 0.9, VALUES * 0.5]
    dense = {row(64): VALUES * 0.7, row(16): VALUES * 0.6}
    run = make_run(tmp_path, "a", dense | dict(zip(late[::-1], values[::-1], strict=True)))
    found = gather([run])
    table = adapter_table(found)
    assert [name for name, _ in table["rows"]] == ["retrieval", "retrieval, late"]
    assert table["rows"][1][1][0][0]["precision"] == "float32"
    _, (line,) = series.by_subject(found.scores, found.subject)
    assert (line.name, line.value) == ("retrieval, late", pytest.approx(VALUES.mean()))
    _, lines = series.by_precision(found.scores)
    assert {one.name for one in lines} == {
        "late interaction", "late interaction, uint8 = int8",
        "late interaction, binary, rescored",
    }  # fmt: skip
    size = {"searched_bytes": 10, "is_worth": True, "value": 0.5}
    costs = [{**one, **size} for one in found.scores if one["vectors"] == "late"]
    points = series.points(costs, {series.key_of(one): one for one in found.scores})
    assert {one.group for one in points} == {"late interaction"}
    assert {one.label for one in points} == {"late", "late, int8", "late, uint8", "late, binary, rescored"}
    told = Page(report([run])).told
    assert "8 · late interaction, int8" in told and "8 · late interaction, binary, rescored" in told


def test_several_runs_and_models_are_one_page(tmp_path: Path) -> None:
    a = make_run(tmp_path, "first-run", {row(16): VALUES, row(64): VALUES})
    b = make_run(tmp_path, "second-run", {row(16): VALUES, row(64): VALUES})
    other = a.content["model"] | {"name": "other"}
    c = make_run(tmp_path, "third-run", {row(model="other"): VALUES}, model=other)
    told = Page(report([a, b, c], "A title & more")).told
    assert "A title & more" in told and "mini · retrieval" in told and "other · retrieval" in told
    assert "measured the same again: first-run" in " ".join(told.split())


def test_each_metric_and_each_run_can_be_chosen(tmp_path: Path) -> None:
    a = make_run(tmp_path, "first-run", {row(16): VALUES, row(64): VALUES, row(metric="map"): VALUES / 2})
    b = make_run(tmp_path, "second-run", {row(16): VALUES / 4, row(64): VALUES / 4})
    page = Page(report([a, b]))
    choices = json.loads(page.scripts[0])["choices"]
    both = ["ndcg@10", "map"]
    assert [(one["runs"], [view["metric"] for view in one["views"]]) for one in choices] == [
        ("All runs together", both), ("second-run", both[:1]), ("first-run", both)
    ]  # fmt: skip
    packs = [json.loads(zlib.decompress(base64.b64decode(text))) for text in page.scripts[1:4]]
    there = {a["data-hash"] for t, a in page.elements if "data-block" in a}
    for pack, one in zip(packs, choices, strict=True):
        for view in one["views"]:
            assert set(view["blocks"].values()) <= there | set(pack["blocks"])
    for place in (0, 2):
        text = packs[place]["blocks"][choices[place]["views"][1]["blocks"]["adapters"]]
        assert "MAP of each" in text and "0.250" in text
    figures = [json.loads(page.scripts[0])["figures"], *(pack["figures"] for pack in packs)]
    for pack in packs:
        for name in re.findall(r'data-figure="([^"]+)"', "".join(pack["blocks"].values())):
            assert name in pack["figures"] or name in figures[0]


def test_only_the_newest_runs_can_be_chosen_alone(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, f"run-{n:02d}", {row(16): VALUES, row(64): VALUES}) for n in range(MOST_RUNS + 2)
    ]
    page = Page(report(runs))
    offered = [one["runs"] for one in json.loads(page.scripts[0])["choices"]]
    assert offered == ["All runs together", *(f"run-{n:02d}" for n in range(MOST_RUNS + 1, 1, -1))]
    assert (
        f"Only the newest {MOST_RUNS} runs can be chosen alone here. Older ones: run-00 , run-01" in page.told
    )


def test_searches_of_codes_have_a_figure_of_their_own(tmp_path: Path) -> None:
    ways = {
        row(dim, precision=precision, search=search): VALUES / share
        for dim in (16, 64)
        for precision, search, share in (
            ("float32", "exact", 1), ("int8", "exact", 2), ("uint8", "exact", 2), ("int8", "rescored", 1.5),
        )
    }  # fmt: skip
    made = make_run(tmp_path, "a", ways)
    names = [
        {trace["name"] for trace in figure["data"] if trace.get("fill") != "toself"}
        for figure in Page(report([made])).figures().values()
    ]
    assert {"float32", "int8 = uint8"} in names and {"float32", "int8, rescored"} in names


def test_the_command_writes_the_page(made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / "page.html"
    assert main(["report", str(made.folder.parent), "--html", str(target), "--title", "Mine"]) == 0
    assert str(target) in capsys.readouterr().out
    text = target.read_text(encoding="utf-8")
    assert "<h1>Mine</h1>" in text and len(text) < 8e6
    (tmp_path / "file").touch()
    assert main(["report", str(made.folder), "--html", str(tmp_path / "file" / "x.html")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    with pytest.raises(InputError, match="no run"):
        report([])
