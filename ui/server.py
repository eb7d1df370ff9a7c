"""What surrounds the page on the wire: /health, security headers, plotly.js, a clear answer when busy."""

import gzip
import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gradio import Error
from gradio.blocks import Block
from gradio.state_holder import SessionState
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.charts import plotly_js
from ui.limits import PUBLIC
from ui.packing import Packed

MAX_FILE_SIZE = "64mb"
"""A 20-megapixel picture without compression is 60 MB."""
QUEUE_SIZE = PUBLIC.queue
SESSIONS = 1000
"""Visitors whose state is kept; each holds its collection and last vectors, a few megabytes at most."""
CACHE_SWEEP = (1800, 4 * 3600)
"""Uploaded files: looked at every half hour, deleted when four hours old."""
MODEL_QUEUE = "model"
"""All events that run the model share this one queue: one at a time, whoever asks."""

# gradio's page needs inline scripts and compiles templates; everything else stays on this server, so that
# "no external request" is a rule for the browser and not only our intention.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' "
    "'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' "
    "blob:; "
    "media-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}
BUSY = (
    "The server is busy with other requests. Nothing is lost: please press the button again in a few seconds."
)
RETRY_SECONDS = "5"


@dataclass
class Health:
    """Whether the model has answered once; read by /health, written by the warm-up thread."""

    state: str = "warming up"
    detail: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, state: str, detail: str = "") -> None:
        """Change state and detail together: "ready", or "failed" with the reason."""
        with self._lock:
            self.state, self.detail = state, detail

    def answer(self, request: Request) -> Response:
        """200 when ready, else 503, with the state in words."""
        with self._lock:
            body = {"status": self.state, "detail": self.detail}
        return JSONResponse(body, status_code=200 if body["status"] == "ready" else 503)


class Shield:
    """ASGI middleware: security headers on every answer, and words with a hint where the queue is full."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; mend the answer's head on the way back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = False

        async def mend(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                refused = message["status"] == 503 and scope["path"].endswith("/queue/join")
                message = {**message, "headers": _headed(message.get("headers", []), refused)}
            elif refused and message["type"] == "http.response.body":
                message = {**message, "body": _BUSY_BODY, "more_body": False}
            await send(message)

        await self.app(scope, receive, mend)


_BUSY_BODY = json.dumps({"detail": BUSY}).encode()


def _headed(headers: list[tuple[bytes, bytes]], refused: bool) -> list[tuple[bytes, bytes]]:
    ours = {name.encode(): value.encode() for name, value in HEADERS.items()}
    if refused:
        length = str(len(_BUSY_BODY)).encode()
        ours |= {b"retry-after": RETRY_SECONDS.encode(), b"content-length": length}
    dropped = set(ours) | ({b"content-encoding"} if refused else set())
    return [(name, value) for name, value in headers if name.lower() not in dropped] + list(ours.items())


@cache
def _packed_plotly() -> bytes:
    """plotly.js in gzip, made once: packing 4.7 MB for every visitor would hold up the others."""
    return gzip.compress(plotly_js().read_bytes(), compresslevel=6, mtime=0)


def _plotly(request: Request) -> Response:
    """The one file of the plotly package that the page needs; no folder is opened for it."""
    kept = {"cache-control": "max-age=86400", "vary": "accept-encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return FileResponse(plotly_js(), media_type="text/javascript", headers=kept)
    return Response(
        _packed_plotly(), media_type="text/javascript", headers={**kept, "content-encoding": "gzip"}
    )


def get_ready() -> None:
    """Do beforehand what the first visitor would wait for."""
    _packed_plotly()


def free_port(host: str) -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def fetch_nothing() -> None:
    """Keep gradio from fetching: it would download any address that a client sends in a file's place."""
    Block.async_move_resource_to_block_cache = _local_only  # type: ignore[method-assign,assignment]


def lean_sessions() -> None:
    """Keep gradio from describing every component anew for each visitor, in that visitor's first event.

    Of nearly 600 components it takes 60 ms of the loop that serves everybody, several times that beside
    other work, and half a megabyte. Only gradio's own links read it, which this page has none of; what a
    later event needs of it is made then.
    """
    SessionState.__init__ = _begin_lean  # type: ignore[method-assign]


_begin = SessionState.__init__


def _begin_lean(session: SessionState, blocks: Any) -> None:  # noqa: ANN401 - gradio's
    _begin(session, SimpleNamespace(default_config=blocks.default_config, blocks=()))  # type: ignore[arg-type]


_move_to_cache = Block.async_move_resource_to_block_cache


async def _local_only(block: Block, url_or_file_path: str | Path | None) -> str | None:
    if url_or_file_path is not None and "://" in str(url_or_file_path)[:12]:
        words = "A file's place holds an address: nothing is fetched here. Please upload the file itself."
        raise Error(words, print_exception=False)
    return await _move_to_cache(block, url_or_file_path)


def app_kwargs(
    health: Health, routes: Sequence[Route] = (), inner: Sequence[Middleware] = ()
) -> dict[str, Any]:
    """Routes and middleware for ``launch(app_kwargs=...)``, before gradio's own; ``inner`` comes last."""

    async def answer(request: Request) -> Response:
        return health.answer(request)

    own = [Route("/health", answer), Route("/explorer/plotly.min.js", _plotly)]
    return {"routes": [*own, *routes], "middleware": [Middleware(Shield), Middleware(Packed), *inner]}
