"""Another model on the same host: built before the old one goes, never mixed with it, refused in words."""

import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import pytest

from embedder import Embedder
from embedder.errors import EmbedderError, InputError
from embedder.spec import JINA_V4
from tests.ui.conftest import GOLDEN
from tests.ui.host import Host
from tests.ui.second_model import full_width, halved
from ui import evaluation_start
from ui import model as tab
from ui import models as offer
from ui.collection import text_item
from ui.limits import PUBLIC, TRUSTED
from ui.models import Gone, Models, Ticket


def wait_for(done: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


FULL, HALF = full_width(), full_width() // 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second model in the published layout, of half the width."""
    return halved(tmp_path_factory.mktemp("second") / "half")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder whose weights break off."""
    copy = Path(shutil.copytree(GOLDEN, tmp_path / "broken"))
    shard = next(copy.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    return copy


@pytest.fixture
def trusted() -> Iterator[Host]:
    host = Host([str(GOLDEN)], TRUSTED)
    yield host
    host.close()


@pytest.fixture(scope="module")
def public(folder: Path) -> Iterator[Host]:
    host = Host([str(GOLDEN), str(folder)], PUBLIC)
    yield host
    host.close()


def test_the_form_of_a_benchmark_run_leads_to_the_other_models(public: Host, folder: Path) -> None:
    first, second = (one.bench for one in public.models.running)
    words = evaluation_start.offered(first)[0]
    assert f"href='./?model={quote(str(folder), safe='')}'" in words and f"model={GOLDEN}" not in words
    assert f"href='./?model={quote(str(GOLDEN), safe='')}'" in evaluation_start.offered(second)[0]


def last_words(host: Host, name: object, ticket: Ticket | None = None) -> str:
    *_, last = tab.switch(host.models.running[0].bench, name, ticket or Ticket())
    return str(last[0])


def embed(host: Host, model: str) -> Any:
    return host.client.post("/v1/embeddings", json={"model": model, "input": ["a text"]})


def test_a_switch_ends_what_runs_on_the_old_model_and_then_lets_it_go(trusted: Host, folder: Path) -> None:
    (old,) = trusted.models.running
    weights, slow = weakref.ref(old.bench.model), threading.Event()
    real, started = {"embed": old.bench.model.embed}, threading.Event()

    def held(*values: Any, **options: Any) -> Any:
        started.set()
        assert slow.wait(120)
        return real["embed"](*values, **options)

    old.bench.model.embed = held
    root = trusted.page()["root"].removeprefix(trusted.url)
    call = {"data": [["one"], "retrieval.query", None, None]}
    begun = trusted.client.post(f"{root}/gradio_api/call/embed", json=call).json()["event_id"]
    assert started.wait(60)
    assert "is ready" in last_words(trusted, str(folder))
    (new,) = trusted.models.running
    assert new.argument == str(folder) and new.bench.model.spec.dim == HALF
    assert HALF in trusted.ends() and FULL not in trusted.ends()
    assert len(embed(trusted, str(folder)).json()["data"][0]["embedding"]) == HALF
    time.sleep(0.5)
    assert not isinstance(old.bench.model, Gone), "a request runs on it"
    slow.set()
    answer = trusted.client.get(f"{root}/gradio_api/call/embed/{begun}").text
    assert f'"dimensions": {FULL}' in answer
    wait_for(lambda: isinstance(old.bench.model, Gone))
    real.clear()
    wait_for(lambda: gc.collect() is not None and weights() is None)
    with pytest.raises(InputError, match="load the page anew"):
        old.bench.model.embed(["a text"])
    answer = old.bench.run([text_item("another")], "retrieval", "query")
    assert "was let go" in answer.problems[0], "the old page says so in words"
    assert "was let go" in tab.now(old.bench)[1]
    refused = embed(trusted, str(GOLDEN))
    assert refused.status_code == 404


def test_what_cannot_be_loaded_leaves_the_model_that_runs(trusted: Host, broken: Path) -> None:
    (old,) = trusted.models.running
    wrong = [str(broken), str(broken / "nowhere"), "", 7, None, "x" * 5000, "http://127.0.0.1/model"]
    for name in wrong:
        assert "xp-error" in last_words(trusted, name), name
    assert str(broken / "nowhere") in last_words(trusted, str(broken / "nowhere"))
    assert trusted.models.running == (old,)
    assert len(old.bench.run([text_item("still here")], "retrieval", "query").vectors[0]) > 0
    assert FULL in trusted.ends()


def test_without_a_network_the_message_says_where_it_looked_and_what_fetches_it(
    trusted: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    words = last_words(trusted, JINA_V4.name)
    assert JINA_V4.name in words and str(tmp_path / "empty") in words and "hf download" in words


def test_what_has_no_room_beside_the_model_is_refused_before_it_is_read(
    trusted: Host, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer, "available_memory", lambda device: 1000)
    words = last_words(trusted, str(folder))
    assert "nothing was switched" in words and "python app.py --model" in words
    assert len(trusted.models.running) == 1


def test_a_switch_can_be_cancelled(trusted: Host, folder: Path) -> None:
    ticket = Ticket()
    steps = tab.switch(trusted.models.running[0].bench, str(folder), ticket)
    assert "Looking for" in str(next(steps)[0])
    assert "Cancelling" in tab.cancel(ticket)
    *_, last = steps
    assert "Cancelled: nothing was switched" in str(last[0])
    assert [one.argument for one in trusted.models.running] == [str(GOLDEN)]


def test_one_model_is_loaded_at_a_time(trusted: Host, folder: Path) -> None:
    first = tab.switch(trusted.models.running[0].bench, str(folder), Ticket())
    next(first)
    assert "another model is being loaded" in last_words(trusted, "mini")
    *_, last = first
    assert "is ready" in str(last[0])


def test_each_model_named_at_the_start_has_a_page_and_answers_by_its_name(public: Host, folder: Path) -> None:
    golden, half = public.models.running
    assert FULL in public.ends() and HALF not in public.ends()
    query = f"?model={quote(str(folder))}"
    assert HALF in public.ends(query) and FULL not in public.ends(query)
    assert FULL in public.ends("?model=unknown")
    for one in (golden, half):
        data = embed(public, one.argument).json()["data"]
        assert len(data[0]["embedding"]) == one.bench.model.spec.dim
    listed = [entry["id"] for entry in public.client.get("/v1/models").json()["data"]]
    assert listed == [golden.bench.model.spec.name, half.bench.model.spec.name]
    assert golden.bench.cache is not half.bench.cache


def test_on_a_public_host_a_visitor_switches_nothing(public: Host, folder: Path) -> None:
    for name in (str(folder.parent), JINA_V4.name, "/etc", "../..", "mini"):
        words = last_words(public, name)
        assert "not offered here" in words and "--trusted" in words
        with pytest.raises(EmbedderError, match="not offered"):
            list(public.models.switch(name))
    front = public.models.board.front
    assert "is ready" in last_words(public, str(folder)), "named at the start: only the way to its page"
    assert public.models.board.front is front and len(public.models.running) == 2
    public_page = {part["props"].get("elem_id") for part in public.page()["components"]}
    assert "model-go" not in public_page and "model-list" in public_page


def test_a_page_that_is_closed_says_so(public: Host) -> None:
    answer = public.client.post("/m/99/gradio_api/queue/join", json={})
    assert answer.status_code == 410 and "load the page anew" in answer.json()["detail"]


def test_models_are_named_once_and_blanks_are_none() -> None:
    assert Models([" mini ", "mini", ""]).named == ("mini",)
    assert Models([]).named == ("mini",)


def test_a_model_that_is_gone_is_still_described(model: Embedder) -> None:
    gone = Gone(model, "it went")
    assert gone.spec is model.spec and gone.tasks == model.tasks
    with pytest.raises(InputError, match="it went"):
        gone.memory_report()


def test_what_events_return_never_joins_a_page_that_is_being_built() -> None:
    offer.build_apart()
    stray, go, done = [], threading.Event(), threading.Event()

    def event() -> None:
        go.wait(30)
        stray.append(gr.Button("an update"))
        done.set()

    threading.Thread(target=event).start()
    with gr.Blocks(analytics_enabled=False) as demo, gr.Tabs():
        go.set()
        assert done.wait(30)
        with gr.Tab("one"):
            kept = gr.Markdown("text")
    assert kept._id in demo.blocks and stray[0].parent is None
