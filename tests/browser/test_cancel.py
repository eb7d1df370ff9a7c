"""Cancel, in each tab: what was stopped stays stopped, whatever still comes in after it."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.steps import drawn

WORDS = "every one of these lines is long enough to keep the model busy for a little while " * 20
"""So many that two quiet cores need some four seconds for all of them: more than the slow network's delay."""


def long_work(page: Page, tab: str) -> None:
    """Starts some two hundred long texts in a tab."""
    lines = "\n".join(f"{tab} {number}: {WORDS}" for number in range(180))
    if tab == "embed":
        page.locator("#embed-texts textarea").fill(lines)
        page.locator("#embed-go").click()
        return
    page.get_by_role("tab", name=tab.capitalize()).click()
    side = page.locator(".xp-side:visible")
    side.get_by_label("Add texts").first.fill(lines)
    side.get_by_role("button", name="Add texts").click()  # a quick model starts at once


def cancel(page: Page) -> Locator:
    return page.get_by_role("button", name="Cancel").locator("visible=true")


def results(page: Page, tab: str) -> Locator:
    """What only a finished piece of work leaves behind."""
    shown = {
        "embed": "#embed-table tbody tr",
        "similarity": "#similarity-figure-1 .main-svg",
        "search": ".xp-hit",
    }
    return page.locator(shown[tab]).locator("visible=true")


@pytest.mark.parametrize("tab", ["embed", "similarity", "search"])
@pytest.mark.parametrize("slow", [0, 1500], ids=["at-once", "slow-network"])
def test_what_was_cancelled_stays_stopped(page: Page, tab: str, slow: int) -> None:
    # A slow way to the server is where late progress used to overtake the message of the cancellation.
    page.evaluate(
        """delay => {
            const direct = window.fetch;
            window.fetch = async (...call) => {
                const address = String(call[0]?.url ?? call[0]);
                if (address.includes("/cancel")) await new Promise(go => setTimeout(go, delay));
                return direct(...call);
            };
        }""",
        slow,
    )
    status = page.locator(f"#{tab}-status")
    long_work(page, tab)
    bar = status.locator(".xp-progress")
    expect(bar).to_have_attribute("aria-valuemax", re.compile(r"^1[89]\d$"))  # the first view's is over
    expect(bar).to_be_in_viewport()
    cancel(page).click()
    expect(status).to_contain_text("Stopped")
    page.evaluate(
        """id => {
            window.seen = [];
            const status = document.querySelector(id);
            const look = () => window.seen.push(status.innerText);
            const all = { subtree: true, childList: true, characterData: true };
            new MutationObserver(look).observe(status, all);
        }""",
        f"#{tab}-status",
    )
    page.wait_for_timeout(slow + 1500)
    assert all("Stopped" in words for words in page.evaluate("window.seen"))
    expect(status).to_contain_text("Stopped")
    expect(status.locator(".xp-progress")).to_have_count(0)
    expect(results(page, tab)).to_have_count(0)


@pytest.mark.core
def test_what_waits_behind_other_work_is_stopped_at_once(page: Page) -> None:
    long_work(page, "embed")
    expect(page.locator("#embed-status .xp-progress")).to_be_visible()
    page.get_by_role("tab", name="Similarity").click()
    cancel(page).click()  # the tab compares when it opens, but the model is busy with the other one
    expect(page.locator("#similarity-status")).to_contain_text("Stopped")
    expect(cancel(page)).to_be_disabled()
    page.get_by_role("tab", name="Embed").click()
    expect(page.locator("#embed-status")).to_contain_text("Encoding:")
    cancel(page).click()
    expect(page.locator("#embed-status")).to_contain_text("Stopped")
    page.get_by_role("tab", name="Similarity").click()
    page.locator("#similarity-go").click()
    expect(results(page, "similarity")).to_have_count(3)


def test_cancel_can_be_pressed_only_while_something_runs(page: Page) -> None:
    drawn(page, "#embed-figure")
    expect(cancel(page)).to_be_disabled()
    long_work(page, "embed")
    expect(cancel(page)).to_be_enabled()
    cancel(page).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#embed-status")).to_contain_text("Stopped")
    expect(cancel(page)).to_be_disabled()
    expect(page.locator("#embed-go")).to_be_focused()
    page.locator("#embed-texts textarea").fill("a short one")
    page.keyboard.press("Tab")
    page.locator("#embed-go").click()
    expect(results(page, "embed")).to_have_count(4)  # with the example's three pictures
    expect(cancel(page)).to_be_disabled()
