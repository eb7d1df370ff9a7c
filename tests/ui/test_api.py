"""The named endpoints of the running page, by gradio's own client and by raw requests; and as MCP tools."""

import asyncio
import base64
import inspect
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio_client
import numpy as np
import pytest
from gradio_client.exceptions import AppError
from scipy.stats import spearmanr

from embedder import Embedder, EmbedderError, similarity, truncate
from tests.mini import DIM, SPEC, WIDTHS
from tests.ui.site import Served
from ui import api, api_handlers

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
PICTURES = [EXAMPLES / "red-circle.png", EXAMPLES / "red-circle-above-blue-square.png"]
TEXTS = ["a red circle", "a blue square", "a green triangle", "how to sort a list", "def f(x): return x"]


@pytest.fixture(scope="module")
def mini() -> Embedder:
    return Embedder.from_pretrained("mini", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def site(mini: Embedder) -> Iterator[Served]:
    with closing(Served(mini, "mini", mcp=True)) as served:
        yield served


@pytest.fixture(scope="module")
def client(site: Served) -> gradio_client.Client:
    return gradio_client.Client(site.url, verbose=False)


def packed(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_the_page_offers_exactly_these_five(client: gradio_client.Client) -> None:
    offered = client.view_api(return_format="dict", print_info=False)
    assert list(offered["named_endpoints"]) == [f"/{name}" for name in api.NAMES]
    assert len(api.NAMES) == 5 and offered["unnamed_endpoints"] == {}


def test_each_is_documented_and_typed(client: gradio_client.Client) -> None:
    offered = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for name in api.NAMES:
        entry = offered[f"/{name}"]
        assert len(entry["description"]) > 30
        for parameter in entry["parameters"]:
            assert parameter["type"], (name, parameter["parameter_name"])
            said = parameter["python_type"]["description"]
            assert len(said) > 5, (name, parameter["parameter_name"])
        (returned,) = entry["returns"]
        assert len(returned["python_type"]["description"]) > 5, name
        assert returned["type"]["type"] == "object" and returned["type"]["required"]


def test_each_parameter_is_explained_where_gradio_s_client_prints_it(client: gradio_client.Client) -> None:
    said = client.view_api(return_format="str", print_info=False)
    for line in (inspect.getdoc(api.Endpoints.search) or "").splitlines():
        name, _, words = line.strip().partition(": ")
        assert name not in ("query", "documents", "limit") or words in said
    assert "dict(text: str, image: str)" in said and "Positions in documents" in said


def test_embed_gives_the_library_s_vectors(client: gradio_client.Client, mini: Embedder) -> None:
    inputs = [
        "a text",
        {"image": gradio_client.handle_file(str(PICTURES[0]))},
        {"image": packed(PICTURES[0])},
        {"text": "both", "image": f"data:image/png;base64,{packed(PICTURES[1])}"},
    ]
    found = client.predict(inputs, task="retrieval.passage", dimensions=64, api_name="/embed")
    sources = ["a text", PICTURES[0], PICTURES[0], {"text": "both", "image": PICTURES[1]}]
    expected = mini.embed(sources, prompt_name="passage", truncate_dim=64)
    np.testing.assert_allclose(found["vectors"], expected.dense, atol=1e-6)
    assert found["tokens"] == expected.tokens and found["notices"] == []
    told = (found["model"], found["task"], found["prompt_name"], found["dimensions"])
    assert told == ("mini", "retrieval", "passage", 64)


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_similarity(client: gradio_client.Client, mini: Embedder, metric: str) -> None:
    vectors = mini.encode_text(TEXTS, task="text-matching", truncate_dim=32)
    whole = client.predict(TEXTS, dimensions=32, metric=metric, api_name="/similarity")["matrix"]
    np.testing.assert_allclose(whole, getattr(similarity, metric)(vectors, vectors), atol=2e-3)
    part = client.predict(TEXTS[:2], TEXTS[2:], dimensions=32, metric=metric, api_name="/similarity")
    np.testing.assert_allclose(part["matrix"], np.array(whole)[:2, 2:], atol=1e-5)


def test_search_finds_the_picture(client: gradio_client.Client, mini: Embedder) -> None:
    documents = [*TEXTS[1:], {"image": packed(PICTURES[1])}, {"image": packed(PICTURES[0])}]
    query = "a red circle above a blue square"
    found = client.predict(query, documents, limit=3, api_name="/search")["hits"]
    left = mini.encode_query([query])
    right = mini.encode_document([*TEXTS[1:], PICTURES[1], PICTURES[0]])
    scores = similarity.cosine(left, right)[0]
    assert [hit["index"] for hit in found] == [int(at) for at in np.argsort(-scores)[:3]]
    np.testing.assert_allclose([hit["score"] for hit in found], np.sort(scores)[::-1][:3], atol=1e-5)


def test_a_picture_may_be_the_query(client: gradio_client.Client) -> None:
    documents = [{"image": packed(path)} for path in PICTURES]
    hits = client.predict({"image": packed(PICTURES[1])}, documents, api_name="/search")["hits"]
    assert hits[0]["index"] == 1 and hits[0]["score"] == pytest.approx(1, abs=1e-5)


def test_the_truncation_report_is_what_it_says(client: gradio_client.Client, mini: Embedder) -> None:
    report = client.predict(
        TEXTS, [16, 128], "retrieval.passage", neighbours=2, api_name="/truncation_report"
    )
    assert (report["full_width"], report["neighbours"]) == (DIM, 2)
    vectors = mini.encode_text(TEXTS, prompt_name="passage")
    full = similarity.cosine(vectors, vectors)
    for row in report["rows"]:
        cut = truncate(vectors, row["dimensions"])
        scores = similarity.cosine(cut, cut)
        kept, order = [], []
        for at in range(len(TEXTS)):
            others = [other for other in range(len(TEXTS)) if other != at]
            before = sorted(others, key=lambda other, at=at: -full[at, other])[:2]
            after = sorted(others, key=lambda other, at=at: -scores[at, other])[:2]
            kept.append(len({*before} & {*after}) / 2)
            order.append(spearmanr(full[at, others], scores[at, others]).statistic)
        assert row["bytes_per_vector"] == 4 * row["dimensions"]
        assert row["overlap"] == pytest.approx(np.mean(kept), abs=1e-6)
        assert row["rank_correlation"] == pytest.approx(np.mean(order), abs=1e-6)


def test_the_report_s_widths_are_the_model_s_own(site: Served) -> None:
    report = api_handlers.truncation_report(site.bench, TEXTS, None, None, None, 1)
    assert [row["dimensions"] for row in report["rows"]] == list(SPEC.matryoshka_dims)
    assert report["rows"][-1]["overlap"] == 1 and report["rows"][-1]["rank_correlation"] == pytest.approx(1)


def test_the_models(client: gradio_client.Client) -> None:
    (found,) = client.predict(api_name="/list_models")["models"]
    assert (found["id"], found["dimensions"], found["tasks"]) == (
        "mini",
        DIM,
        ["retrieval", "text-matching", "code"],
    )


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("embed", {"inputs": []}, "empty list"),
        ("embed", {"inputs": [3]}, "inputs[0] is 3"),
        ("embed", {"inputs": ["x"] * 257}, "at most 256"),
        ("embed", {"inputs": ["a"], "task": "nothing"}, "retrieval.query"),
        ("embed", {"inputs": ["a"], "dimensions": 9999}, WIDTHS),
        ("embed", {"inputs": [{"image": "http://127.0.0.1/x.png"}]}, "nothing is fetched"),
        ("similarity", {"inputs": ["a"], "metric": "angle"}, "cosine, dot, euclidean"),
        ("search", {"query": ["a", "b"], "documents": ["a"]}, "one text or one picture"),
        ("search", {"query": "a", "documents": ["b"], "limit": 0}, "limit is 0"),
        ("truncation_report", {"inputs": ["a", "b"]}, "3 or more"),
        ("truncation_report", {"inputs": TEXTS, "neighbours": 5}, "from 1 to 4"),
        ("truncation_report", {"inputs": TEXTS, "dimensions": [16, 9999]}, "dimensions[1] is 9999"),
        ("truncation_report", {"inputs": TEXTS, "dimensions": []}, "1 to 32"),
    ],
)
def test_a_refusal_is_words(
    client: gradio_client.Client, name: str, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(AppError) as refused:
        client.predict(**values, api_name=f"/{name}")
    assert words in str(refused.value) and "Traceback" not in str(refused.value)


def _call(site: Served, name: str, data: list[Any]) -> str:
    """What an endpoint says to a raw request, which may send anything."""
    event = site.client.post(f"/gradio_api/call/{name}", json={"data": data}).json()["event_id"]
    return site.client.get(f"/gradio_api/call/{name}/{event}").text


@pytest.mark.parametrize("path", ["/etc/passwd", str(PICTURES[0]), "https://example.com/a.png", "", None])
def test_a_forged_upload_opens_nothing(site: Served, path: Any, capfd: pytest.CaptureFixture[str]) -> None:
    forged = [{"image": {"path": path, "meta": {"_type": "gradio.FileData"}}}]
    said = _call(site, "embed", [forged, "retrieval", None, 16])
    assert "event: error" in said and "vectors" not in said and "root:" not in said
    if path and "://" in path:
        assert "nothing is fetched here" in said and "Traceback" not in capfd.readouterr().err


def test_nothing_is_fetched_for_any_event(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """gradio downloads an address in a file's place by itself, whatever the component: here it must not."""
    from gradio import processing_utils

    asked: list[str] = []

    async def download(url: str, *_: Any, **__: Any) -> str:
        asked.append(url)
        raise ValueError("reached the network")

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", download)
    address = {"path": "https://example.com/a.png", "meta": {"_type": "gradio.FileData"}}
    boxes = {part["id"] for part in site.demo.config["components"] if part["type"] == "textbox"}
    event = next(
        e for e in site.demo.config["dependencies"] if boxes & {*e["inputs"]} and e["queue"] is not False
    )
    body = {"data": [address] * len(event["inputs"]), "fn_index": event["id"], "session_hash": "fetch"}
    assert site.client.post("/gradio_api/queue/join", json=body).status_code == 200
    said = site.client.get("/gradio_api/queue/data", params={"session_hash": "fetch"}).text
    assert asked == [] and '"success":false' in said.replace(" ", "")


def test_the_queue_is_not_passed_by(site: Served) -> None:
    for name in api.NAMES:
        assert site.client.post(f"/gradio_api/run/{name}", json={"data": [["a"]]}).status_code == 404


def test_long_texts_are_let_go_when_their_client_leaves(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = site.bench.model._runtime
    real, begun, done, ended = runtime._forward, threading.Event(), [], threading.Event()

    def noted(*args: Any, **options: Any) -> Any:
        begun.set()
        try:
            done.append(real(*args, **options))
            return done[-1]
        finally:
            ended.set()

    monkeypatch.setattr(runtime, "_forward", noted)
    texts = [f"{at} " + "river apple stone cloud word " * 3_270 for at in range(4)]  # 95,000 characters each
    started = site.client.post("/gradio_api/call/v2/embed", json={"inputs": texts})
    where = f"/gradio_api/call/embed/{started.json()['event_id']}"
    with site.client.stream("GET", where):
        assert begun.wait(30)
    assert ended.wait(60) and not done, "a pass came to its end for nobody"
    short = gradio_client.Client(site.url, verbose=False).submit(["a short one"], api_name="/embed")
    assert len(short.result(timeout=20)["vectors"]) == 1


def test_endpoints_that_run_the_model_share_its_queue(site: Served) -> None:
    functions = {fn.api_name: fn for fn in site.demo.fns.values() if fn.api_name in api.NAMES}
    for name in api.NAMES[:4]:
        assert (functions[name].concurrency_id, functions[name].concurrency_limit) == ("model", 1)
    tabs = [fn for fn in site.demo.fns.values() if fn.concurrency_id == "model"]
    assert len(tabs) > 4, "the tabs wait in the same queue"


async def _over_mcp(site: Served) -> tuple[list[Any], Any, Any]:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async with streamablehttp_client(f"{site.url}/gradio_api/mcp/") as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = (await session.list_tools()).tools
            good = await session.call_tool("embed", {"inputs": ["a text"], "dimensions": 16})
            bad = await session.call_tool("embed", {"inputs": ["a text"], "dimensions": 999})
            return tools, good, bad


def test_the_same_five_are_tools_over_mcp(site: Served, mini: Embedder) -> None:
    tools, good, bad = asyncio.run(_over_mcp(site))
    assert [tool.name for tool in tools] == list(api.NAMES)
    embed = tools[0].inputSchema
    assert embed["required"] == ["inputs"] and "base64" in embed["properties"]["inputs"]["description"]
    assert all(tool.description for tool in tools)
    found = json.loads(good.content[0].text)
    np.testing.assert_allclose(found["vectors"][0], mini.encode_text("a text", truncate_dim=16), atol=1e-6)
    assert bad.isError and WIDTHS in bad.content[0].text
    assert "Traceback" not in bad.content[0].text


def test_without_mcp_there_are_no_tools(mini: Embedder) -> None:
    with closing(Served(mini, "mini")) as served:
        assert served.client.post("/gradio_api/mcp/", json={}).status_code in (404, 405)


@pytest.mark.parametrize(("found", "why"), [(None, "not installed"), ("2.3.0", "mcp 2.3.0")])
def test_mcp_that_cannot_be_had_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, found: str | None, why: str
) -> None:
    def version(_: str) -> str:
        if found is None:
            raise api.PackageNotFoundError("mcp")
        return found

    monkeypatch.setattr(api, "version", version)
    with pytest.raises(EmbedderError) as refused:
        api.check_mcp()
    assert why in str(refused.value) and 'pip install "mcp>=1.21,<2"' in str(refused.value)


def test_the_advice_is_the_extra_s_own_line() -> None:
    import tomllib

    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert settings["dependency-groups"]["mcp"] == [api.MCP_PACKAGE]
