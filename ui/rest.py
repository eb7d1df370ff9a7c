"""``POST /v1/embeddings`` and ``GET /v1/models``: OpenAI's REST interface, on the same port as the page."""

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedder.errors import DeviceError, InputError
from embedder.stop import Stopped
from ui import zero
from ui.answers import Answer, encode
from ui.limits import PUBLIC
from ui.rest_body import Parsed, RequestError, answered, model_ids, parse
from ui.server import RETRY_SECONDS
from ui.vectors import Workbench

MAX_BODY = 64 * 2**20
"""Bytes of one request; base64 makes a picture's file a third larger."""
BODY_SECONDS = 60.0
"""How long a request may take to arrive; it holds a place meanwhile."""
PLACES = PUBLIC.rest_places
"""Requests at a time; the model takes a few inputs of each in turn."""
WATCH_SECONDS = 0.2
"""Between two looks whether a client is still there."""
GONE = 499
"""The client has left: nobody reads this answer, and the work for it has stopped."""
CREATED = 1751241600
"""OpenAI's models have a date of creation, in seconds since 1970: that of the paper, 30 June 2025."""

_LOG = logging.getLogger(__name__)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(bench: Workbench, places: int = PLACES) -> list[Route]:
    """The routes, for ``launch(app_kwargs={"routes": ...})``.

    Args:
        bench: the model and its cache.
        places: embedding requests at a time; one more is answered 503.
    """
    rest = Rest(bench, places)
    ways = [
        ("/v1/embeddings", rest.embeddings, "POST"),
        ("/v1/models", rest.models, "GET"),
        ("/v1/models/{name:path}", rest.model, "GET"),
    ]
    return [Route(path, _in_shape(answer, method), methods=_METHODS) for path, answer, method in ways]


class Rest:
    """The handlers."""

    def __init__(self, bench: Workbench, places: int) -> None:
        self._bench = bench
        self._places = threading.BoundedSemaphore(places)

    async def models(self, request: Request) -> Response:
        """The models that run here, the one in front first."""
        return JSONResponse({"object": "list", "data": [_entry(bench) for bench in self._benches()]})

    async def model(self, request: Request) -> Response:
        """The model of that name.

        Raises:
            RequestError: it does not run here.
        """
        name = request.path_params["name"]
        bench = self._asked(name)
        if name not in model_ids(bench):
            raise _no_model(name, bench)
        return JSONResponse({**_entry(bench), "id": name})

    def _benches(self) -> tuple[Workbench, ...]:
        return self._bench.models.benches if self._bench.models else (self._bench,)

    def _asked(self, name: object) -> Workbench:
        """The workbench of that model; for any other name the one in front, which will refuse it."""
        benches = self._benches()
        return next((bench for bench in benches if name in model_ids(bench)), benches[0])

    async def embeddings(self, request: Request) -> Response:
        """Vectors for the inputs of the request.

        Raises:
            RequestError: it cannot be answered, or there is no place for it now.
        """
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise RequestError(
                "send the header Content-Type: application/json", code="wrong_type", status=415
            )
        if not self._places.acquire(blocking=False):
            raise RequestError("the server is busy; try again in a few seconds", code="busy", status=503)
        try:
            body = await _body(request)
            zero.on_behalf_of(request)
            bench, parsed = await run_in_threadpool(self._parsed, body)
            with bench.requests:  # until this is answered the model is not let go
                return await self._answer(request, bench, parsed)
        finally:
            self._places.release()

    def _parsed(self, body: bytes) -> tuple[Workbench, Parsed]:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            why = "is nested too deep" if isinstance(error, RecursionError) else f"is no JSON: {error}"
            raise RequestError(f"the body {why}", code="invalid_json") from None
        bench = self._asked(value.get("model") if isinstance(value, dict) else None)
        return bench, parse(bench, value)

    async def _answer(self, request: Request, bench: Workbench, parsed: Parsed) -> Response:
        """Encode, as long as the client is there."""
        gone = threading.Event()
        watching = asyncio.create_task(_watch(request, gone))
        try:
            async for step in iterate_in_threadpool(encode(bench, parsed.items, parsed.order, gone.is_set)):
                if step is not None:
                    return await run_in_threadpool(_written, bench, parsed, step)
                if gone.is_set():
                    break
        except Stopped:
            pass
        finally:
            watching.cancel()
        return Response(status_code=GONE)


async def _watch(request: Request, gone: threading.Event) -> None:
    """Say when the client has left."""
    while not await request.is_disconnected():
        await asyncio.sleep(WATCH_SECONDS)
    gone.set()


def _entry(bench: Workbench) -> dict[str, Any]:
    spec = bench.model.spec
    return {"id": spec.name, "object": "model", "created": CREATED, "owned_by": spec.repo_id or "local"}


def _written(bench: Workbench, parsed: Parsed, found: Answer) -> Response:
    """The answer as JSON: megabytes of numbers, so not on the server's own thread."""
    return JSONResponse(answered(bench, parsed, found))


async def _body(request: Request) -> bytes:
    """The body, as far as it is allowed to go.

    Raises:
        RequestError: larger than ``MAX_BODY``, or slower than ``BODY_SECONDS``.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size <= MAX_BODY:
                    parts.append(part)
                elif size > 2 * MAX_BODY:  # up to there it is read and dropped, so that the answer is heard
                    break
    except TimeoutError:
        raise RequestError(f"the body took over {BODY_SECONDS:.0f} s", code="timeout", status=408) from None
    if size > MAX_BODY:
        message = f"the body has over {MAX_BODY:,} bytes, which is the limit; send fewer inputs at a time"
        raise RequestError(message, code="too_large", status=413)
    return b"".join(parts)


def _no_model(name: str, bench: Workbench) -> RequestError:
    message = f"the model {name[:60]!r} does not exist here; this server runs {model_ids(bench)[0]!r}"
    return RequestError(message, "model", code="model_not_found", status=404)


Handler = Callable[[Request], Awaitable[Response]]


def _in_shape(handler: Handler, method: str) -> Handler:
    """The handler with its errors in OpenAI's shape; an unforeseen one is told to the server's log only."""

    async def answer(request: Request) -> Response:
        if request.method != method and not (method == "GET" and request.method == "HEAD"):
            wrong = RequestError(
                f"{request.method} is not possible here; use {method}", code="method_not_allowed", status=405
            )
            return _error(wrong, {"allow": method})
        try:
            return await handler(request)
        except RequestError as error:
            return _error(error, {"retry-after": RETRY_SECONDS} if error.status == 503 else {})
        except ClientDisconnect:
            return Response(status_code=GONE)
        except DeviceError as error:
            retry = {"retry-after": RETRY_SECONDS}
            return _error(RequestError(str(error), code="model_unavailable", status=503), retry)
        except InputError as error:  # found while encoding, such as a picture that breaks off half way
            return _error(RequestError(str(error), "input"))
        except Exception:
            _LOG.exception("a request to %s failed", request.url.path)
            words = "something went wrong on the server, which has the details in its log"
            return _error(RequestError(words, code="internal_error", status=500))

    return answer


def _error(error: RequestError, headers: dict[str, str] | None = None) -> Response:
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    body = {"message": str(error), "type": kind, "param": error.param, "code": error.code}
    # escaped: a name that a client made up may hold what UTF-8 has no bytes for
    content = json.dumps({"error": body})
    return Response(content, error.status, headers, media_type="application/json")
