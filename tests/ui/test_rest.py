"""POST /v1/embeddings on the real page with the bundled miniature: the official client, and every refusal."""

import base64
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from embedder import Embedder, truncate
from embedder.quantization import Quantizer, VectorPrecision
from tests.mini import DIM, SPEC, WIDTHS
from tests.ui.site import Served
from ui import rest, server

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
PICTURE = EXAMPLES / "red-circle.png"
PACKED = base64.b64encode(PICTURE.read_bytes()).decode()


@pytest.fixture(scope="module")
def mini() -> Embedder:
    return Embedder.from_pretrained("mini", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def site(mini: Embedder) -> Iterator[Served]:
    served = Served(mini, "mini")
    yield served
    served.close()


@pytest.fixture(scope="module")
def client(site: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def post(site: Served, **body: Any) -> httpx.Response:
    content = json.dumps({"model": "mini", "input": "a text", **body})  # lone surrogates pass, escaped
    return site.client.post("/v1/embeddings", content=content, headers={"content-type": "application/json"})


def vectors(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.array([row["embedding"] for row in answer.json()["data"]], dtype=np.float32)


# The official client.


def test_the_openai_client_gets_the_library_s_vectors(client: openai.OpenAI, mini: Embedder) -> None:
    texts = ["a red circle", "a blue square", "def reverse(items): ..."]
    answer = client.embeddings.create(model="mini", input=texts)
    got = np.array([row.embedding for row in answer.data], dtype=np.float32)
    np.testing.assert_allclose(got, mini.encode_text(texts, prompt_name="query"), atol=1e-6)
    assert [row.index for row in answer.data] == [0, 1, 2] and answer.model == "mini"
    tokens = sum(mini.embed(texts).tokens)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (tokens, tokens)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_the_openai_client_in_both_of_its_formats(
    client: openai.OpenAI, mini: Embedder, encoding: Any
) -> None:
    answer = client.embeddings.create(model="mini", input="one", dimensions=32, encoding_format=encoding)
    got = answer.data[0].embedding
    if isinstance(got, str):
        got = np.frombuffer(base64.b64decode(got), dtype="<f4")
    np.testing.assert_allclose(got, mini.encode_text("one", truncate_dim=32), atol=1e-6)


def test_the_openai_client_with_jina_s_fields(client: openai.OpenAI, mini: Embedder) -> None:
    more = {"task": "code.passage", "embedding_type": "float", "normalized": True}
    answer = client.embeddings.create(
        model="mini", input="def f(): ...", encoding_format="float", extra_body=more
    )
    expected = mini.encode_text("def f(): ...", task="code", prompt_name="passage")
    np.testing.assert_allclose(answer.data[0].embedding, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["float", "base64", "binary", "ubinary"])
def test_the_openai_client_asks_for_base64_unasked(client: openai.OpenAI, mini: Embedder, kind: Any) -> None:
    """It sends encoding_format "base64" where its user named none; embedding_type then decides."""
    answer = client.embeddings.create(model="mini", input="one", extra_body={"embedding_type": kind})
    expected = mini.encode_text("one")
    if kind.endswith("binary"):
        expected = Quantizer(VectorPrecision(kind), DIM).quantize(expected)
    np.testing.assert_allclose(answer.data[0].embedding, expected, atol=1e-6)


def test_the_openai_client_lists_the_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list().data] == ["mini"]
    assert client.models.retrieve("mini").owned_by == "local"
    with pytest.raises(openai.NotFoundError, match="'gpt-4' does not exist here; this server runs 'mini'"):
        client.models.retrieve("gpt-4")


def test_the_openai_client_raises_its_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=WIDTHS) as bad:
        client.embeddings.create(model="mini", input="a", dimensions=DIM + 1)
    assert (bad.value.param, bad.value.code, bad.value.type) == (
        "dimensions",
        "invalid_value",
        "invalid_request_error",
    )
    with pytest.raises(openai.NotFoundError, match="this server runs 'mini'"):
        client.embeddings.create(model="text-embedding-3-small", input="a")


# Inputs, tasks, formats.


def test_pictures_and_documents(site: Served, mini: Embedder) -> None:
    inputs = [
        "a text",
        {"text": "a text"},
        {"image": PACKED},
        {"image": f"data:image/png;base64,{PACKED}"},
        {"text": "both", "image": PACKED},
    ]
    got = vectors(post(site, input=inputs, task="retrieval.passage"))
    sources = ["a text", "a text", PICTURE, PICTURE, {"text": "both", "image": PICTURE}]
    expected = mini.embed(sources, prompt_name="passage", vectors=("dense",)).dense
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_array_equal(got[0], got[1])
    np.testing.assert_array_equal(got[2], got[3])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"task": "retrieval", "prompt_name": "query"}),
        ({"task": "retrieval.query"}, {"task": "retrieval", "prompt_name": "query"}),
        ({"task": "retrieval.passage"}, {"task": "retrieval", "prompt_name": "passage"}),
        ({"task": "text-matching"}, {"task": "text-matching", "prompt_name": "query"}),
        ({"task": "code.query"}, {"task": "code", "prompt_name": "query"}),
        ({"task": "code.passage"}, {"task": "code", "prompt_name": "passage"}),
        ({"task": "code", "prompt_name": "passage"}, {"task": "code", "prompt_name": "passage"}),
        ({"task": "document"}, {"task": "retrieval", "prompt_name": "passage"}),
    ],
)
def test_tasks_by_jina_s_names_and_our_own(
    site: Served, mini: Embedder, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    np.testing.assert_allclose(
        vectors(post(site, **fields))[0], mini.encode_text("a text", **expected), atol=1e-6
    )


@pytest.mark.parametrize("field", ["encoding_format", "embedding_type"])
@pytest.mark.parametrize("dim", [DIM, 20])
def test_packed_formats(site: Served, mini: Embedder, field: str, dim: int) -> None:
    vector = mini.encode_text("a text", truncate_dim=dim)
    for kind in ("binary", "ubinary"):
        found = post(site, dimensions=dim, **{field: kind}).json()["data"][0]["embedding"]
        codes = Quantizer(VectorPrecision(kind), dim).quantize(vector)
        assert found == codes.tolist() and len(found) == -(-dim // 8)
    signs = np.unpackbits(np.array(found, dtype=np.uint8), count=dim)
    np.testing.assert_array_equal(signs, vector > 0)


def test_natural_length_and_a_cut_of_it(site: Served, mini: Embedder) -> None:
    raw = vectors(post(site, normalized=False, dimensions=64))[0]
    assert abs(np.linalg.norm(raw) - 1) > 0.01
    np.testing.assert_allclose(raw, mini.encode_text("a text", normalize=False, truncate_dim=64), rtol=1e-5)
    unit = vectors(post(site, dimensions=64))[0]
    np.testing.assert_allclose(truncate(raw, 64), unit, atol=1e-6)


@pytest.mark.parametrize("kind", ["float", "base64"])
def test_vectors_per_token(site: Served, mini: Embedder, kind: str) -> None:
    answer = post(site, input=["a text", {"image": PACKED}], return_multivector=True, embedding_type=kind)
    expected = mini.embed(["a text", PICTURE], vectors=("late",)).late
    assert expected is not None and answer.status_code == 200
    for row, matrix in zip(answer.json()["data"], expected, strict=True):
        assert "embedding" not in row
        found = row["embeddings"]
        if kind == "base64":
            found = [np.frombuffer(base64.b64decode(one), dtype="<f4") for one in found]
        np.testing.assert_allclose(np.array(found), matrix, atol=1e-6)


def test_a_picture_is_turned_upright_as_on_the_page(site: Served, mini: Embedder, tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(PICTURE).convert("RGB").rotate(90, expand=True).save(tmp_path / "a.jpg", exif=exif)
    data = (tmp_path / "a.jpg").read_bytes()
    got = vectors(post(site, input=[{"image": base64.b64encode(data).decode()}]))
    expected = mini.embed([data], vectors=("dense",), upright=True).dense
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_what_was_changed_is_said(site: Served) -> None:
    answer = post(site, input=["fine", "a lone \ud800 surrogate"]).json()
    assert len(answer["notices"]) == 1 and answer["notices"][0].startswith("input[1]: ")
    assert "notices" not in post(site, input="fine").json()


def test_a_long_text_is_refused_or_cut(site: Served, mini: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(mini, "spec", replace(mini.spec, max_tokens=24))
    text = "one two three four five six seven eight nine ten eleven twelve " * 20
    refused = post(site, input=["short", text])
    assert refused.status_code == 400 and "input[1] has" in refused.json()["error"]["message"]
    assert "24 tokens" in refused.json()["error"]["message"]
    cut = post(site, input=["short", text], truncate=True).json()
    assert cut["notices"][0].startswith("input[1]: text ") and "cut to its first" in cut["notices"][0]


# Refusals.

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
    from embedder import DeviceError

    def gone(*_: Any, **__: Any) -> None:
        raise DeviceError("no GPU for this call: quota")

    monkeypatch.setattr(site.bench.model, "embed", gone)
    answer = post(site, return_multivector=True)
    assert answer.status_code == 503 and answer.headers["retry-after"] and "quota" in answer.text


@pytest.fixture
def held(site: Served) -> Iterator[tuple[list[int], threading.Event]]:
    """The model waits until it is released: (who has begun, release)."""
    begun: list[int] = []
    release = threading.Event()
    real = site.bench.encode

    def waiting(*args: Any, **options: Any) -> Iterator[Any]:
        begun.append(1)
        release.wait(30)
        yield from real(*args, **options)

    site.bench.encode = waiting  # type: ignore[method-assign]
    yield begun, release
    release.set()
    del site.bench.encode


def test_past_the_limit_is_503_and_come_again(site: Served, held: tuple[list[int], threading.Event]) -> None:
    begun, release = held
    with ThreadPoolExecutor(rest.PLACES) as pool:
        first = [pool.submit(post, site, input=f"text {at}") for at in range(rest.PLACES)]
        deadline = time.monotonic() + 20
        while len(begun) < rest.PLACES and time.monotonic() < deadline:
            time.sleep(0.02)
        start = time.perf_counter()
        refused = post(site)
        seconds = time.perf_counter() - start
        release.set()
        assert {one.result().status_code for one in first} == {200}
    assert refused.status_code == 503 and refused.headers["retry-after"] == server.RETRY_SECONDS
    assert refused.json()["error"]["code"] == "busy" and seconds < 1
    assert post(site).status_code == 200, "the places are free again"


def test_work_stops_when_the_client_leaves(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    real, groups, begun = site.bench.encode, [], threading.Event()

    def slow(*args: Any, **options: Any) -> Iterator[Any]:
        for step in real(*args, **options):
            begun.set()
            time.sleep(0.15)
            groups.append(step.done)
            yield step

    monkeypatch.setattr(site.bench, "encode", slow)
    body = {"model": "mini", "input": [f"leaving {at}" for at in range(200)]}
    with httpx.Client(base_url=site.url, trust_env=False) as leaving:
        with pytest.raises(httpx.ReadTimeout):
            leaving.post("/v1/embeddings", json=body, timeout=httpx.Timeout(5, read=0.5))
    assert begun.is_set()
    time.sleep(0.6)
    seen = len(groups)
    time.sleep(0.8)
    assert len(groups) == seen < 20


def test_equal_answers_under_crowding(site: Served, mini: Embedder) -> None:
    """Clients of several tasks at once: each gets its own vectors."""
    cases = [(f"text {at}", task) for at in range(4) for task in ("retrieval.query", "code.passage")]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda case: post(site, input=case[0], task=case[1]), cases))
    for (text, task), answer in zip(cases, answers, strict=True):
        adapter, role = task.split(".")
        expected = mini.encode_text(text, task=adapter, prompt_name=role)
        np.testing.assert_allclose(vectors(answer)[0], expected, atol=1e-5)


# What the README shows.

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SHOWN = "http://127.0.0.1:7860"


def test_the_readme_s_curl_line_runs(site: Served) -> None:
    (lines,) = [block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if "/v1/" in block]
    done = subprocess.run(
        ["sh", "-eu", "-c", lines.replace(SHOWN, site.url)],
        cwd=EXAMPLES.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [len(row["embedding"]) for row in json.loads(done.stdout)["data"]] == [64, 64]


def test_the_readme_s_client_runs(site: Served, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```py\n(.*?)```", README, re.DOTALL)
    exec(compile(code.replace(SHOWN, site.url), "README", "exec"), {})
    assert capsys.readouterr().out.split()[0] == str(DIM)


def test_the_readme_names_every_field() -> None:
    from ui.rest_body import FIELDS, FORMATS

    section = README.split("## From other programs")[1].split("\n## ")[0]
    plain = {"prompt_name", "late_chunking", "user"}  # said beside others, refused, and ignored
    missing = [name for name in (*FIELDS, *FORMATS) if name not in plain and f"`{name}`" not in section]
    assert not missing
