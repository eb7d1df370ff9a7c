"""The page itself in gzip: gradio sends its 1.2 MB, the configuration of all tabs, as they are."""

import gzip
from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = "/"
KEPT = 16
"""Pages that are kept packed: one a model, and one for each address by which visitors come."""


@lru_cache(maxsize=KEPT)
def packed(body: bytes) -> bytes:
    """In gzip; the same page is packed once for all visitors."""
    return gzip.compress(body, compresslevel=6, mtime=0)


class Packed:
    """ASGI middleware: the page goes out in gzip to browsers that take it; nothing else is touched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; hold the page back until it is whole."""
        is_page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == PAGE
        if not is_page:
            await self.app(scope, receive, send)
            return
        takes_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        start: Message | None = None
        parts: list[bytes] = []

        async def hold(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.add_vary_header("accept-encoding")
                is_text = headers.get("content-type", "").startswith("text/html")
                if takes_gzip and is_text and "content-encoding" not in headers:
                    start = message
                    return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = await run_in_threadpool(packed, b"".join(parts))
            headers = MutableHeaders(raw=start["headers"])
            headers["content-encoding"], headers["content-length"] = "gzip", str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, hold)
