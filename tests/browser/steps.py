"""What the tabs' tests share."""

from playwright.sync_api import Page, expect

# The default of five seconds is short for a busy machine that also runs the model.
expect.set_options(timeout=45_000)


def drawn(page: Page, figure: str, title: str = "") -> None:
    """Waits until a figure is drawn, with these words in its heading."""
    expect(page.locator(f"{figure} .xp-plot .main-svg").first).to_be_visible()
    if title:
        expect(page.locator(f"{figure} .xp-chart-title")).to_contain_text(title)


def appears(page: Page, selector: str, count: int) -> None:
    """Waits until so many elements of this kind are there."""
    expect(page.locator(selector)).to_have_count(count)


def open_tab(page: Page, name: str) -> None:
    """Opens a tab; where they do not all fit, the last ones are behind a button with three dots."""
    tab, more = page.get_by_role("tab", name=name, exact=True), page.get_by_role("button", name="More tabs")
    expect(tab.or_(more).first).to_be_visible()
    page.wait_for_function(
        """name => [...document.querySelectorAll("#explorer-tabs [role=tab], .overflow-dropdown button")]
            .some(tab => tab.textContent.trim() === name)""",
        arg=name,
    )
    if tab.count():
        tab.click()
        return
    more.first.click()
    page.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True).click()
