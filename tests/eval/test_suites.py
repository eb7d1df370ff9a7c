"""Suites: what is committed can be run, a dry run adds up, published values are compared honestly."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedder import Embedder
from embedder.errors import InputError
from embedder.spec import JINA_V4
from eval import benchmarks, estimate, suite
from eval.__main__ import main
from eval.benchmarks.hub import parse
from eval.benchmarks.model import Benchmark, Items, assemble
from eval.config import RunConfig
from eval.estimate import Load, devices, disk_bytes, load_of, load_of_size, spec_of
from eval.results import Row, Score, find_runs, read_run
from eval.suite import DataSize, Part, Planned, Published, load_suite, names, plan_suite, reproduce
from eval.suite_runs import beside_published, dry_run
from tests.eval.conftest import CHECKPOINT, sentences

COMMIT = re.compile(r"[0-9a-f]{40}")


@pytest.mark.parametrize("name", names())
def test_every_part_is_a_run_on_pinned_data(name: str) -> None:
    found = load_suite(name)
    planned = plan_suite(found, {})
    assert planned and found.model == JINA_V4.name
    for one in planned:
        assert one.config.model == JINA_V4.name and one.suite == name
        for data in one.parts[0].data:
            assert data.documents > 0 and data.queries > 0 and data.query_characters > 0
            assert bool(data.document_characters) != bool(data.width and data.height)
            if not data.name.startswith("mteb:"):  # whose data mteb pins itself
                assert COMMIT.fullmatch(parse(data.name).revision or ""), data.name
        assert len({data.name for data in one.parts[0].data}) == len(one.parts[0].data)
    for part in found.parts:
        assert bool(part.data) != bool(part.not_here)


def test_tasks_of_mteb_in_a_suite_are_mtebs() -> None:
    import mteb  # takes seconds

    for part in load_suite("v4-published").parts:
        for data in part.data:
            if data.name.startswith("mteb:"):
                task = mteb.get_task(re.split("[:#]", data.name)[1])
                subset, split = parse(data.name.removeprefix("mteb:")).subset, data.name.partition("#")[2]
                assert subset is None or subset in task.metadata.hf_subsets
                assert not split or split in task.metadata.eval_splits


def test_the_truncation_suite_holds_no_score_and_all_that_matters() -> None:
    found = load_suite("v4-truncation")
    assert all(not part.published for part in found.parts)
    (text, _code, pages) = plan_suite(found, {})
    assert text.config.task == ("retrieval", "text-matching", "code")
    assert text.config.vectors == ("dense", "late") and text.config.dim == ()  # those it was trained for
    assert all(data.width for data in pages.parts[0].data)


def test_published_values_are_those_of_the_paper() -> None:
    found = {
        (part.name, value.vectors): (value.value, value.metric)
        for part in load_suite("v4-published").parts
        for value in part.published
    }
    assert found == {
        ("ViDoRe", "dense"): (0.8411, "ndcg@5"), ("ViDoRe", "late"): (0.9017, "ndcg@5"),
        ("Jina-VDR", "dense"): (0.7398, "ndcg@5"), ("Jina-VDR", "late"): (0.8055, "ndcg@5"),
        ("MTEB-en retrieval", "dense"): (0.5597, "ndcg@10"), ("CoIR", "dense"): (0.7159, "ndcg@10"),
        ("LongEmbed", "dense"): (0.6711, "ndcg@10"), ("MMTEB retrieval", "dense"): (0.6649, "ndcg@10"),
        ("CLIP benchmark", "dense"): (0.8411, "mean"), ("STS multilingual", "dense"): (0.7270, "spearman"),
        ("STS English", "dense"): (0.8589, "spearman"),
    }  # fmt: skip


def test_options_take_the_place_of_what_a_suite_says() -> None:
    found = load_suite("v4-truncation")
    (one,) = plan_suite(found, {"model": "mini", "benchmark": ("bundled",), "dim": (32,)})
    assert [part.name for part in one.parts] == ["text", "code", "visual-documents"]  # now the same run
    assert (one.config.model, one.config.benchmark, one.config.dim) == ("mini", ("bundled",), (32,))
    assert one.described() == {"name": "v4-truncation", "parts": ["text", "code", "visual-documents"]}


def test_a_suite_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--suite", "v5", "--dry-run"]) == 2
    assert "--suite 'v5': one of v4-published, v4-truncation" in capsys.readouterr().err


def test_a_setting_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "SUITES", tmp_path)
    (tmp_path / "own.toml").write_text('about="x"\nmodel="mini"\n[[part]]\nname="a"\nsettings={ widths=[3] }')
    with pytest.raises(InputError, match="widths is no setting"):
        load_suite("own")


def test_a_dry_run_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--suite", "v4-truncation", "--dry-run"]) == 0
    said = capsys.readouterr().out
    data = [one for part in load_suite("v4-truncation").parts for one in part.data]
    items = 3 * sum(one.documents + one.queries for one in data)
    assert f"in all: {items:,} items to encode" in said
    assert all(one.name in said for one in data)
    for name in ("2 CPU cores", "NVIDIA L4", "NVIDIA H100 SXM"):
        (line,) = [line for line in said.splitlines() if line.startswith(name)]
        assert "hours (estimate; rates" in line
        assert "e+" not in line
    assert "rates measured" in said and "rates computed" in said


def test_tokens_and_bytes_are_as_reckoned_by_hand() -> None:
    config = RunConfig(model="x", vectors=("dense", "late"), task=("retrieval", "code"))
    text = load_of_size(DataSize("t", 10, 5, document_characters=400, query_characters=40), config, JINA_V4)
    assert text == Load("t", 15, 10 * 102 + 5 * 12, 0)
    pages = load_of_size(DataSize("p", 3, 2, query_characters=40, width=448, height=448), config, JINA_V4)
    assert pages == Load("p", 5, 2 * 12, 3 * (16 * 16 + 12))
    vectors = 20 * 2048 + (text.tokens + pages.tokens) * 128
    assert disk_bytes([text, pages], config, JINA_V4) == 2 * 4 * vectors
    small = replace(config, max_length=50, max_pixels=28 * 28 * 16)
    assert load_of_size(DataSize("t", 1, 0, document_characters=4000), small, JINA_V4).tokens == 50
    assert load_of_size(DataSize("p", 1, 0, width=900, height=900), small, JINA_V4).tokens == 16 + 12


def test_hours_share_the_vision_tower_among_tasks() -> None:
    device = estimate.Device("d", "measured", text=10.0, vision=5.0, language=20.0, source="x")
    load = Load("p", 3, text_tokens=3600, image_tokens=7200)
    assert device.hours([load], 3) == pytest.approx((3 * 3600 / 10 + 7200 / 5 + 3 * 7200 / 20) / 3600)


def test_rates_have_a_kind_and_a_source() -> None:
    for model in (JINA_V4.name, "mini"):
        found = devices(model)
        assert found and any(one.kind == "measured" for one in found)
        assert all(one.kind in ("measured", "computed") and len(one.source) > 40 for one in found)
        assert all(min(one.text, one.vision, one.language) > 0 for one in found)
    computed = {one.name: one for one in devices(JINA_V4.name) if one.kind == "computed"}
    assert computed["NVIDIA H100 SXM"].text == pytest.approx(989 * 0.3 / 0.00555)
    assert devices("somebody/else") == []


def test_texts_and_pictures_that_are_here_are_counted(model: Embedder) -> None:
    texts, shown = sentences(6), [Image.new("RGB", (60 + 30 * i, 90), (i, 9, 9)) for i in range(4)]
    corpus = Items.of([f"d{i}" for i in range(10)], [*texts, *shown])
    queries = Items.of(["q0"], ["which"])
    benchmark = assemble("x", "text to image", corpus, queries, {"q0": {"d0": 1}})
    found = load_of(benchmark, RunConfig(model=str(CHECKPOINT)), model.spec)
    real = model.embed([*shown], vectors=("late",)).tokens
    assert found.items == 11 and found.is_counted
    assert found.text_tokens == sum(-(-len(text) // 4) + 2 for text in [*texts, "which"])
    assert found.image_tokens == pytest.approx(sum(real), abs=4 * estimate.PICTURE_PROMPT_TOKENS)


def test_a_dry_run_of_a_folder_loads_no_model(
    folder: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Embedder, "from_pretrained", None)  # calling it would fail
    small = folder(6, 20)
    names = f"{small},someone/unknown"
    assert (
        main(["run", "--dry-run", "--model", "mini", "--benchmark", names, "--task", "code,retrieval"]) == 0
    )
    said = capsys.readouterr().out
    assert "in all: 52 items" in said and "counted" in said
    assert said.splitlines()[-1].endswith("before they are fetched: someone/unknown")


def test_nothing_is_reckoned_of_what_is_unknown() -> None:
    with pytest.raises(InputError, match="nothing is known of 'st:x'"):
        spec_of("st:x")
    assert spec_of("somebody/finetuned-v4") is JINA_V4
    assert spec_of(str(CHECKPOINT)).dim == 256


def scored(benchmark: str, value: float, **change: Any) -> Score:
    row = Row(
        **(
            {
                "model": "m", "task": "retrieval", "benchmark": benchmark, "vectors": "dense", "dim": 64,
                "precision": "float32", "search": "exact", "baseline": None, "metric": "ndcg@5",
            }
            | change
        )
    )  # fmt: skip
    return Score(row, value, 0.0, 1.0, ["q"], np.array([value]))


PART = Part(
    "p",
    {},
    (DataSize("a", 1, 1), DataSize("b1", 1, 1, of="b"), DataSize("b2", 1, 1, of="b")),
    (Published("dense", "ndcg@5", 0.5, "somewhere"),),
)


def test_published_values_stand_beside_means_of_tasks() -> None:
    scores = [
        scored("a", 0.2), scored("b1", 0.6), scored("b2", 0.8),
        scored("a", 0.9, dim=32), scored("a", 0.9, precision="int8"), scored("a", 0.9, baseline="pca"),
        scored("a", 0.9, metric="map"), scored("a", 0.9, vectors="late"), scored("a", 0.9, model="other"),
        scored("b1", 0.7, vectors="late", dim=8), scored("b2", 0.5, vectors="late", dim=8),
        scored("b2", 0.1, vectors="late", dim=8, precision="binary"),
        scored("a", 0.1, vectors="late", dim=8, precision="int8", search="rescored"),
    ]  # fmt: skip
    (found,) = reproduce(PART, ["a", "b1", "b2"], scores, "m", 64)
    assert found.measured == pytest.approx((0.2 + (0.6 + 0.8) / 2) / 2)
    (lacking,) = reproduce(PART, ["a", "b1", "b2"], scores[:2], "m", 64)
    assert lacking.measured is None and lacking.why_not == "no ndcg@5 of b"
    (narrow,) = reproduce(PART, ["a", "b1", "b2"], scores, "m", 128)
    assert narrow.measured is None
    late = replace(PART, published=(Published("late", "ndcg@5", 0.5, "somewhere"),))
    (codes_aside,) = reproduce(late, ["a", "b1", "b2"], scores, "m", 64)
    assert codes_aside.measured == pytest.approx((0.9 + (0.7 + 0.5) / 2) / 2)


@pytest.fixture
def own_suite(tmp_path: Path, folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A suite called "own" on two folders, with a published value."""
    made = [folder(6, 20), folder(5, 12, name="other", salt="other")]
    data = ", ".join(f'{{ name = "{path}", documents = 20, queries = 6 }}' for path in made)
    value = '{ vectors = "dense", metric = "ndcg@5", value = 0.25, source = "a paper" }'
    monkeypatch.setattr(suite, "SUITES", tmp_path / "suites")
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "own.toml").write_text(
        f'about = "x"\nmodel = "{CHECKPOINT}"\n[settings]\nmetric = ["ndcg@5"]\n'
        f'[[part]]\nname = "row"\nnote = "a note"\ndata = [{data}]\npublished = [{value}]\n'
        f'[[part]]\nname = "other row"\nnot_here = "because"\npublished = [{value}]\n'
    )
    return made


OPTIONS = ["--device", "cpu", "--model-precision", "float32", "--dim", "16,256"]


def test_a_suite_sets_published_values_beside_its_own(
    own_suite: Sequence[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--suite", "own", *OPTIONS, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    (run,) = find_runs(tmp_path / "out")
    result: Any = read_run(run)
    assert result["suite"] == {"name": "own", "parts": ["row"]}
    full = [row["value"] for row in result["scores"] if row["dim"] == 256 and row["metric"] == "ndcg@5"]
    assert len(full) == 2
    (line,) = [line for line in said.splitlines() if line.startswith("row ") and "a paper" in line]
    assert f"{np.mean(full):.4f}" in line and f"{np.mean(full) - 0.25:+.4f}" in line
    assert "row: a note" in said and said.splitlines()[-1] == str(run)


def test_other_data_are_not_compared_with_published_values(
    own_suite: Sequence[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--benchmark", str(own_suite[0]), "--out", str(tmp_path / "out")]
    assert main(["run", "--suite", "own", *OPTIONS, *options]) == 0
    assert "published" not in capsys.readouterr().out
    assert beside_published(None, Planned(RunConfig(), ()), tmp_path, []) == ""


def test_what_is_not_part_of_a_run_is_said(own_suite: Sequence[Path]) -> None:
    found = load_suite("own")
    assert "other row: not part of this run: because" in dry_run(found, plan_suite(found, {}))


@pytest.mark.slow
def test_the_truncation_suite_runs_on_the_miniature_and_the_bundled_benchmarks(tmp_path: Path) -> None:
    options = ["--model", "mini", "--benchmark", "bundled", "--device", "cpu", "--quiet"]
    assert main(["run", "--suite", "v4-truncation", *options, "--out", str(tmp_path)]) == 0
    (run,) = find_runs(tmp_path)
    result: Any = read_run(run)
    assert result["suite"]["name"] == "v4-truncation"
    made: list[Benchmark] = [benchmarks.load(name) for name in benchmarks.expand(["bundled"])]
    documents, queries = (sum(len(getattr(one, side)) for one in made) for side in ("corpus", "queries"))
    for task, wanted in {
        "retrieval": {"passage": documents, "query": queries},
        "code": {"passage": documents, "query": queries},
        "text-matching": {"query": documents + queries},
    }.items():
        found = result["encoded"][task]
        # What two benchmarks share is encoded for the first of them, and then is there.
        assert {role: count + result["from_cache"][task][role] for role, count in found.items()} == wanted
        assert sum(found.values()) > 0.8 * (documents + queries)
    widths = set(spec_of("mini").matryoshka_dims)
    for name in benchmarks.expand(["bundled"]):
        for task in ("retrieval", "text-matching", "code"):
            rows = [
                row
                for row in result["scores"]
                if (row["benchmark"], row["task"], row["metric"], row["baseline"])
                == (name, task, "ndcg@10", None)
            ]
            assert widths <= {row["dim"] for row in rows} and {row["vectors"] for row in rows} == {
                "dense",
                "late",
            }
