"""The Truncation lab, by clicks and by keys."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from eval.runs import Run
from tests.browser.harness import ROOT, Pages, overflow, settle, shoot
from tests.browser.steps import open_tab
from tests.eval.made_runs import make_run, row
from ui import projection

LAB = "#truncation-lab"
STAGE = f"{LAB} .xp-lab-matrix"
STATE = "e => { const { facts, dim, count, spec } = e.explorer; return { ...facts, dim, count, near: spec.near, full: spec.full, marks: spec.marks } }"  # noqa: E501
FIGURES = ("#truncation-by-adapter", "#truncation-by-format", "#truncation-by-bytes")


@pytest.fixture
def tab(page: Page) -> Page:
    return opened(page)


def opened(page: Page) -> Page:
    open_tab(page, "Truncation lab")
    page.locator(f"{STAGE}[data-drawn]").wait_for(timeout=60_000)
    for figure in FIGURES:
        page.locator(f"{figure} .xp-plot .main-svg").first.wait_for(timeout=60_000)
    return page


@pytest.mark.parametrize("viewport", ["desktop", "phone"])
def test_no_heading_that_opens_has_a_scrollbar(open_page: Pages, viewport: str) -> None:
    page = opened(open_page(viewport=viewport))
    script = "all => all.map(e => [e.textContent.trim().slice(0, 30), e.scrollWidth - e.clientWidth])"
    headings = page.locator(".block:has(> button.label-wrap)").locator("visible=true")
    found = headings.evaluate_all(script)
    assert any(name.startswith("Quality") for name, _ in found)
    assert [(name, wider) for name, wider in found if wider > 0] == []


def state(page: Page) -> dict:
    return page.locator(STAGE).evaluate(STATE)


def width(page: Page, dim: int) -> dict:
    """Moves the lab to a width as the slider's listener does, without the slider."""
    page.evaluate("dim => { window.Explorer.labWidth('truncation', dim) }", dim)
    page.locator(f"{STAGE}[data-dim='{dim}']").wait_for()
    return state(page)


def table(page: Page, figure: str) -> list[dict[str, str]]:
    """The numbers below a figure."""
    numbers = page.locator(f"{figure} details")
    if numbers.get_attribute("open") is None:
        numbers.locator("summary").click()
    numbers.locator("th").first.wait_for()
    head = numbers.locator("th").all_inner_texts()
    rows = numbers.locator("tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
    )
    return [dict(zip(head, cells, strict=True)) for cells in rows]


def click_cell(page: Page, at_row: int, at_col: int) -> None:
    canvas = page.locator(f"{STAGE} canvas")
    box = canvas.bounding_box()
    assert box is not None
    gutter, count = 40, state(page)["count"]
    cell = (box["width"] - gutter - 2) / count
    canvas.click(position={"x": gutter + cell * (at_col + 0.5), "y": gutter + cell * (at_row + 0.5)})


def test_the_first_view_has_everything(page_in_each_view: Page, request: pytest.FixtureRequest) -> None:
    page = opened(page_in_each_view)
    assert state(page)["count"] == 12
    expect(page.locator(f"{LAB} .xp-lab-table tbody tr")).to_have_count(12)
    expect(page.locator("#truncation-numbers tbody tr")).to_have_count(12)  # three adapters, four formats
    click_cell(page, 0, 3)
    expect(page.locator(f"{LAB} .xp-lab-pair article")).to_have_count(2)
    settle(page)
    assert overflow(page) == 0
    shoot(page, request.node.name)


@pytest.mark.core
def test_the_slider_drives_everything_and_the_browser_needs_no_server(tab: Page) -> None:
    before, marks = state(tab), state(tab)["marks"]
    tab.locator(f"button[aria-label='{marks[0]} dimensions']:visible").first.click()
    tab.locator(f"{STAGE}[data-dim='{marks[0]}']").wait_for()
    after = state(tab)
    assert after["kept"] < before["kept"] or after["correlation"] < before["correlation"]
    expect(tab.locator("#truncation-numbers")).to_contain_text(f"The numbers at {marks[0]} dimensions")
    expect(tab.locator(f"{LAB} .xp-lab-facts")).to_contain_text(f"{4 * marks[0]} (")
    for figure in FIGURES:
        expect(tab.locator(f"{figure} .xp-plot")).to_have_attribute("data-marked", str(marks[0]))
    lines = tab.locator(f"{FIGURES[2]} .xp-plot").evaluate("plot => plot.layout.shapes.map((one) => one.x0)")
    assert lines == [marks[0] / 8, marks[0], 4 * marks[0]], "bytes in binary, int8 and float32"
    asked: list[str] = []
    # what is left out is Chromium, which asks for the page's icon anew when its address has changed
    tab.on("request", lambda r: asked.append(r.url) if r.resource_type != "other" else None)
    full = width(tab, before["full"])
    assert (full["kept"], round(full["correlation"], 6), round(full["differs"], 6)) == (1, 1, 0)
    expect(tab.locator(f"{LAB} .xp-lab-lost")).to_contain_text("0 of 12 items")
    assert width(tab, 8)["kept"] < 1
    assert asked == []


def test_the_browsers_numbers_are_the_benchmarks(tab: Page) -> None:
    """What JavaScript computes at each width is what eval's Python has computed for the curves."""
    shown = [r for r in table(tab, FIGURES[0]) if r["curve"] == "retrieval"]
    assert len(shown) >= 10
    for line in shown:
        assert width(tab, int(line["dimensions"]))["kept"] == pytest.approx(
            float(line["neighbours kept"]), abs=1e-4
        )
    tab.get_by_label("rank correlation").check()
    expect(tab.locator(f"{FIGURES[0]} .xp-chart-title")).to_contain_text("Rank correlation")
    for line in (r for r in table(tab, FIGURES[0]) if r["curve"] == "retrieval"):
        assert width(tab, int(line["dimensions"]))["correlation"] == pytest.approx(
            float(line["rank correlation"]), abs=2e-3
        )


def test_the_small_map_is_principal_components(tab: Page) -> None:
    sent = tab.locator(STAGE).evaluate(
        "e => ({ vectors: e.explorer.spec.vectors, full: e.explorer.spec.full })"
    )
    vectors = np.frombuffer(base64.b64decode(sent["vectors"]), "<f4").reshape(-1, sent["full"])
    for dim in (sent["full"], 32, 9):
        width(tab, dim)
        found = np.array(tab.locator(STAGE).evaluate("e => e.explorer.is"), np.float32)
        cut = vectors[:, :dim] / np.linalg.norm(vectors[:, :dim], axis=1, keepdims=True)
        assert projection.aligned(found, projection.pca(cut, 2)[0])[1] < 1e-3


@pytest.mark.core
def test_cells_and_lost_neighbours_open_the_pair(tab: Page) -> None:
    pair = tab.locator(f"{LAB} .xp-lab-pair")
    expect(pair).to_be_hidden()
    width(tab, 8)
    tab.locator(f"{LAB} .xp-lab-table td:nth-child(4) .xp-lab-chip").first.click()
    expect(pair.locator("article")).to_have_count(2)
    expect(pair).to_contain_text("at full width")
    was = pair.inner_text()
    click_cell(tab, 1, 7)
    assert pair.inner_text() != was
    tab.locator(STAGE).focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        tab.keyboard.press(key)
    expect(tab.locator(f"{LAB} .xp-live")).to_contain_text("cosine")
    at_eight = pair.inner_text()
    width(tab, 200)
    expect(pair).to_contain_text("cosine at 200")  # the pair follows the slider
    assert pair.inner_text() != at_eight
    tab.locator(f"{LAB} [data-view=change]").click()
    assert "change of the cosine" in (tab.locator(STAGE).get_attribute("aria-label") or "")


def test_quality_comes_from_examples_and_from_typed_pairs(tab: Page) -> None:
    tab.get_by_label("quality", exact=True).check()
    expect(tab.locator(f"{FIGURES[0]} .xp-chart-title")).to_contain_text("nDCG@10")
    assert {r["curve"] for r in table(tab, FIGURES[1])} == {"float32", "int8", "binary", "PCA (control)"}
    expect(tab.locator("#truncation-status")).to_contain_text("Pairs, from the example set")
    tab.get_by_role("button", name="Quality: which items answer which").click()
    tab.get_by_role("textbox", name="Pairs typed").fill("1, 7\n2, 8\nnonsense")
    tab.get_by_label("pairs typed below").check()
    expect(tab.locator("#truncation-status")).to_contain_text("line 3 of the pairs is 'nonsense'")
    tab.get_by_role("textbox", name="Pairs typed").fill("1, 7\n2, 8")
    tab.locator("#truncation-go").click()
    expect(tab.locator("#truncation-status")).to_contain_text("Pairs, from your pairs")


def test_neighbours_adapters_and_collection_are_chosen(tab: Page) -> None:
    tab.get_by_label("number input for Neighbours that count").fill("3")
    tab.locator("#truncation-go").click()
    expect(tab.locator(f"{LAB} .xp-lab-facts")).to_contain_text("Kept of 3 neighbours")
    side = tab.locator(".xp-side:visible")
    side.get_by_label("Example sets").click()
    tab.get_by_role("option", name="Languages").click()
    tab.wait_for_function(f"() => document.querySelector('{STAGE}').explorer.count === 20")
    expect(tab.locator("#truncation-status")).to_contain_text("20")
    side.get_by_role("button", name="Clear").click()
    expect(tab.locator("#truncation-status")).to_contain_text("at least 4 items")


def test_everything_is_saved(tab: Page, tmp_path: Path) -> None:
    saved = {}
    for place in (LAB, FIGURES[0]):
        for button in tab.locator(f"{place} [data-save]").all():
            with tab.expect_download() as waiting:
                button.click()
            path = tmp_path / waiting.value.suggested_filename
            waiting.value.save_as(path)
            saved[path.name] = path
    names = sorted(saved)
    assert len(names) == 7
    for name in names:
        if name.endswith(".png"):
            with Image.open(saved[name]) as picture:
                assert picture.width > 500 and len(picture.convert("RGB").getcolors(10**6) or []) > 20
    lab = next(name for name in names if name.endswith(".json") and "by-adapter" not in name)
    assert len(json.loads(saved[lab].read_text())["cosines"]) == 12
    lines = saved["truncation-by-adapter.csv"].read_text().splitlines()
    assert lines[0] == "curve,dimensions,neighbours kept,low,high" and len(lines) > 30
    assert "Plotly.newPlot" in saved["truncation-by-adapter.html"].read_text()
    settle(tab)


@pytest.fixture
def saved_run() -> Iterator[Run]:
    """A run where runs are kept, with figures of every kind; gone afterwards."""
    draws = np.random.default_rng(1)
    full = draws.random(40)
    values = {
        row(dim, **change): np.clip(full + shift * draws.random(40), 0, 1)
        for dim, shift in ((16, -0.5), (32, -0.05), (64, 0.0))
        for change in ({}, {"precision": "binary"}, {"task": "code"})
    }
    values[row()] = full
    costs = [
        {
            **{name: getattr(one, name) for name in ("model", "task", "benchmark", "vectors", "dim")},
            "precision": one.precision, "search": "exact", "baseline": None, "metric": "ndcg@10",
            "value": float(np.mean(v)), "searched_bytes": 4 * (one.dim or 1),
            "latency_median_ms": 0.1 if one.precision == "float32" else None, "latency_p95_ms": 0.2,
            "latency_documents": 10, "is_worth": True,
        }
        for one, v in values.items()
    ]  # fmt: skip
    near = [{**cost, "overlap@10": 0.5, "rank_correlation": 0.7} for cost in costs if cost["dim"] < 64]
    run = make_run(ROOT / "results", "29991231-000000-lab-test", values, costs=costs, neighbours=near)
    yield run
    shutil.rmtree(run.folder)


def test_a_saved_run_shows_its_figures_from_disk(saved_run: Run, tab: Page) -> None:
    tab.get_by_role("button", name="Saved benchmark runs").click()
    expect(tab.locator("#truncation-saved-status")).to_be_visible()
    tab.get_by_label("Run", exact=True).click()
    tab.get_by_role("option", name="b-test").click()
    expect(tab.locator("#truncation-saved-status")).to_contain_text(saved_run.run_id)
    for name in ("by-adapter", "by-format", "differences", "bytes", "neighbours", "latency"):
        expect(tab.locator(f"#saved-{name} .xp-plot .main-svg").first).to_be_visible()
    told = {line["against full width"] for line in table(tab, "#saved-by-adapter")}
    assert "shown to lose more than the margin" in told
    tab.get_by_label("Adapter of the run").click()
    tab.get_by_role("option", name="code").click()
    expect(tab.locator("#saved-differences .xp-chart-title")).to_contain_text("small, code")
    settle(tab)
    assert overflow(tab) == 0
    shoot(tab, "truncation-saved-run")


def test_two_hundred_items_follow_the_slider_in_time(tab: Page) -> None:
    side = tab.locator(".xp-side:visible")
    words = [
        f"{a} {b}" for a in ("red", "blue", "old", "small", "loud", "calm", "wet", "high") for b in range(25)
    ]
    side.get_by_role("button", name="Clear").click()
    side.get_by_label("Add texts").first.fill("\n".join(words))
    side.get_by_role("button", name="Add texts").click()
    tab.wait_for_function(f"() => document.querySelector('{STAGE}').explorer.count === 200", timeout=120_000)
    expect(tab.locator("#truncation-status")).to_contain_text("200", timeout=120_000)
    browser = tab.context.new_cdp_session(tab)
    # time of the processor, not of the clock: other tests may keep the machine busy
    browser.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds() -> float:
        found = browser.send("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in found if one["name"] == "TaskDuration")

    dims, before = (200, 64, 65, 100, 32, 33, 16, 17), seconds()
    for dim in dims:
        width(tab, dim)
    each = 1000 * (seconds() - before) / len(dims)
    assert 0 < each < 150, f"{each:.0f} ms of a slider's step"
    expect(tab.locator(f"{LAB} .xp-lab-table tbody tr")).to_have_count(60)


def test_marks_pressed_in_quick_succession_draw_first_and_move_the_slider_once(tab: Page) -> None:
    box = tab.locator(".xp-width:visible input[type=number]").first
    expect(box).to_have_value("128")
    press = """([stage, widths]) => new Promise((done) => {
        const box = [...document.querySelectorAll(".xp-width input[type=number]")].find((one) => one.offsetParent);
        const marks = [...document.querySelectorAll(".xp-marks button")].filter((one) => one.offsetParent);
        for (const width of widths) marks.find((one) => one.textContent === String(width)).click();
        const look = () => (document.querySelector(stage).dataset.dim === String(widths.at(-1)) ? done(box.value) : requestAnimationFrame(look));
        look();
    })"""  # noqa: E501
    moves: list[str] = []
    tab.on(
        "request",
        lambda r: moves.append(r.url) if r.url.endswith("/queue/join") or "/queue/join?" in r.url else None,
    )
    assert tab.evaluate(press, [STAGE, [16, 32, 64]]) == "128", "drawn before gradio has heard of it"
    expect(box).to_have_value("64")
    expect(tab.locator("#truncation-numbers")).to_contain_text("The numbers at 64 dimensions")
    settle(tab)
    assert len(moves) == 1, "the server is asked for the last width alone"
