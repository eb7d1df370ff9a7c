"""The Evaluation tab, by clicks: leaderboard, queries, comparison, a run, a cancelled run, downloads."""

import csv
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from eval.config import RunConfig
from eval.run import run
from tests.browser.harness import ARTIFACTS, Pages, overflow, running, shoot
from tests.browser.steps import drawn, open_tab

RESULTS = "results"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, test_model: str) -> Path:
    """A folder with two runs of the real model, as the command line leaves them."""
    folder = tmp_path_factory.mktemp("home")
    for precision in (("float32",), ("float32", "binary")):
        told = {"model": test_model, "benchmark": ("python-docs",), "dim": (16, 64), "device": "cpu"}
        run(RunConfig(**told, precision=precision, out=folder / RESULTS), quiet=True)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module")
def app_url(home: Path, test_model: str) -> Iterator[str]:
    """The program, with its results in a folder of its own."""
    with running(["--model", test_model], log=ARTIFACTS / "evaluation.log", cwd=home) as app:
        yield app.url


def open_part(page: Page, name: str) -> None:
    """Opens a part of the tab; on a telephone the last ones are behind the second button with three dots."""
    parts = page.locator("#evaluation-parts")
    tab = parts.get_by_role("tab", name=name, exact=True)
    if tab.count():
        tab.click()
        return
    parts.get_by_role("button", name="More tabs").click()
    parts.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True).click()


def runs_in(home: Path) -> list[Path]:
    return sorted((home / RESULTS).glob("*/result.json"))


def board(page: Page) -> Page:
    open_tab(page, "Evaluation")
    expect(page.locator("#board-table tbody tr")).not_to_have_count(0)
    return page


def start(page: Page) -> Page:
    open_part(board(page), "Run a benchmark")
    expect(page.locator("#start-estimate li").first).to_be_visible(timeout=60_000)
    return page


def test_every_part_fits_in_every_view(page_in_each_view: Page, request: pytest.FixtureRequest) -> None:
    page = board(page_in_each_view)
    view = request.node.callspec.id
    assert overflow(page) == 0
    shoot(page, f"evaluation-board-{view}")
    box, wide = page.locator("#board-table .ev-open").first.bounding_box(), page.viewport_size
    assert box and wide and box["x"] + box["width"] < wide["width"]  # what opens a run is in sight
    page.locator("#board-table .ev-open").first.click()
    expect(page.locator("#look-queries tbody tr")).to_have_count(20)
    page.locator("#look-queries .ev-open").first.click()
    expect(page.locator("#look-query .ev-documents li").first).to_be_visible()
    assert overflow(page) == 0
    shoot(page, f"evaluation-query-{view}")
    open_part(page, "Compare two runs")
    drawn(page, "#compare-figure")
    assert overflow(page) == 0
    shoot(page, f"evaluation-compare-{view}")
    open_part(page, "Run a benchmark")
    expect(page.locator("#start-estimate li").first).to_be_visible(timeout=60_000)
    assert overflow(page) == 0
    shoot(page, f"evaluation-start-{view}")


@pytest.mark.core
def test_the_leaderboard_sorts_filters_and_is_taken_away(page: Page) -> None:
    board(page)
    rows = page.locator("#board-table tbody tr")
    expect(rows).to_have_count(4)  # float32 twice, kept once; binary
    page.get_by_role("button", name="Width").click()
    head = page.locator("#board-table th").nth(4)  # after model, score, benchmark and adapter
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert rows.locator("td:nth-child(5)").all_inner_texts() == ["16", "16", "64", "64"]
    page.get_by_role("button", name="Width").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    page.get_by_label("Of equal searches only the newest run").uncheck()
    expect(rows).to_have_count(6)
    with page.expect_download() as download:
        page.get_by_role("link", name="These rows as CSV").click()
    found = list(csv.DictReader(download.value.path().open()))
    assert [row["dim"] for row in found] == ["64"] * 3 + ["16"] * 3
    assert {row["metric"] for row in found} == {"ndcg@10"}


@pytest.mark.core
def test_a_query_opens_with_what_two_searches_found(page: Page, home: Path) -> None:
    board(page).locator("#board-table .ev-open").first.click()
    expect(page.locator("#look-queries tbody tr")).to_have_count(20)
    losses = page.locator("#look-queries tbody td:nth-child(4)").all_inner_texts()
    assert [float(loss) for loss in losses] == sorted(map(float, losses), reverse=True)
    first = page.locator("#look-queries .ev-open").first
    expect(first).not_to_contain_text("q:")  # its words, not its id
    asked = first.inner_text()
    first.click()
    expect(page.locator("#look-query .xp-asked")).to_contain_text(asked[:60])
    expect(page.locator("#look-query .xp-column")).to_have_count(3)
    expect(page.locator("#look-query .ev-relevant").first).to_contain_text("relevant")
    page.locator("#look-queries").get_by_role("button", name="Next").click()
    expect(page.locator("#look-queries .ev-pager")).to_contain_text("21 to 40 of 228")
    page.locator("#look-figures").get_by_role("button").first.click()
    drawn(page, "#look-figure-by-adapter", "nDCG@10 by width")


def test_a_run_is_taken_away_and_its_report_opens_beside(page: Page, home: Path) -> None:
    board(page).locator("#board-table .ev-open").first.click()
    facts = page.locator("#look-facts")
    with page.expect_download() as download:
        facts.get_by_role("link", name="Everything as a zip").click()
    names = zipfile.ZipFile(download.value.path()).namelist()
    known = {"result.json", "per_query.parquet", "tests.parquet", "examples.json"}
    assert {Path(name).name for name in names} == known
    with page.context.expect_page() as opened:
        facts.get_by_role("link", name="Open the HTML report").click()
    report = opened.value
    report.locator("[data-figure]").first.wait_for(timeout=60_000)
    assert "/explorer/runs/report?runs=" in report.url
    report.close()


def test_two_runs_are_compared_down_to_single_queries(page: Page) -> None:
    open_part(board(page), "Compare two runs")
    table = page.locator("#compare-table")
    expect(table.locator(".xp-note").first).to_contain_text("B is better in 0 of 2 searches")
    drawn(page, "#compare-figure", "nDCG@10: B − A")
    table.locator(".ev-open").first.click()
    expect(page.locator("#compare-queries")).to_contain_text("None.")
    drawn(page, "#compare-query-figure", "0 queries gain, 0 lose, 228 stay")


def test_a_benchmark_runs_by_clicks_and_can_be_looked_into(page: Page, home: Path) -> None:
    before = runs_in(home)
    start(page)
    expect(page.locator("#start-estimate")).to_contain_text("0 of 466 passes")
    expect(page.locator("#start-benchmarks")).to_contain_text("238")
    page.locator("#start-go").click()
    expect(page.locator("#start-status")).to_contain_text("Done: python-docs", timeout=90_000)
    fresh = set(runs_in(home)) - set(before)
    assert len(fresh) == 1
    content = json.loads(fresh.pop().read_text())
    assert content["encoded"] == {"retrieval": {"passage": 0, "query": 0}}  # the cache is the command's
    page.get_by_role("button", name="Look into it").click()
    expect(page.locator("#look-queries tbody tr")).to_have_count(20)
    expect(page.locator("#look-facts")).to_contain_text(f"{len(content['scores']):,}")


def test_a_run_is_cancelled_by_its_visitor_alone(page: Page, open_page: Pages, home: Path) -> None:
    before = runs_in(home)
    other = start(open_page())
    open_part(other, "Leaderboard")
    start(page)
    for name in ("python-code", "scenes", "charts", "text-matching", "code", "late"):
        page.get_by_label(name, exact=True).locator("visible=true").check()
    page.locator("#start-go").click()
    expect(page.locator("#start-status .xp-progress")).to_be_visible(timeout=60_000)
    open_part(other, "Run a benchmark")
    expect(other.locator("#start-status")).to_contain_text("started in another window by another visitor")
    expect(other.locator("#start-cancel")).to_be_disabled()
    other.locator("#start-go").click()
    expect(other.locator("#start-said")).to_contain_text("One runs at a time here")
    page.locator("#start-cancel").click()
    expect(page.locator("#start-status")).to_contain_text("Stopped", timeout=60_000)
    expect(other.locator("#start-status")).to_contain_text("Stopped", timeout=60_000)
    assert runs_in(home) == before
    page.wait_for_timeout(2500)
    expect(page.locator("#start-status")).to_contain_text("Stopped")
    expect(page.locator("#start-cancel")).to_be_disabled()


def test_what_cannot_be_is_said_in_words(page: Page) -> None:
    start(page)
    page.get_by_label("Other widths").fill("nonsense")
    page.get_by_label("Other widths").press("Tab")
    expect(page.locator("#start-estimate")).to_contain_text("whole numbers from 1 to")
    page.locator("#start-go").click()
    expect(page.locator("#start-said")).to_contain_text("whole numbers from 1 to")
