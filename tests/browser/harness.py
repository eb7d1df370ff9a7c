"""What the browser's tests stand on: the real program, a real Chromium, and a watch over every page."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, WebSocket

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "tests" / "artifacts"
HOST = "127.0.0.1"
THEMES = ("light", "dark")
VIEWPORTS: Mapping[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
# Without these Chromium looks for updates and calls home at every start.
CHROMIUM_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card, for plotly's GL figures
)
# The largest share of the start that may pass before the program answers: it loads a model.
START_SECONDS = 120


def chromium_flags() -> list[str]:
    """Returns Chromium's flags; as root, which has no sandbox to offer, without the sandbox."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*CHROMIUM_FLAGS, *(["--no-sandbox"] if as_root else [])]


def free_port() -> int:
    """Returns a port of this host that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class AppProcess:
    """`python app.py` as a process, from its start until it answers /health, and its end."""

    def __init__(
        self,
        arguments: Iterable[str] = (),
        *,
        log: Path,
        program: Path = ROOT / "app.py",
        cwd: Path = ROOT,
    ) -> None:
        self.log = log
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(program), "--host", HOST, "--port", str(self.port), *arguments]
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                command, cwd=cwd, env=_clean_environment(), stdout=sink, stderr=subprocess.STDOUT
            )

    def wait_until_ready(self, seconds: float = START_SECONDS) -> float:
        """Waits until /health answers 200; returns the seconds that took, or raises with the log's end."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if self.process.poll() is not None:
                raise RuntimeError(f"app.py ended with {self.process.returncode}:\n{self.log_tail()}")
            if _answers_ok(f"{self.url}/health"):
                return time.monotonic() - started
            time.sleep(0.1)
        raise TimeoutError(f"{self.url}/health gave no 200 within {seconds:g} s:\n{self.log_tail()}")

    def log_tail(self, lines: int = 40) -> str:
        """Returns the last lines that the program printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, seconds: float = 15) -> int:
        """Asks the program to end, as a terminal or a container would; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise TimeoutError(f"app.py did not end within {seconds:g} s of SIGTERM") from None
        return self.process.returncode


@contextmanager
def running(
    arguments: Iterable[str], *, log: Path, ready: float = START_SECONDS, **options: Path
) -> Iterator[AppProcess]:
    """The program while it answers, then ended; what it printed must hold no traceback.

    Args:
        arguments, log, options: of :class:`AppProcess`.
        ready: seconds that it may take to answer.
    """
    app = AppProcess(arguments, log=log, **options)
    try:
        app.wait_until_ready(ready)
        yield app
    finally:
        app.stop()
    printed = log.read_text(errors="replace")
    assert "Traceback (most recent call last)" not in printed, f"see {log}:\n{app.log_tail()}"


@dataclass
class Watch:
    """Collects what must not happen on a page: console errors, exceptions, calls to other hosts.

    `allowed` holds regular expressions; a problem that one of them finds is let pass. A test that provokes
    an error on purpose adds to it.
    """

    allowed: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        """Listens to a page from now on, before it goes anywhere."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.seen.append(f"exception on the page: {error}"))
        page.on("request", self._on_request)
        page.on("websocket", self._on_websocket)
        page.on("crash", lambda _: self.seen.append("the page crashed"))

    def problems(self) -> list[str]:
        """Returns what was seen and not allowed."""
        return [seen for seen in self.seen if not any(re.search(pattern, seen) for pattern in self.allowed)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location.get("url", "")
            self.seen.append(f"console error: {message.text} ({where})")

    def _on_request(self, request: Request) -> None:
        self._check_host(request.url)

    def _on_websocket(self, socket: WebSocket) -> None:
        self._check_host(socket.url)

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != HOST:
            self.seen.append(f"request to another host: {url[:200]}")


class Pages:
    """Opens watched pages of one application; `close` says what went wrong on them."""

    def __init__(self, browser: Browser, url: str, watch: Watch) -> None:
        self.browser = browser
        self.url = url
        self.watch = watch
        self.opened: list[Page] = []

    def __call__(
        self, *, theme: str = "light", viewport: str = "desktop", query: Mapping[str, str] | None = None
    ) -> Page:
        """Opens the dashboard in a context of its own and waits until its tabs are there.

        Args:
            theme: "light" or "dark".
            viewport: "desktop" (1280 x 800) or "phone" (390 x 844, with touch).
            query: More of the address, behind the theme.
        """
        page = self.blank(theme=theme, viewport=viewport)
        parameters = "&".join(f"{key}={value}" for key, value in {"__theme": theme, **(query or {})}.items())
        page.goto(f"{self.url}/?{parameters}")
        page.get_by_role("tab").first.wait_for(timeout=90_000)
        return page

    def blank(self, *, theme: str = "light", viewport: str = "desktop") -> Page:
        """Opens an empty watched page: for another address than the dashboard's."""
        context = self.browser.new_context(
            viewport=VIEWPORTS[viewport],
            has_touch=viewport == "phone",
            color_scheme="dark" if theme == "dark" else "light",
            locale="en-GB",
            accept_downloads=True,
        )
        page = context.new_page()
        page.set_default_timeout(45_000)
        self.watch.attach(page)
        self.opened.append(page)
        return page

    def close(self, *, name: str | None = None) -> list[str]:
        """Closes all pages, after a screenshot of each if a name is given; returns the problems seen."""
        for number, page in enumerate(self.opened):
            if name is not None and not page.is_closed():
                shoot(page, name if number == 0 else f"{name}-{number}")
            page.context.close()
        return self.watch.problems()


def shoot(page: Page, name: str, *, full_page: bool = True) -> Path:
    """Saves a screenshot as tests/artifacts/NAME.png and returns its path."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    path = ARTIFACTS / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.png"
    page.screenshot(path=path, full_page=full_page)
    return path


def settle(page: Page, *, quiet_ms: int = 500, limit_ms: int = 15_000) -> None:
    """Waits until nothing on the page has changed for a while; raises if it never comes to rest."""
    script = """([quiet, limit]) => new Promise((done, failed) => {
        let timer = setTimeout(finish, quiet);
        const last = setTimeout(() => { observer.disconnect(); failed(new Error("no rest")); }, limit);
        const again = () => { clearTimeout(timer); timer = setTimeout(finish, quiet); };
        const observer = new MutationObserver(again);
        function finish() { observer.disconnect(); clearTimeout(last); done(); }
        observer.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
    })"""
    page.evaluate(script, [quiet_ms, limit_ms])


def overflow(page: Page) -> int:
    """Returns by how many CSS pixels the page is wider than its window: 0 where nothing scrolls sideways."""
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return max(0, int(page.evaluate(script)))


def get_json(url: str, *, seconds: float = 10) -> object:
    """Returns the JSON that an address answers with; raises on any status but 200."""
    with urllib.request.urlopen(url, timeout=seconds) as answer:
        return json.load(answer)


def _answers_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _clean_environment() -> dict[str, str]:
    """Returns the environment without what would change the program's settings, and with no hub to call."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("EXPLORER_", "GRADIO_"))}
    # The tests must mean the same with and without a network.
    return kept | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
