"""What POST /v1/embeddings refuses, and in which words."""

import base64
import json
import socket
from typing import Any

import pytest

from embedder import DeviceError
from tests.mini import SPEC, WIDTHS
from tests.ui.rest.steps import PACKED, post
from tests.ui.site import Served
from ui import rest, server

BAD = [
    ({"input": None}, 400, "input", "input is missing"),
    ({"model": None}, 400, "model", "model is missing"),
    ({"model": 7}, 400, "model", "model is 7"),
    ({"model": "x" * 500}, 404, "model", "does not exist here"),
    ({"input": []}, 400, "input", "empty list"),
    ({"input": [None]}, 400, "input", "input[0] is null"),
    ({"input": 7}, 400, "input", "input is 7"),
    ({"input": ["a", 7]}, 400, "input", "input[1] is 7"),
    ({"input": [1, 2]}, 400, "input", "token ids"),
    ({"input": [[1, 2]]}, 400, "input", "token ids"),
    ({"input": [{}]}, 400, "input", "input[0] has no field"),
    ({"input": [{"video": "x"}]}, 400, "input", "input[0] has video"),
    ({"input": [{"text": 3}]}, 400, "input", "input[0].text is 3"),
    ({"input": ["x"] * 257}, 400, "input", "257 entries; at most 256"),
    ({"input": "x" * 100_001}, 400, "input", "100,001 characters; at most 100,000"),
    ({"input": ["x" * 90_000] * 50}, 400, "input", "4,500,000 characters"),
    ({"input": [{"image": PACKED}] * 65}, 400, "input", "65 pictures; at most 64"),
    ({"input": [{"image": "https://example.com/a.png"}]}, 400, "input", "nothing is fetched"),
    ({"input": [{"image": "http://169.254.169.254/latest"}]}, 400, "input", "nothing is fetched"),
    ({"input": [{"image": "file:///etc/passwd"}]}, 400, "input", "nothing is fetched"),
    ({"input": [{"image": "/etc/passwd"}]}, 400, "input", "input[0].image is not base64"),
    ({"input": [{"image": "data:image/png,abc"}]}, 400, "input", "without base64"),
    ({"input": [{"image": ""}]}, 400, "input", "is empty"),
    ({"input": [{"image": "!!!!"}]}, 400, "input", "not base64"),
    ({"input": [{"image": {"path": "/etc/passwd", "meta": {}}}]}, 400, "input", "a mapping"),
    ({"input": [{"image": base64.b64encode(b"<svg/>").decode()}]}, 400, "input", "SVG"),
    ({"input": ["ok", {"image": PACKED[: len(PACKED) // 2 // 4 * 4]}]}, 400, "input", "input[1]"),
    ({"task": "classification"}, 400, "task", "retrieval.query"),
    ({"task": 3}, 400, "task", "task is 3"),
    ({"task": "retrieval.query", "prompt_name": "passage"}, 400, "task", "contradict"),
    ({"task": "query", "prompt_name": "passage"}, 400, "task", "contradict"),
    ({"prompt_name": "title"}, 400, "task", "'title'"),
    ({"dimensions": 0}, 400, "dimensions", WIDTHS),
    ({"dimensions": 16.5}, 400, "dimensions", "16.5"),
    ({"dimensions": True}, 400, "dimensions", "True"),
    ({"dimensions": 16, "return_multivector": True}, 400, "dimensions", f"have {SPEC.multi_vector_dim}"),
    ({"encoding_format": "hex"}, 400, "encoding_format", "float, base64, binary, ubinary"),
    ({"embedding_type": ["float"]}, 400, "embedding_type", "a list of 1"),
    ({"embedding_type": "binary", "encoding_format": "float"}, 400, "embedding_type", "contradict"),
    ({"embedding_type": "float", "encoding_format": "binary"}, 400, "embedding_type", "contradict"),
    ({"normalized": "yes"}, 400, "normalized", "true or false"),
    ({"late_chunking": True}, 400, "late_chunking", "not supported"),
    ({"temperature": 1}, 400, "temperature", "unknown field 'temperature'"),
    ({"a\ud800": 1}, 400, "a\ud800", "unknown field"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "status", "param", "words"), BAD, ids=range(len(BAD)))
def test_a_refusal_names_the_field(
    site: Served, fields: dict[str, Any], status: int, param: str, words: str
) -> None:
    answer = post(site, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["type"]) == (status, param, "invalid_request_error")
    assert words in error["message"] and set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in answer.text and len(error["message"]) < 400
    for name, value in server.HEADERS.items():
        assert answer.headers[name] == value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\xff", "no JSON"),
        (b"[1]", "a list of 1"),
        (b"null", "null"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
    ],
)
def test_a_body_that_is_none(site: Served, content: bytes, words: str) -> None:
    answer = site.client.post("/v1/embeddings", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and words in answer.json()["error"]["message"]


def test_a_form_is_no_request(site: Served) -> None:
    """A page of another site could send one without asking; JSON it cannot."""
    body = json.dumps({"model": "mini", "input": "a"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {"content-type": kind} if kind else {}
        assert site.client.post("/v1/embeddings", content=body, headers=headers).status_code == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(site: Served, method: str) -> None:
    answer = site.client.request(method, "/v1/embeddings")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["code"] == "method_not_allowed"


def test_a_body_over_the_limit_is_413(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MAX_BODY", 1_000_000)
    for size in (1_000_001, 3_000_000):
        answer = post(site, input="x" * size)
        assert answer.status_code == 413 and "1,000,000 bytes" in answer.json()["error"]["message"]


def test_a_body_that_does_not_come_is_408(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "BODY_SECONDS", 0.3)
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        head = "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        slow.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in slow.recv(1000).split(b"\r\n")[0]


def test_what_fails_inside_is_500_without_details(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(site.bench, "encode", broken)
    answer = post(site)
    assert answer.status_code == 500 and "secret" not in answer.text and "Traceback" not in answer.text
    assert answer.json()["error"]["type"] == "server_error"


def test_a_device_that_is_gone_is_503_in_its_words(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:

    def gone(*_: Any, **__: Any) -> None:
        raise DeviceError("no GPU for this call: quota")

    monkeypatch.setattr(site.bench.model, "embed", gone)
    answer = post(site, return_multivector=True)
    assert answer.status_code == 503 and answer.headers["retry-after"] and "quota" in answer.text
