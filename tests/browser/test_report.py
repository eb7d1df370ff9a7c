"""A report in a real browser, opened from the disk: it draws, follows the scheme, and asks for nothing."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from eval.drawing import template
from eval.report import report
from tests.browser.axe import grave
from tests.browser.conftest import VIEWS
from tests.browser.harness import Pages, Watch, overflow
from tests.eval.made_runs import TWO_METRICS, real_run


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of a real run, as an address of the disk."""
    folder = tmp_path_factory.mktemp("report")
    target = folder / "report.html"
    target.write_text(report([real_run(folder)]), encoding="utf-8")
    return target.as_uri()


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of two real runs with different benchmarks and adapters, as an address of the disk."""
    folder = tmp_path_factory.mktemp("several")
    first = real_run(folder, metric=TWO_METRICS)
    alone = (str(folder / "words"),)
    second = real_run(
        folder, metric=TWO_METRICS, benchmark=alone, task=("text-matching",), vectors=("dense",)
    )
    target = folder / "report.html"
    target.write_text(report([first, second]), encoding="utf-8")
    return target.as_uri()


class Offline(Watch):
    """Takes any request for a problem that is not to the disk."""

    def _check_host(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.seen.append(f"request: {url[:200]}")


@pytest.fixture
def pages(browser: Browser) -> Iterator[Pages]:
    """Opens watched pages; any request, console error or exception on one fails the test."""
    opened = Pages(browser, "", Offline())
    yield opened
    problems = opened.close()
    assert not problems, "\n".join(problems)


def opened(pages: Pages, address: str, theme: str = "light", viewport: str = "desktop") -> Page:
    page = pages.blank(theme=theme, viewport=viewport)
    page.goto(address, timeout=60_000)
    page.locator("[data-figure]").first.scroll_into_view_if_needed()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    return page


def ink(page: Page) -> str:
    """Colour of the first figure's text, as drawn."""
    return page.locator(".js-plotly-plot .xtick text").first.evaluate("e => getComputedStyle(e).fill")


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[start : start + 2], 16) for start in (1, 3, 5)))


@pytest.mark.parametrize("view", VIEWS, ids="-".join)
def test_every_figure_is_drawn_in_sight_and_nothing_scrolls_sideways(
    pages: Pages, address: str, view: tuple[str, str]
) -> None:
    page = opened(pages, address, *view)
    assert ink(page) == rgb(template(view[0]).layout.font.color)  # type: ignore[arg-type]
    places = page.locator("[data-figure]:visible")
    assert places.count() >= 7
    for number in range(places.count()):
        places.nth(number).scroll_into_view_if_needed()
        expect(places.nth(number).locator(".main-svg").first).to_be_visible()
    assert page.locator(".gtitle, .plot-container .error").count() == 0
    assert overflow(page) == 0
    names, legend = (places.first.locator(part).count() for part in (".annotation-text", ".legend .traces"))
    # On a telephone the names stand below the figure, in its legend.
    assert (names, legend > 0) == (0, True) if view[1] == "phone" else names > 0 == legend


def test_figures_follow_the_scheme(pages: Pages, address: str) -> None:
    page = opened(pages, address)
    page.emulate_media(color_scheme="dark")
    dark = rgb(template("dark").layout.font.color)
    page.wait_for_function(
        "c => getComputedStyle(document.querySelector('.js-plotly-plot .xtick text')).fill === c", arg=dark
    )
    assert page.evaluate("getComputedStyle(document.body).color") != "rgb(27, 34, 43)"


def test_benchmark_and_adapter_are_chosen_with_the_keyboard(pages: Pages, address: str) -> None:
    page = opened(pages, address)
    shown = page.locator(".detail:visible")
    expect(shown).to_have_count(1)
    assert shown.get_attribute("data-benchmark") == "words"
    page.get_by_label("Benchmark", exact=True).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(shown).to_have_count(1)
    assert [shown.get_attribute(f"data-{name}") for name in ("benchmark", "subject")] == ["shots", "code"]
    expect(page.locator(".examples:visible")).to_have_attribute("data-benchmark", "shots")
    shown.locator("[data-figure]").first.scroll_into_view_if_needed()
    expect(shown.locator(".main-svg").first).to_be_visible()


@pytest.mark.core
def test_metric_and_runs_are_chosen_offline(pages: Pages, several: str) -> None:
    page = opened(pages, several)
    runs, metric = page.get_by_label("Runs", exact=True), page.get_by_label("Metric", exact=True)
    assert runs.locator("option").all_text_contents()[0] == "All runs together"
    metric.select_option("map")
    expect(page.locator("#shown")).to_have_text("MAP of All runs together is shown.")
    expect(page.locator("header")).to_contain_text("values are MAP")
    figure = page.locator("#width ~ div [data-figure]").first
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".ytitle")).to_have_text("MAP (0 to 1)")
    page.get_by_label("Adapter", exact=True).select_option("code")
    runs.select_option("1")  # the newest, with one benchmark and another adapter
    expect(page.locator("#shown")).to_have_text(re.compile("^MAP of .*checkpoint.* is shown"))
    assert page.get_by_label("Benchmark", exact=True).locator("option").all_text_contents() == ["words"]
    expect(page.locator(".detail:visible")).to_have_attribute("data-subject", "text-matching")
    runs.select_option("0")
    expect(page.locator("#shown")).to_have_text("MAP of All runs together is shown.")
    metric.select_option("ndcg@10")
    figure = page.locator("#width ~ div [data-figure]").first
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".ytitle")).to_have_text("nDCG@10 (0 to 1)")
    assert overflow(page) == 0


@pytest.mark.core
def test_numbers_of_a_figure_are_a_table(pages: Pages, address: str) -> None:
    page = opened(pages, address)
    figure = page.locator("figure", has=page.locator(".js-plotly-plot")).first
    figure.locator("summary").click()
    drawn = figure.locator("[data-figure]").evaluate(
        "e => e.data.filter(t => t.fill !== 'toself').map(t => [t.name, ...t.y.map(y => +y.toPrecision(4))])"
    )
    rows = figure.locator("tr")
    told = [rows.nth(n).locator("th, td").all_text_contents() for n in range(rows.count())]
    assert [[r[0], *(float(cell.split(": ")[1]) for cell in r[1:])] for r in told] == drawn


def test_axe_finds_nothing_grave_in_what_is_drawn_and_chosen(pages: Pages, address: str) -> None:
    page = opened(pages, address)
    assert not grave(page)
    page.get_by_label("Metric", exact=True).select_option("map")
    expect(page.locator("#shown")).to_have_text(re.compile("^MAP"))
    page.locator(".detail:visible [data-figure]").first.scroll_into_view_if_needed()
    page.locator(".detail:visible .main-svg").first.wait_for()
    assert not grave(page)


def test_worst_queries_show_their_pictures(pages: Pages, address: str) -> None:
    page = opened(pages, address)
    page.get_by_label("Benchmark", exact=True).select_option("shots")
    first = page.locator(".examples:visible .query[open] img").first
    first.scroll_into_view_if_needed()
    page.wait_for_function("e => e.complete && e.naturalWidth > 0", arg=first.element_handle())


@pytest.mark.core
def test_hostile_texts_stay_texts(pages: Pages, address: str) -> None:
    page = opened(pages, address)
    assert page.title() != "taken over"
    assert page.locator("img[src='x']").count() == 0
