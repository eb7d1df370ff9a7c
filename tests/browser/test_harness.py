"""The harness itself: a watch that misses an error would let every other test here pass in vain."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Error

from tests.browser import find_chromium
from tests.browser.harness import HOST, VIEWPORTS, AppProcess, Pages, Watch, overflow, settle, shoot

PAGES = {
    "/": "<button role=tab onclick=\"this.textContent = 'clicked'\">press</button>",
    "/console-error": "<script>console.error('it broke')</script>",
    "/exception": "<script>throw new Error('not caught')</script>",
    "/missing": "<img src=/nowhere.png>",
    "/foreign": "<img src=http://localhost:9/pixel.png>",
    "/wide": "<div style='width: 900px; height: 5px'></div>",
    "/webgl": "<canvas></canvas>",
    "/busy": "<p>0</p><script>let n = 0, p = document.querySelector('p'),"
    "t = setInterval(() => { p.textContent = ++n; if (n == 10) clearInterval(t) }, 100)</script>",
    "/restless": "<p></p><script>setInterval(() => { document.querySelector('p').append('.') }, 50)</script>",
}

pytestmark = pytest.mark.core


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = PAGES.get(self.path.split("?")[0])
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        # An icon of its own keeps the browser from asking for /favicon.ico.
        self.wfile.write(f"<!doctype html><link rel=icon href=data:,>{body}".encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer((HOST, 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{HOST}:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def pages(browser: Browser, site: str) -> Iterator[Pages]:
    pages = Pages(browser, site, Watch())
    yield pages
    pages.close()


def test_a_page_without_fault_has_no_problems(pages: Pages, tmp_path: Path) -> None:
    page = pages()
    page.get_by_role("tab").click()
    assert page.get_by_role("tab").inner_text() == "clicked"
    assert pages.close() == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/console-error", "it broke"),
        ("/exception", "not caught"),
        ("/missing", "404"),
        ("/foreign", "request to another host: http://localhost:9/pixel.png"),
    ],
)
def test_the_watch_sees(pages: Pages, path: str, words: str) -> None:
    page = pages.blank()
    page.goto(pages.url + path)
    page.wait_for_load_state("load")
    assert any(words in problem for problem in pages.close()), pages.watch.seen


def test_what_a_test_allows_is_no_problem(pages: Pages) -> None:
    pages.watch.allowed.append("it broke")
    pages.blank().goto(f"{pages.url}/console-error")
    assert pages.watch.seen
    assert pages.close() == []


@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_window_theme_and_screenshot(pages: Pages, viewport: str) -> None:
    page = pages(theme="dark", viewport=viewport)
    assert page.evaluate("[innerWidth, innerHeight]") == list(VIEWPORTS[viewport].values())
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert "__theme=dark" in page.url
    with Image.open(shoot(page, f"harness-{viewport}")) as picture:
        assert picture.width == VIEWPORTS[viewport]["width"]


def test_sideways_scrolling_is_measured(pages: Pages) -> None:
    page = pages.blank(viewport="phone")
    page.goto(f"{pages.url}/wide")
    # 900 pixels and the body's margin of 8 at the left, in a window of 390.
    assert overflow(page) == 900 + 8 - 390
    wide = pages.blank()
    wide.goto(f"{pages.url}/wide")
    assert overflow(wide) == 0


def test_a_page_is_waited_for_until_it_rests(pages: Pages) -> None:
    page = pages.blank()
    page.goto(f"{pages.url}/busy")
    settle(page)
    assert page.locator("p").inner_text() == "10"


def test_a_page_that_never_rests_is_reported(pages: Pages) -> None:
    page = pages.blank()
    page.goto(f"{pages.url}/restless")
    started = time.monotonic()
    with pytest.raises(Error, match="no rest"):
        settle(page, limit_ms=1_000)
    assert time.monotonic() - started < 10


def test_figures_in_webgl_can_be_drawn(pages: Pages) -> None:
    page = pages.blank()
    page.goto(f"{pages.url}/webgl")
    assert page.evaluate("document.querySelector('canvas').getContext('webgl') !== null")


def test_a_program_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text("import sys; sys.exit('no such model: nowhere')")
    app = AppProcess(log=tmp_path / "app.log", program=program)
    with pytest.raises(RuntimeError, match="no such model: nowhere"):
        app.wait_until_ready()


def test_a_program_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text("import time; print('thinking', flush=True); time.sleep(60)")
    app = AppProcess(log=tmp_path / "app.log", program=program)
    with pytest.raises(TimeoutError, match=r"within 2 s:\nthinking"):
        app.wait_until_ready(seconds=2)
    assert app.stop() < 0


def test_a_named_browser_that_does_not_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(find_chromium.NoChromiumError, match="CHROMIUM=/nowhere/chromium does not start"):
        find_chromium.find_chromium()


@pytest.mark.parametrize(("status", "counts"), [(0, True), (1, False)])
def test_only_a_browser_that_answers_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, counts: bool
) -> None:
    stub = tmp_path / "chromium-browser"
    stub.write_text(f"#!/bin/sh\necho 'Chromium, or a hint to install it'; exit {status}\n")
    stub.chmod(0o755)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (find_chromium.find_chromium() == str(stub)) is counts
