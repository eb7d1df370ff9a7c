"""POST /v1/embeddings with many clients at once, and with clients that leave."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from embedder import Embedder
from tests.ui.rest.steps import post, vectors
from tests.ui.site import Served
from ui import rest, server


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


@pytest.mark.parametrize("more", [{}, {"return_multivector": True}], ids=["dense", "late"])
def test_a_long_text_is_let_go_when_its_client_leaves(
    site: Served, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    """Within its forward pass, which takes seconds: nobody else is answered before it ends."""
    runtime = site.bench.model._runtime
    real, begun, done = runtime._forward, threading.Event(), []

    def noted(*args: Any, **options: Any) -> Any:
        begun.set()
        found = real(*args, **options)
        done.append(len(found))
        return found

    monkeypatch.setattr(runtime, "_forward", noted)
    texts = [f"{at} " + "river apple stone cloud word " * 3_270 for at in range(4)]  # 95,000 characters each
    with httpx.Client(base_url=site.url, trust_env=False) as leaving:
        with pytest.raises(httpx.ReadTimeout):
            body = {"model": "mini", "input": texts, **more}
            leaving.post("/v1/embeddings", json=body, timeout=httpx.Timeout(30, read=1.5))
    assert begun.wait(30)
    deadline = time.monotonic() + 60
    while site.bench.requests.now and time.monotonic() < deadline:
        time.sleep(0.05)
    assert site.bench.requests.now == 0 and not done, f"{len(done)} passes came to their end for nobody"
    assert post(site, input="a short one", **more).status_code == 200
