"""What the tabs' tests share."""

from playwright.sync_api import Page, expect

# The default of five seconds is short for a busy machine that also runs the model.
expect.set_options(timeout=20_000)


def drawn(page: Page, figure: str, title: str = "") -> None:
    """Waits until a figure is drawn, with these words in its heading."""
    expect(page.locator(f"{figure} .xp-plot .main-svg").first).to_be_visible()
    if title:
        expect(page.locator(f"{figure} .xp-chart-title")).to_contain_text(title)


def appears(page: Page, selector: str, count: int) -> None:
    """Waits until so many elements of this kind are there."""
    expect(page.locator(selector)).to_have_count(count)
