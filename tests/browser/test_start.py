"""The program starts, shows its tabs in every view without an error, and ends when it is asked to."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.harness import AppProcess, overflow, settle, shoot


def test_every_tab_opens_in_every_view(page_in_each_view: Page, request: pytest.FixtureRequest) -> None:
    view = request.node.callspec.id
    tabs = page_in_each_view.get_by_role("tab")
    names = [name.strip() for name in tabs.all_inner_texts() if name.strip()]
    assert {"Embed", "Similarity", "Search"} <= set(names)
    for name in names:
        tab = page_in_each_view.get_by_role("tab", name=name, exact=True)
        tab.click()
        page_in_each_view.get_by_role("tabpanel").filter(visible=True).first.wait_for()
        assert tab.get_attribute("aria-selected") == "true"
        settle(page_in_each_view)
        shoot(page_in_each_view, f"start-{name.lower()}-{view}")
        assert overflow(page_in_each_view) == 0, f"{name} scrolls sideways"


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
