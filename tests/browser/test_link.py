"""A view in the address: kept while one works, copied as a link, opened again."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import Pages, overflow, settle, shoot
from tests.browser.steps import appears, drawn, open_tab


def address(page: Page) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def address_has(page: Page, key: str, value: str | None) -> None:
    page.wait_for_function(
        "([key, value]) => new URLSearchParams(location.search).get(key) === value", arg=[key, value]
    )


def copied(page: Page) -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".xp-link-said")).to_contain_text("Link copied")
    return page.evaluate("navigator.clipboard.readText()")


def test_settings_go_into_the_address_without_a_round_trip(page: Page) -> None:
    drawn(page, "#embed-figure")
    settle(page)
    assert "s" not in address(page), "what is as at first is not written"
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.get_by_role("radio", name="passage").locator("visible=true").check()  # waits for the button Embed
    address_has(page, "embed.role", "passage")
    address_has(page, "s", "1")
    assert not sent
    page.get_by_role("radio", name="query").locator("visible=true").check()
    address_has(page, "embed.role", None)
    address_has(page, "s", None)


def test_figures_do_not_hang_on_the_address_that_they_were_drawn_at(page: Page) -> None:
    """A clip path that names another address than the page's clips all curves away."""
    drawn(page, "#embed-figure")
    open_tab(page, "Truncation lab")
    drawn(page, "#truncation-by-adapter")
    paths = page.locator(".xp-plot [clip-path]").evaluate_all(
        "all => all.map(e => e.getAttribute('clip-path'))"
    )
    assert len(paths) > 10
    assert [path for path in paths if not path.startswith("url(#")] == []


@pytest.mark.core
def test_a_copied_link_opens_the_same_view(page: Page, open_page: Pages) -> None:
    drawn(page, "#embed-figure")
    open_tab(page, "Similarity")
    drawn(page, "#similarity-figure-1")
    page.get_by_label("Example sets").locator("visible=true").click()
    page.get_by_role("option").nth(1).click()
    name = page.get_by_label("Example sets").locator("visible=true").input_value()
    address_has(page, "set", name)
    page.get_by_role("radio", name="Euclidean").locator("visible=true").check()
    page.get_by_role("button", name="32 dimensions").locator("visible=true").click()
    address_has(page, "similarity.dim", "32")
    drawn(page, "#similarity-figure-1", "euclidean · 32 dimensions")
    items = page.locator(".xp-side:visible .xp-list li").count()
    link = copied(page)
    assert "__theme" not in link, "a link leaves the theme to whoever opens it"

    other = open_page(theme="dark", viewport="phone", query=link_query(link))
    expect(other.get_by_role("tab", name="Similarity", exact=True)).to_have_attribute("aria-selected", "true")
    drawn(other, "#similarity-figure-1", "euclidean · 32 dimensions")
    expect(other.get_by_role("radio", name="Euclidean").locator("visible=true")).to_be_checked()
    appears(other, ".xp-side:visible .xp-list li", items)
    expect(other.get_by_label("Example sets").locator("visible=true")).to_have_value(name)
    assert parse_qs(urlsplit(other.url).query) == {"__theme": ["dark"], **parse_qs(urlsplit(link).query)}
    assert overflow(other) == 0


def link_query(link: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in urlsplit(link).query.split("&"))


def test_settings_of_a_tab_that_is_not_open_wait_for_it(open_page: Pages) -> None:
    page = open_page(query={"s": "1", "search.query": "a+green+star", "map.dim": "32", "map.space": "3D"})
    drawn(page, "#embed-figure")
    assert address(page)["map.dim"] == "32", "the address keeps what is not open yet"
    open_tab(page, "Search")
    expect(page.locator("#search-query textarea")).to_have_value("a green star")
    expect(page.locator("#search-results")).to_contain_text("a green star")
    open_tab(page, "Map")
    expect(page.locator("#map-figure .xp-chart-title")).to_contain_text("32 dimensions")
    expect(page.get_by_role("radio", name="3D")).to_be_checked()


def test_a_link_says_what_it_cannot_carry(page: Page) -> None:
    drawn(page, "#embed-figure")
    page.locator("#embed-texts textarea").fill("long " * 100)
    open_tab(page, "Similarity")
    page.get_by_role("button", name="Remove", exact=False).locator("visible=true").first.click()
    address_has(page, "tab", "similarity")
    drawn(page, "#similarity-figure-1")
    said = page.locator(".xp-link-said")
    link = copied(page)
    expect(said).to_contain_text("the collection")
    expect(said).to_contain_text("too long")
    assert "embed.texts" not in link and "set=" not in link
    shoot(page, "link-copied", full_page=False)


def test_a_faulty_link_opens_the_page_and_says_what_is_wrong(open_page: Pages) -> None:
    page = open_page(
        query={
            "s": "1",
            "tab": "nowhere",
            "embed.dim": "100000",
            "x.y": "<b>bold</b>",
            "embed.role": "passage",
        }
    )
    drawn(page, "#embed-figure")
    said = page.locator("#explorer-said")
    expect(said.locator(".xp-warn")).to_have_count(3)
    expect(said).to_contain_text("'nowhere'")
    expect(said).to_contain_text("'100000' is no whole number from 1 to")
    expect(page.get_by_role("radio", name="passage").locator("visible=true")).to_be_checked()
    shoot(page, "link-faulty")
