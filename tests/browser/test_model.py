"""The Model tab: numbers of the model that runs, and the way to another one, by clicks."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import ARTIFACTS, AppProcess, Pages, Watch, overflow, running, settle, shoot
from tests.browser.steps import open_tab
from tests.ui.second_model import full_width, halved

HALF = str(full_width() // 2)


@pytest.fixture(scope="module")
def trusted_app() -> Iterator[AppProcess]:
    """The program for one who is trusted, with the miniature."""
    arguments = ["--model", "mini", "--trusted", "--device", "cpu"]
    with running(arguments, log=ARTIFACTS / "trusted.log", ready=300) as app:
        yield app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another model, narrower than the bundled one."""
    return str(halved(tmp_path_factory.mktemp("second") / "half"))


@pytest.fixture
def trusted(browser: Browser, trusted_app: AppProcess, watch: Watch) -> Iterator[Pages]:
    pages = Pages(browser, trusted_app.url, watch)
    yield pages
    problems = pages.close()
    assert not problems, "\n".join(problems)


def opened(page: Page) -> Page:
    open_tab(page, "Model")
    expect(page.locator("#model-memory")).to_contain_text("Total", timeout=150_000)
    return page


def chip(page: Page, name: str) -> str:
    """What the header says."""
    page.set_default_timeout(90_000)
    found = page.locator(".xp-chips li", has_text=re.compile(f"^{name}"))
    expect(found).to_be_visible()
    return found.inner_text().removeprefix(name).strip()


def ask_for(page: Page, name: str) -> None:
    box = page.locator("#model-name input")
    box.fill(name)
    box.press("Enter")
    page.locator("#model-go").click()


def test_the_model_is_drawn_and_measured_in_every_view(page_in_each_view: Page) -> None:
    page = opened(page_in_each_view)
    expect(page.get_by_role("img", name=re.compile("Architecture of"))).to_be_visible()
    expect(page.locator("#model-generations")).to_contain_text("572 million")
    expect(page.locator("#model-unsupported")).to_contain_text("Video")
    expect(page.locator("#model-running")).to_contain_text("python app.py --model")
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll('.xp-arch text')]
            .map(t => t.getBoundingClientRect().height))"""
    )
    assert smallest >= 11, "the drawing can be read"
    sticking_out = page.evaluate(
        """[...document.querySelectorAll('.xp-arch g')].flatMap(g => {
            const box = g.querySelector('rect').getBoundingClientRect();
            return [...g.querySelectorAll('text')].filter(t => t.getBoundingClientRect().right > box.right)
                .map(t => t.textContent);
        })"""
    )
    assert sticking_out == []
    assert overflow(page) == 0
    settle(page)
    size = page.viewport_size or {"width": 0}
    dark = page.evaluate("document.body.classList.contains('dark')")
    shoot(page, f"start-model-{'dark' if dark else 'light'}-{size['width']}")


@pytest.mark.core
def test_without_trust_nothing_can_be_loaded_and_the_caps_are_stated(page: Page) -> None:
    opened(page)
    expect(page.locator("#model-caps")).to_contain_text("without --trusted")
    expect(page.locator("#model-go")).to_have_count(0)
    expect(page.locator("#model-list")).to_contain_text("this page")


def test_a_failed_switch_leaves_all_and_a_good_one_opens_a_new_page(trusted: Pages, folder: str) -> None:
    page = opened(trusted())
    before = chip(page, "Width")
    ask_for(page, "/no/such/folder")
    expect(page.locator("#model-status")).to_contain_text("no such folder", timeout=90_000)
    expect(page.locator("#model-status")).to_contain_text("The model that runs is as it was")
    other = trusted()
    assert chip(other, "Width") == before
    ask_for(page, folder)
    expect(page.locator("#model-status")).to_contain_text("is ready", timeout=180_000)
    shoot(page, "model-switched")
    page.locator("#model-status .xp-go-there").click()
    page.wait_for_url(re.compile(r"[?&]model="))
    assert "__theme=light" in page.url and "tab=model" in page.url, "settings of the address come along"
    page.get_by_role("tab").first.wait_for(timeout=90_000)
    assert chip(page, "Width") == HALF != before
    open_tab(page, "Similarity")
    slider = page.locator("#explorer-tabs input[type=range]:visible").first
    assert slider.get_attribute("max") == HALF
    fresh = trusted()
    assert chip(fresh, "Width") == HALF, "it is in front for all who come now"


def test_an_old_page_says_that_its_model_went(trusted: Pages, folder: str) -> None:
    page = opened(trusted())
    page.set_default_timeout(90_000)
    width = chip(page, "Width")
    ask_for(page, "mini" if width == HALF else folder)
    expect(page.locator("#model-status")).to_contain_text("is ready", timeout=180_000)
    open_tab(page, "Embed")
    page.locator("#embed-texts textarea").fill("something that nobody has encoded yet")
    page.wait_for_timeout(1500)
    page.locator("#embed-go").click()
    expect(page.get_by_text("was let go").first).to_be_visible()
