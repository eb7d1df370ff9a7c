"""The page on the wire: readiness, private events, headers, no way round the queue, busy in words."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio.state_holder import SessionState

from embedder import DeviceError, Embedder
from tests.ui.conftest import GOLDEN
from ui import api, server, shell
from ui.vectors import Workbench


class Site:
    """The real page on a real port, in this process."""

    def __init__(self, model: Embedder) -> None:
        self.bench = Workbench(model, model_argument=str(GOLDEN))
        self.health = server.Health()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.demo: gr.Blocks = shell.page(self.bench)
        self.demo.launch(
            server_name="127.0.0.1", server_port=port, **shell.launch_settings(self.health, self.bench)
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)

    def events(self) -> list[dict[str, Any]]:
        return self.demo.config["dependencies"]


@pytest.fixture(scope="module")
def site(model: Embedder) -> Iterator[Site]:
    site = Site(model)
    yield site
    site.client.close()
    site.demo.close(verbose=False)


def test_health_is_ready_only_after_the_warm_up(site: Site) -> None:
    site.health.set("warming up")
    before = site.client.get("/health")
    assert (before.status_code, before.json()["status"]) == (503, "warming up")
    assert not site.bench.warmed.is_set()
    shell.warm_up(site.bench, site.health).join(60)
    assert site.bench.warmed.is_set() and site.bench.eager()
    after = site.client.get("/health")
    assert (after.status_code, after.json()["status"]) == (200, "ready")


@pytest.mark.parametrize("kind", [RuntimeError, DeviceError])
def test_a_failed_warm_up_is_not_ready_and_says_why(site: Site, kind: type[Exception]) -> None:
    class Broken:
        tasks, spec = ("retrieval",), site.bench.model.spec

        def embed(self, *_: Any, **__: Any) -> None:
            raise kind("the device is gone")

    broken = Workbench(Broken())
    shell.warm_up(broken, site.health).join(10)
    assert not broken.eager()
    answer = site.client.get("/health")
    site.health.set("ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "detail": "RuntimeError: the device is gone"}


@pytest.mark.parametrize("path", ["/", "/health", "/nothing-here", "/explorer/plotly.min.js", "/config"])
def test_every_answer_has_the_security_headers(site: Site, path: str) -> None:
    headers = site.client.get(path).headers
    for name, value in server.HEADERS.items():
        assert headers[name] == value
    assert "connect-src 'self'" in headers["content-security-policy"]


def test_plotly_is_one_file_and_no_folder(site: Site) -> None:
    script = site.client.get("/explorer/plotly.min.js")
    assert script.status_code == 200 and "javascript" in script.headers["content-type"]
    from ui.charts import plotly_js

    assert len(script.content) == plotly_js().stat().st_size
    for path in (plotly_js(), GOLDEN / "config.json", "/etc/passwd"):
        assert site.client.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_every_event_of_the_page_is_private(site: Site) -> None:
    """What is public is published on purpose, and nothing else is: see test_api.py."""
    public = [event["api_name"] for event in site.events() if event["api_visibility"] != "private"]
    assert public == list(api.NAMES)
    assert len(site.events()) > 20 + len(public)
    info = site.client.get("/gradio_api/info").json()
    assert list(info["named_endpoints"]) == [f"/{name}" for name in api.NAMES]
    assert info["unnamed_endpoints"] == {}


def test_no_event_can_be_run_past_the_queue(site: Site) -> None:
    outside = [event for event in site.events() if event["queue"] is False]
    parts = site.demo.config["components"]
    buttons = [part for part in parts if str(part["props"].get("elem_id")).endswith("-stop")]
    assert sum(bool(event["cancels"]) for event in outside) == len(buttons) > 2, "the cancel buttons"
    assert not any(event["backend_fn"] for event in outside), "the page's own"
    for event in (event for event in site.events() if event not in outside):
        for path in (f"run/{event['api_name']}", "run/predict", "api/predict"):
            body = {"data": [], "fn_index": event["id"], "session_hash": "bypass"}
            assert site.client.post(f"/gradio_api/{path}", json=body).status_code == 404


def _embed_event(site: Site) -> dict[str, Any]:
    """The Embed button's event: seven inputs, its desk and number, eight outputs."""
    return next(e for e in site.events() if len(e["inputs"]) == 9 and len(e["outputs"]) == 8)


def _join(site: Site, session: str, **changes: Any) -> httpx.Response:
    values = {"texts": "hello", "pictures": None, "together": False, "per_line": True, "task": "retrieval"}
    data = list({**values, "role": "query", "dim": 16, "desk": None, "number": "1", **changes}.values())
    body = {"data": data, "fn_index": _embed_event(site)["id"], "session_hash": session, "trigger_id": None}
    return site.client.post("/gradio_api/queue/join", json=body)


def _results(site: Site, session: str) -> list[dict[str, Any]]:
    """What the server says to a session until it is done."""
    said = []
    with site.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                said.append(json.loads(line[5:]))
                if said[-1]["msg"] in ("process_completed", "close_stream", "unexpected_error"):
                    break
    return said


def test_an_embedding_goes_through_the_queue(site: Site) -> None:
    assert _join(site, "one").status_code == 200
    final = _results(site, "one")[-1]
    assert final["success"] is True and "xp-stats" in json.dumps(final["output"]["data"])


@pytest.mark.parametrize(
    ("forged", "words"),
    [
        ({"task": "../../etc"}, "../../etc"),
        ({"task": {"a": 1}}, ""),
        ({"dim": 10_000}, "256"),
        ({"dim": 0}, "from 1 to 256"),
        ({"dim": None}, "None"),
        ({"dim": "DROP TABLE"}, "DROP TABLE"),
        ({"texts": 7}, ""),
        ({"number": {"a": [1]}}, ""),
        ({"desk": {"running": 1}}, ""),
        ({"pictures": [{"path": "/etc/passwd"}]}, ""),  # a session's state is not for the client to set
    ],
)
def test_a_forged_value_is_a_message_and_no_traceback(
    site: Site, forged: dict[str, Any], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    session = f"forged-{abs(hash(str(forged)))}"
    assert _join(site, session, **forged).status_code == 200
    said = json.dumps(_results(site, session)[-1])
    assert words in said and "Traceback" not in said and 'File \\"' not in said and "root:" not in said
    if "dim" in forged:  # what can be typed into the page, too
        assert "Traceback" not in capfd.readouterr().err


def test_past_the_limit_is_503_in_words_and_nobody_waits_for_the_model(site: Site) -> None:
    """While one request holds the model the queue fills, and the next one is told to wait."""
    started, release = threading.Event(), threading.Event()
    real = site.bench.encode

    def held(*args: Any, **options: Any) -> Iterator[Any]:
        started.set()
        release.wait(60)
        yield from real(*args, **options)

    site.bench.encode = held  # type: ignore[method-assign]
    try:
        assert _join(site, "holder").status_code == 200
        assert started.wait(10)

        # while the model is held: an answer that waited for it would never come
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda n: _join(site, f"crowd-{n}"), range(server.QUEUE_SIZE + 10)))
    finally:
        release.set()
        del site.bench.encode
    refused = [answer for answer in answers if answer.status_code == 503]
    assert 10 <= len(refused) <= 12
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in refused:
        assert answer.json() == {"detail": server.BUSY} and answer.headers["retry-after"] == "5"


def test_json_nested_deep_is_refused_and_the_server_lives(site: Site) -> None:
    body = "[" * 20_000 + "]" * 20_000
    headers = {"content-type": "application/json"}
    assert 400 <= site.client.post("/gradio_api/queue/join", content=body, headers=headers).status_code < 500
    assert site.client.get("/config").status_code == 200


def test_the_header_says_what_is_running(model: Embedder) -> None:
    html = shell.header(Workbench(model, model_argument="mini"))
    assert "float32" in html and "cpu" in html and "not indicative of its quality" in html
    licensed = Workbench(model, model_argument="jinaai/jina-embeddings-v4")
    assert "not indicative" not in shell.header(licensed)


def test_the_page_comes_packed_to_browsers_that_take_it(site: Site) -> None:
    def page(encoding: str) -> httpx.Response:
        with site.client.stream("GET", "/", headers={"accept-encoding": encoding}) as answer:
            answer.sent = sum(len(part) for part in answer.iter_raw())  # type: ignore[attr-defined]
            return answer

    plain, packed = page("identity"), page("gzip")
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower() and "accept-encoding" in plain.headers["vary"]
    assert int(packed.headers["content-length"]) == packed.sent < plain.sent / 5  # type: ignore[attr-defined]
    assert "gradio_config" in site.client.get("/", headers={"accept-encoding": "gzip"}).text
    assert "content-encoding" not in site.client.get("/health").headers


def test_a_visitor_s_first_event_does_not_describe_every_component(site: Site) -> None:
    session = SessionState(site.demo)
    assert session.config_values == {}
    some = next(iter(site.demo.blocks))
    session._update_value_in_config(some, "new")
    assert session.config_values[some]["props"]["value"] == "new"
