"""Fixtures of the browser's tests: `app_url`, `test_model`, `open_page`, `page`, `page_in_each_view`.

    def test_search_finds_the_picture(page):                # light, 1280 x 800
    def test_nothing_scrolls_sideways(page_in_each_view):   # light desk, dark phone; the others are slow
    def test_two_windows(open_page):                        # open_page(theme="dark", viewport="phone")

A test takes seconds of both cores: `make test` runs those marked `core`, a tab's main flows, and all tabs in
two views; `make test-all` runs everything in all four.

EXPLORER_TEST_MODEL names another model than the bundled one: a hub id or a local folder. After a failure
tests/artifacts holds the page as it was and what the program printed (app.log).
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.find_chromium import HOW_TO, find_chromium
from tests.browser.harness import (
    ARTIFACTS,
    ROOT,
    THEMES,
    VIEWPORTS,
    AppProcess,
    Pages,
    Watch,
    chromium_flags,
    running,
)

TAKEN = (("light", "desktop"), ("dark", "phone"))
VIEWS = [
    pytest.param((theme, viewport), marks=() if (theme, viewport) in TAKEN else pytest.mark.slow)
    for viewport in VIEWPORTS
    for theme in THEMES
]
"""Both themes and both widths; `make test` looks at one diagonal, `make test-all` at all four."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks everything here as the browser's, what is not core as slow; lets the quicker tests go first."""
    here = ROOT / "tests" / "browser"
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            if item.get_closest_marker("core") is None:
                item.add_marker(pytest.mark.slow)
    # Last also because Playwright holds an event loop open, beside which asyncio.run refuses to work.
    items.sort(key=lambda item: item.path.is_relative_to(here))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tells a test's fixtures, when they end, whether it failed."""
    report = (yield).get_result()
    if report.when == "call":
        item.stash[FAILED] = report.failed


FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the tests fail, and say what to run."""
    path = find_chromium()
    if path is None:
        pytest.fail(HOW_TO, pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=chromium_flags())
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def test_model() -> str:
    """The model to test with: the bundled one, unless EXPLORER_TEST_MODEL names another."""
    return os.environ.get("EXPLORER_TEST_MODEL", "mini")


@pytest.fixture(scope="package")
def app_process(test_model: str) -> Iterator[AppProcess]:
    """The real program with a real model. At the end its output must hold no traceback."""
    with running(["--model", test_model], log=ARTIFACTS / "app.log") as app:
        yield app


@pytest.fixture(scope="package")
def app_url(app_process: AppProcess) -> str:
    """Where the program listens, without a slash at the end."""
    return app_process.url


@pytest.fixture
def watch() -> Watch:
    """The problems seen on a test's pages. A test that provokes one appends a pattern to `watch.allowed`."""
    return Watch()


@pytest.fixture
def open_page(
    browser: Browser, app_url: str, watch: Watch, request: pytest.FixtureRequest
) -> Iterator[Pages]:
    """Opens pages: open_page(theme="dark", viewport="phone"). What went wrong on any fails the test."""
    pages = Pages(browser, app_url, watch)
    yield pages
    failed = request.node.stash.get(FAILED, True) or bool(watch.problems())
    problems = pages.close(name=f"failed-{request.node.name}" if failed else None)
    assert not problems, "\n".join(["Seen on the page:", *problems])


@pytest.fixture
def page(open_page: Pages) -> Page:
    """The dashboard, light and 1280 pixels wide."""
    return open_page()


@pytest.fixture(params=VIEWS, ids="-".join)
def page_in_each_view(open_page: Pages, request: pytest.FixtureRequest) -> Page:
    """The dashboard in the light and the dark theme, on a desk and on a telephone."""
    theme, viewport = request.param
    return open_page(theme=theme, viewport=viewport)
