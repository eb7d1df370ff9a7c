"""Several pages on one port: each model that is loaded has a page, and an address of its own for its events.

A page is built from its model's widths and adapters, so another model is another page. The one that
``launch`` opened serves all that comes in; here requests find the page they belong to by the front of their
path, ``/m/3/...``. An address without it opens the page that is at the front now, or the one that the
parameter ``model`` names. What was sent from a page always reaches that page: nothing mixes.
"""

import asyncio
import sys
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import fastapi
import gradio as gr
from gradio.context import Context
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

FRONT = "/m/"
START_SECONDS = 60.0
MAX_NAME = 500
GONE = "This page is closed, because its model was let go. Please load the page anew."
MOUNTABLE = (
    "theme", "css", "head", "footer_links", "i18n", "max_file_size", "show_error", "allowed_paths",
    "ssr_mode", "enable_monitoring", "run_history", "pwa", "mcp_server", "app_kwargs",
)  # fmt: skip
"""Settings of ``launch`` that a further page takes too."""


@dataclass
class Page:
    """A page that is served.

    Attributes:
        number: as it stands in its address.
        names: of its model, as the parameter ``model`` may have them.
        demo: its blocks.
        app: answers its requests; None for the page that ``launch`` serves.
        ready: set when it can answer.
        closed: ends it when set, in the server's own loop.
    """

    number: int
    names: tuple[str, ...]
    demo: gr.Blocks
    app: ASGIApp | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def root(self) -> str:
        """The front of the addresses of its events."""
        return f"{FRONT}{self.number}"


class Switchboard:
    """Which page a request is for. Safe for threads; ASGI's side runs in the server's loop.

    Attributes:
        front: the page that an address without a model opens.
    """

    def __init__(self) -> None:
        self._pages: dict[int, Page] = {}
        self._gone: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self.front: Page | None = None

    def first(self, demo: gr.Blocks, *names: str) -> Page:
        """The page that ``launch`` opens, with ``root_path`` set to this page's ``root``."""
        page = self._page(demo, names)
        page.ready.set()
        self.front = page
        return page

    def _page(self, demo: gr.Blocks, names: tuple[str, ...]) -> Page:
        with self._lock:
            page = Page(len(self._pages) + len(self._gone) + 1, names, demo)
            self._pages[page.number] = page
            return page

    def add(self, demo: gr.Blocks, settings: dict[str, Any], *names: str) -> Page:
        """Serve another page; waits until it can answer.

        Args:
            demo: its blocks, finished.
            settings: of ``launch``, as the first page has them.
            *names: of its model.

        Raises:
            RuntimeError: no server is running, or it did not take the page.
        """
        if self._loop is None:
            raise RuntimeError("the server has not answered yet, so that no page can be added")
        page = self._page(demo, names)
        demo.state_session_capacity = settings.get("state_session_capacity", 1000)
        page.app = _mounted(demo, settings, page.root)
        asyncio.run_coroutine_threadsafe(self._live(page), self._loop)
        if not page.ready.wait(START_SECONDS):
            self.close(page)
            raise RuntimeError(f"the page of {names[0]} did not start within {START_SECONDS:.0f} s")
        return page

    def close(self, page: Page) -> None:
        """Serve a page no longer: what its visitors send is answered with words."""
        with self._lock:
            if self._pages.pop(page.number, None) is None:
                return
            self._gone.add(page.number)
        if self._loop and page.app:
            self._loop.call_soon_threadsafe(page.closed.set)

    async def _live(self, page: Page) -> None:
        """Start what runs beside a page, and end it when the page is closed."""
        app = page.app
        assert isinstance(app, fastapi.FastAPI)
        async with app.router.lifespan_context(app):
            page.ready.set()
            await page.closed.wait()
        page.demo.close(verbose=False)
        page.app = None

    def find(self, scope: Scope) -> Page | None:
        """The page that a request is for.

        Returns:
            None if that page is closed.
        """
        path = str(scope["path"])
        if path.startswith(FRONT):
            number = path.removeprefix(FRONT).split("/")[0]
            return self._pages.get(int(number)) if number.isdigit() and len(number) < 9 else None
        return (self.named(_asked(scope)) if path == "/" else None) or self.front

    def named(self, name: str) -> Page | None:
        """The page of a model, by its name."""
        with self._lock:
            return next((page for page in self._pages.values() if name and name in page.names), None)

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application of the first page, with the other pages in front of it."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            self._loop = asyncio.get_running_loop()
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            page = self.find(scope)
            if page is None:
                await JSONResponse({"detail": GONE}, status_code=410)(scope, receive, send)
            elif page.app is None or not _of_page(str(scope["path"])):
                await app(scope, receive, send)
            else:
                await page.app({**scope, "root_path": "", "app": page.app}, receive, send)

        return answer


class _PerThread(type):
    """What is being built, by thread.

    gradio has one place for it, where a component that a visitor's event returns would join the page that
    another thread is building.
    """

    _here = threading.local()

    @property
    def block(cls) -> Any:  # noqa: ANN401
        return getattr(cls._here, "block", None)

    @block.setter
    def block(cls, value: Any) -> None:  # noqa: ANN401
        cls._here.block = value

    @property
    def root_block(cls) -> Any:  # noqa: ANN401
        return getattr(cls._here, "root_block", None)

    @root_block.setter
    def root_block(cls, value: Any) -> None:  # noqa: ANN401
        cls._here.root_block = value


_Context: Any = _PerThread("Context", (), {"id": Context.id, "token": Context.token})


def build_apart() -> None:
    """From now on each thread builds pages of its own."""
    _Context.id = max(_Context.id, Context.id)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "gradio" and vars(module).get("Context") is Context:
            setattr(module, "Context", _Context)  # noqa: B010 - to a type checker it is a constant


def _asked(scope: Scope) -> str:
    values = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("model", [""])
    return values[0][:MAX_NAME]


def _of_page(path: str) -> bool:
    """Whether each page answers this itself; /health, /v1 and files of the program are the same for all."""
    return path == "/" or path.startswith((FRONT, "/config", "/gradio_api", "/theme.css"))


def _mounted(demo: gr.Blocks, settings: dict[str, Any], root: str) -> ASGIApp:
    """The blocks as an application of their own."""
    host = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    known = {name: value for name, value in settings.items() if name in MOUNTABLE}
    own = dict(known.pop("app_kwargs", {}))
    own.pop("middleware", None)  # what surrounds the first page surrounds all
    return gr.mount_gradio_app(host, demo, path="/", root_path=root, app_kwargs=own, **known)
