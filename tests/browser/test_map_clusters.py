"""Clusters on the map go with what is on it: another adapter, another collection, a link."""

from playwright.sync_api import Page, expect

from tests.browser.harness import Pages, settle
from tests.browser.test_map import MAP, STAGE, opened


def test_clusters_follow_the_adapter_the_collection_and_the_link(open_page: Pages) -> None:
    def clustered(page: Page, keys: int, task: str) -> None:
        expect(page.get_by_role("combobox", name="Colour")).to_have_value("cluster")
        expect(page.locator(f"{MAP} .xp-map-key")).to_have_count(keys)
        expect(page.locator("#map-status")).to_contain_text("Clusters")
        expect(page.locator("#map-status")).to_contain_text(task)

    tab = opened(open_page())
    tab.locator("#map-clusters input").click()
    tab.get_by_role("option", name="k-means").click()
    clustered(tab, 4, "retrieval")
    tab.get_by_label("Task").locator("visible=true").click()
    tab.get_by_role("option", name="text-matching").locator("visible=true").click()
    clustered(tab, 4, "text-matching")
    tab.locator(".xp-side:visible").get_by_label("Example sets").click()
    tab.get_by_role("option", name="Languages").click()
    tab.wait_for_function("stage => document.querySelector(stage).explorer.view.v.n === 20", arg=STAGE)
    clustered(tab, 4, "text-matching")
    tab.get_by_role("combobox", name="Colour").select_option("characters")
    tab.get_by_label("Task").locator("visible=true").click()
    tab.get_by_role("option", name="code").locator("visible=true").click()
    expect(tab.locator("#map-status")).to_contain_text("code")
    expect(tab.locator("#map-status")).to_contain_text("Clusters")
    settle(tab)
    expect(tab.get_by_role("combobox", name="Colour")).to_have_value("characters")  # chosen by hand
    query = {"tab": "map", "map.clusters": "k-means", "map.task": "code", "s": "1"}
    clustered(open_page(query=query), 4, "code")
