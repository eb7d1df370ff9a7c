"""Caps per visitor: counted for each session, said in words, lifted where everybody is trusted."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from embedder.spec import MINI
from tests.ui.host import Host
from ui import model_facts
from ui.collection import MAX_IMAGES, MAX_ITEMS, MAX_TEXT_CHARS
from ui.limits import PUBLIC, TRUSTED, Limits, limits_of
from ui.visitors import Allowance

FEW = replace(PUBLIC, per_minute=24, waiting=2)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    host = Host([MINI], FEW)
    yield host
    host.close()


def test_an_allowance_is_a_quarter_at_once_and_comes_back_evenly() -> None:
    allowance = Allowance(60)
    assert [allowance.take("a", 0.0) for _ in range(15)] == [0.0] * 15
    assert allowance.take("a", 0.0) == pytest.approx(1.0)
    assert allowance.take("b", 0.0) == 0.0, "another visitor has an allowance of its own"
    assert allowance.take("a", 0.5) == pytest.approx(0.5)
    assert allowance.take("a", 1.01) == 0.0
    assert [allowance.take("a", 1000.0) for _ in range(16)].count(0.0) == 15, "never more than a quarter"


def join(host: Host, session: str, **more: Any) -> Any:
    body = {"data": [], "fn_index": 0, "session_hash": session, **more}
    return host.client.post("/gradio_api/queue/join", json=body)


def test_more_requests_than_allowed_are_refused_in_words_and_others_are_served(host: Host) -> None:
    answers = [join(host, "busy") for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 5 and answers[0].status_code != 429
    assert "requests in a minute" in refused[0].json()["detail"] and "retry-after" in refused[0].headers
    assert join(host, "another").status_code != 429


def test_named_endpoints_count_too(host: Host) -> None:
    call = {"data": [["a text"], "retrieval.query", None, None], "session_hash": "caller"}
    codes = [host.client.post("/gradio_api/call/embed", json=call).status_code for _ in range(9)]
    assert codes[0] == 200 and codes[-1] == 429


def test_only_so_many_of_a_session_may_wait(host: Host) -> None:
    bench = host.models.running[0].bench
    real, hold = bench.model.embed, threading.Event()

    def held(*values: Any, **options: Any) -> Any:
        assert hold.wait(120)
        return real(*values, **options)

    bench.model.embed = held
    try:
        calls = [{"data": [[f"waits {at}"], None, None, None], "session_hash": "queue"} for at in range(5)]
        answers = [host.client.post("/gradio_api/call/embed", json=call) for call in calls]
    finally:
        hold.set()
        del bench.model.embed
    # which of them is refused depends on when the queue takes the first one out to run it
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and "waiting already" in refused[0].json()["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"session_hash": 7}', b"\xff\xfe"])
def test_a_body_that_is_none_is_gradio_s_own_to_refuse(host: Host, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = host.client.post("/gradio_api/queue/join", content=body, headers=headers)
    assert answer.status_code in (400, 422, 429)


def test_trust_lifts_what_protects_others_and_keeps_what_protects_the_page() -> None:
    assert limits_of(trusted=False) is PUBLIC and limits_of(trusted=True) is TRUSTED
    assert not PUBLIC.local_folders and not PUBLIC.load_models and PUBLIC.benchmark_seconds
    assert TRUSTED.local_folders and TRUSTED.load_models and TRUSTED.benchmark_seconds is None
    assert TRUSTED.items == PUBLIC.items and TRUSTED.per_minute is None


def test_the_caps_are_those_that_the_page_keeps() -> None:
    assert (PUBLIC.items, PUBLIC.pictures, PUBLIC.text_chars) == (MAX_ITEMS, MAX_IMAGES, MAX_TEXT_CHARS)


@pytest.mark.parametrize("limits", [PUBLIC, TRUSTED])
def test_the_tab_and_the_readme_state_them(limits: Limits) -> None:
    from tests.browser.harness import ROOT

    said = model_facts.caps(limits)
    readme = (ROOT / "README.md").read_text()
    for number in (limits.items, limits.text_chars, limits.picture_pixels):
        assert f"{number:,}" in said
    if not limits.trusted:
        for number in (limits.items, limits.inputs, limits.text_chars, limits.waiting, limits.per_minute):
            assert f"{number:,}" in said and f"{number:,}" in readme, number
    assert ("no limit" in said) == limits.trusted
