"""The program starts, shows its tabs in every view without a fault, and ends when it is asked to."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import grave
from tests.browser.harness import AppProcess, overflow, settle, shoot
from tests.browser.steps import open_tab

ALL_TABS = "#explorer-tabs > .tab-wrapper .tab-container[aria-hidden] button"
"""gradio measures with a hidden copy of all tabs; those that do not fit are in a menu."""


@pytest.mark.core
def test_every_tab_opens_in_every_view(page_in_each_view: Page, request: pytest.FixtureRequest) -> None:
    view = request.node.callspec.id
    page = page_in_each_view
    names = [name.strip() for name in page.locator(ALL_TABS).all_text_contents()]
    assert {"Embed", "Similarity", "Search", "Tokens & patches"} <= set(names)
    faults = {}
    for name in names:
        open_tab(page, name)
        page.get_by_role("tabpanel").filter(visible=True).first.wait_for()
        expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")
        settle(page)
        shoot(page, f"start-{name.lower()}-{view}")
        assert overflow(page) == 0, f"{name} scrolls sideways"
        if found := grave(page):
            faults[name] = found
    assert not faults


def test_a_model_that_is_not_there_ends_the_start_with_one_message(tmp_path: Path) -> None:
    app = AppProcess(["--model", str(tmp_path / "nowhere")], log=tmp_path / "app.log")
    with pytest.raises(RuntimeError, match="nowhere"):
        app.wait_until_ready()
    printed = app.log.read_text()
    assert "Traceback" not in printed
    assert app.process.returncode not in (0, None)


def test_it_ends_cleanly_when_asked_to(tmp_path: Path, test_model: str) -> None:
    app = AppProcess(["--model", test_model], log=tmp_path / "app.log")
    app.wait_until_ready()
    app.stop()
    assert "Traceback" not in app.log.read_text()
