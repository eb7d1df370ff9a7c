"""What the Model tab says: the running model's own numbers, counted, measured or published."""

import re
from xml.etree import ElementTree

import pytest

from embedder import Embedder
from embedder.anatomy import Anatomy, anatomy
from ui import architecture, model_facts
from ui import model as tab
from ui.vectors import Workbench


@pytest.fixture(scope="module")
def parts(model: Embedder) -> Anatomy:
    return anatomy(model)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 K"),
        (999_600, "1 M"),
        (3_085_938_688, "3.09 B"),
        (59_936_768, "59.9 M"),
    ],
)
def test_counts_for_people(count: int, shown: str) -> None:
    assert architecture.number(count) == shown


def test_the_drawing_holds_this_model_s_numbers_and_is_described(parts: Anatomy) -> None:
    svg = ElementTree.fromstring(architecture.drawing(parts, "a <model>"))
    seen = " ".join(svg.itertext())
    assert svg.attrib["role"] == "img" and "a <model>" in seen
    for number in (parts.text.layers, parts.text.width, parts.vision.layers, parts.vision.heads, parts.patch):
        assert str(number) in seen
    described = next(part for part in svg if part.tag == "desc").text or ""
    for exact in (parts.total, parts.text.parameters, parts.projector, *parts.adapters.values()):
        assert f"{exact:,}" in described
    assert all(task in described for task in parts.adapters)
    longest = max(len(line.text or "") for line in svg.iter("text"))
    assert longest < 60, "a line fits its box"


def test_what_is_drawn_stays_inside(parts: Anatomy) -> None:
    svg = ElementTree.fromstring(architecture.drawing(parts, "mini"))
    left, top, width, height = map(float, svg.attrib["viewBox"].split())
    for box in svg.iter("rect"):
        x, y, wide, tall = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert left <= x and x + wide <= left + width and top <= y and y + tall <= top + height


def test_parameters_add_up(parts: Anatomy) -> None:
    said = text(model_facts.parameters(parts))
    assert f"{parts.total:,}" in said and f"{parts.base:,}" in said
    assert parts.base + sum(parts.adapters.values()) == parts.total


def test_the_table_of_generations_is_the_corrected_one(parts: Anatomy) -> None:
    said = text(model_facts.generations(parts, "mini", is_v4=False))
    for fact in (
        "137 million",
        "572 million",
        "3.93 billion",
        "8,192",
        "32,768",
        "yes, to 32",
        "yes, to 128",
    ):
        assert fact in said
    assert f"{parts.total:,}" in said
    own = text(model_facts.generations(parts, "mini", is_v4=True))
    assert f"{parts.total:,}" not in own, "v4 needs no column beside itself"


def test_memory_is_what_was_measured_beside_the_claim(bench: Workbench) -> None:
    report = bench.model.memory_report()
    said = text(model_facts.memory(report, "mini", "float32", is_v4=False))
    assert "9.0 GB" in said and "not to be compared" in said
    assert "against the claim" in text(model_facts.memory(report, "v4", "bfloat16", is_v4=True))


def test_each_choice_says_how_it_came_and_how_to_change_it(bench: Workbench) -> None:
    chosen = text(model_facts.running(bench.model, "mini", {"device": "cpu", "precision": "auto"}))
    assert "asked for with --device cpu" in chosen and "auto is bfloat16 on CUDA" in chosen
    assert "python app.py --model mini --precision bfloat16" in chosen
    assert "batch_size=8" in chosen and bench.model.spec.licence in chosen


@pytest.mark.parametrize("argument", ["mini", "some/folder"])
def test_the_command_to_change_something_changes_it(bench: Workbench, argument: str) -> None:
    chosen = text(model_facts.running(bench.model, argument, {}))
    other = {"mini": "jinaai/jina-embeddings-v4"}.get(argument, "mini")
    assert f"loaded from {argument} python app.py --model {other}" in chosen
    assert (bench.model.device.type, bench.model.precision) == ("cpu", "float32")
    assert "--device cuda" in chosen and "--precision bfloat16" in chosen


def tables(bench: Workbench, parts: Anatomy) -> list[str]:
    model = bench.model
    return [
        model_facts.running(model, "mini", {}),
        model_facts.memory(model.memory_report(), "<mini>", "float32", is_v4=False),
        model_facts.parameters(parts),
        model_facts.generations(parts, "<mini>", is_v4=False),
        model_facts.unsupported(),
        model_facts.caps(bench.limits),
    ]


def test_tables_have_names_of_their_own_and_a_heading_over_every_column(
    bench: Workbench, parts: Anatomy
) -> None:
    shown = tables(bench, parts)
    names = [re.findall(r"role='region' aria-label='([^']+)'", one) for one in shown]
    assert len({name for (name,) in names}) == len(shown)
    for one in shown:
        assert "Picture" not in one, "what stands over a column of thumbnails"
        assert "xp-stack" in one and "data-label=''" not in one
        assert "<mini>" not in one and "&amp;lt;" not in one


def test_the_sources_can_be_followed(parts: Anatomy) -> None:
    html = model_facts.generations(parts, "mini", is_v4=False)
    for way in ("arxiv.org/abs/2310.19923", "arxiv.org/abs/2409.10173", "arxiv.org/abs/2506.18902"):
        assert f"href='https://{way}'" in html
    assert html.count("rel='noreferrer'") == html.count("<a ") == 6


def test_a_name_is_never_markup(bench: Workbench) -> None:
    assert "<script" not in model_facts.running(bench.model, "<script>alert(1)</script>", {})


def test_video_and_3d_are_answered(bench: Workbench) -> None:
    said = text(model_facts.unsupported())
    assert "Video" in said and "3D" in said and "not supported" in said


def test_a_page_alone_offers_only_its_model(bench: Workbench) -> None:
    assert "this page" in tab.choices(bench)
    *_, last = tab.switch(bench, "mini", tab.Ticket())
    assert "only the model that runs" in last[0]
    running, memory, listed = tab.now(bench)
    assert bench.model.spec.name in running and "Total" in memory and "xp-models" in listed


def test_the_python_repeats_the_numbers(bench: Workbench) -> None:
    found: dict[str, object] = {}
    exec(tab.python_code(bench), found)
    assert found["anatomy"](found["model"]) == anatomy(bench.model)  # type: ignore[operator]
