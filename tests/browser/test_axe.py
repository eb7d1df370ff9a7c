"""axe-core finds nothing grave in the report, and would find what is; test_start.py has the tabs."""

import re
from pathlib import Path

import pytest

from eval.report import report
from tests.browser.axe import grave
from tests.browser.conftest import VIEWS
from tests.browser.harness import Pages, settle
from tests.browser.steps import open_tab
from tests.browser.test_start import ALL_TABS
from tests.eval.made_runs import real_run


@pytest.mark.core
def test_axe_would_notice(open_page: Pages) -> None:
    page = open_page()
    page.evaluate(
        "() => { document.querySelector('h1').style.color = '#fafafa'; document.body.append(new Image()); }"
    )
    assert {found["rule"] for found in grave(page)} >= {"color-contrast", "image-alt"}


@pytest.mark.parametrize("view", VIEWS, ids="-".join)
def test_what_is_opened_has_no_serious_fault(open_page: Pages, view: tuple[str, str]) -> None:
    """The code below each result is closed at first, and a closed one axe passes over."""
    page = open_page(theme=view[0], viewport=view[1])
    faults = {}
    for name in [name.strip() for name in page.locator(ALL_TABS).all_text_contents()]:
        open_tab(page, name)
        settle(page)
        code = page.get_by_role("button", name=re.compile("does the same|The Python")).locator("visible=true")
        if name != "Evaluation":  # whose code lies in its inner tabs
            code.last.click()
            settle(page)
        if found := grave(page):
            faults[name] = found
    assert not faults


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
