"""axe-core finds nothing serious or critical: on every tab and in the report, in both themes.

The script comes with the package axe-playwright-python; nothing is fetched.
"""

import importlib.resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from eval.report import report
from tests.browser.conftest import VIEWS
from tests.browser.harness import Pages, settle
from tests.browser.steps import open_tab
from tests.browser.test_start import ALL_TABS
from tests.eval.made_runs import real_run

GRAVE = ("serious", "critical")
RUN = """async () => (await axe.run()).violations.map(found => ({
    rule: found.id, impact: found.impact,
    where: found.nodes.slice(0, 4).map(node => [node.html.slice(0, 200), node.failureSummary.slice(0, 300)]),
}))"""


def grave(page: Page) -> list[dict[str, Any]]:
    """What axe-core finds on the page as it stands, from "serious" on."""
    script = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(script)
    return [found for found in page.evaluate(RUN) if found["impact"] in GRAVE]


def test_no_tab_has_a_serious_fault(page_in_each_view: Page) -> None:
    page = page_in_each_view
    names = [name.strip() for name in page.locator(ALL_TABS).all_text_contents()]
    assert len(names) >= 5
    faults = {}
    for name in names:
        open_tab(page, name)
        settle(page, quiet_ms=800, limit_ms=60_000)
        if found := grave(page):
            faults[name] = found
    assert not faults


def test_axe_would_notice(open_page: Pages) -> None:
    page = open_page()
    page.evaluate(
        "() => { document.querySelector('h1').style.color = '#fafafa'; document.body.append(new Image()); }"
    )
    assert {found["rule"] for found in grave(page)} >= {"color-contrast", "image-alt"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a real run."""
    folder = tmp_path_factory.mktemp("axe")
    target = folder / "report.html"
    target.write_text(report([real_run(folder)]), encoding="utf-8")
    return target


@pytest.mark.parametrize("view", VIEWS, ids="-".join)
def test_the_report_has_no_serious_fault(open_page: Pages, written: Path, view: tuple[str, str]) -> None:
    page = open_page.blank(theme=view[0], viewport=view[1])
    page.goto(written.as_uri())
    page.locator("[data-figure]").first.scroll_into_view_if_needed()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    assert not grave(page)
