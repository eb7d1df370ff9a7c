"""What stands between the wire and the pages: caps per visitor, and the board that finds the page."""

import json
import os
import threading
import time
from collections import OrderedDict
from typing import Any

from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.limits import Limits
from ui.vectors import Workbench

MAX_VISITORS = 10_000
MAX_BODY = 64 * 2**20
ENTRIES = ("/queue/join", "/queue/join/")
RETRY_SECONDS = "5"


def middleware(bench: Workbench) -> list[Middleware]:
    """What requests pass, outermost first."""
    inner = [Middleware(Doorkeeper, limits=bench.limits, models=bench.models)]
    if bench.models and bench.models.several:
        inner.append(Middleware(bench.models.board.around))
    return inner


def root_path(bench: Workbench | None) -> str | None:
    """Where the first page's events go, if there may be other pages; None leaves gradio's own choice."""
    if bench is None or not bench.models or not bench.models.several:
        return None
    return os.environ.get("GRADIO_ROOT_PATH", "").rstrip("/") + str(bench.models.board.front.root)


class Allowance:
    """A bucket of requests per visitor, filled evenly. Safe for threads.

    Args:
        per_minute: how many come back in a minute; a quarter of them may be used at once.
    """

    def __init__(self, per_minute: int) -> None:
        self._rate, self._most = per_minute / 60.0, max(1.0, per_minute / 4.0)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, visitor: str, now: float | None = None) -> float:
        """Use one request of a visitor.

        Args:
            visitor: who.
            now: seconds on any clock that only goes forward; None for this machine's.

        Returns:
            0.0 if it may pass, else the seconds until the next one may.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            left, since = self._left.pop(visitor, (self._most, now))
            left = min(self._most, left + (now - since) * self._rate)
            passes = left >= 1.0
            self._left[visitor] = (left - passes, now)
            while len(self._left) > MAX_VISITORS:
                self._left.popitem(last=False)
        return 0.0 if passes else (1.0 - left) / self._rate


class Doorkeeper:
    """ASGI middleware: how many requests a visitor may have waiting, and how many a minute.

    A visitor is a session of the page; a client without one is known by its address.
    """

    def __init__(self, app: ASGIApp, limits: Limits, models: Any = None) -> None:  # noqa: ANN401
        self._app, self._limits, self._models = app, limits, models
        self._allowance = Allowance(limits.per_minute) if limits.per_minute else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with words why not now."""
        path = str(scope.get("path", ""))
        if self._limits.trusted or scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if not path.endswith(ENTRIES) and "/gradio_api/call/" not in path:
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            await _refuse(f"the request has over {MAX_BODY:,} bytes, which is the limit", 413)(
                scope, receive, send
            )
            return
        words = self._words(scope, _session(body))
        if words:
            await _refuse(words)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)

    def _words(self, scope: Scope, session: str) -> str:
        """Why a request may not pass now; "" if it may."""
        visitor = session or str((scope.get("client") or ("",))[0])
        seconds = self._allowance.take(visitor) if self._allowance else 0.0
        if seconds:
            return (
                f"That were more than {self._limits.per_minute:,} requests in a minute from this page: "
                f"please wait {max(1, round(seconds))} s. Nothing is lost."
            )
        most = self._limits.waiting
        if most is not None and session and self._waiting(scope, session) >= most:
            return (
                f"{most} requests of this page are waiting already, which is the limit: please wait until "
                "some are done. Nothing is lost."
            )
        return ""

    def _waiting(self, scope: Scope, session: str) -> int:
        page = self._models.board.find(scope) if self._models else None
        blocks = page.demo if page else scope["app"].get_blocks()
        lines = list(blocks._queue.event_queue_per_concurrency_id.values())
        return sum(event.session_hash == session for line in lines for event in list(line.queue))


def _refuse(words: str, status: int = 429) -> JSONResponse:
    return JSONResponse({"detail": words}, status_code=status, headers={"retry-after": RETRY_SECONDS})


async def _body(receive: Receive) -> bytes | None:
    """The body of a request, None if it is too large."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that was read, for whoever reads it next; what comes after it is the client's."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _session(body: bytes) -> str:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = value.get("session_hash") if isinstance(value, dict) else None
    return found[:100] if isinstance(found, str) else ""
