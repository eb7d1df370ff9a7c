"""Everything goes through the model once per task and role; what the cache gives is what the model said."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder import Embedder, InputError
from embedder.prepare import Prepared
from eval.benchmarks.model import Items
from eval.encoding import PICTURES_AT_A_TIME, Encoder, Job, model_fingerprint, roles_of
from eval.progress import Progress, clock, columns
from tests.eval.conftest import CHECKPOINT, pictures, sentences

TEXTS = Items.of([f"d{i}" for i in range(30)], sentences(30))
QUERY, PASSAGE = Job("retrieval", "query"), Job("retrieval", "passage")
BOTH = ("dense", "late")


@pytest.fixture
def through(model: Embedder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The task of every item that really goes through the network."""
    seen: list[str] = []
    run = model._runtime.run

    def spy(task: str, items: Sequence[Prepared], **kinds: bool) -> Any:
        seen.extend([task] * len(items))
        return run(task, items, **kinds)

    monkeypatch.setattr(model._runtime, "run", spy)
    return seen


def test_each_item_goes_through_once_per_task_and_role(
    model: Embedder, tmp_path: Path, through: list[str]
) -> None:
    jobs = [Job(task, roles_of(task)[1]) for task in ("retrieval", "text-matching", "code")]
    encoder = Encoder(model, tmp_path, vectors=BOTH)
    encoder.encode(TEXTS, jobs, "docs")
    assert len(through) == 90
    assert encoder.counts.encoded == {
        "retrieval": {"passage": 30},
        "text-matching": {"query": 30},
        "code": {"passage": 30},
    }
    again = Encoder(model, tmp_path, vectors=BOTH)
    again.encode(TEXTS, jobs, "docs")
    assert len(through) == 90
    assert again.counts.encoded["code"] == {"passage": 0}
    assert again.counts.cached["code"] == {"passage": 30}


@pytest.mark.parametrize("cache", [True, False])
def test_vectors_are_the_models_own(model: Embedder, tmp_path: Path, cache: bool) -> None:
    for _ in range(2):  # the second time from the disk
        encoder = Encoder(model, tmp_path if cache else None, vectors=BOTH)
        found = encoder.encode(TEXTS, [QUERY, Job("code", "passage")], "docs")
        for job in (QUERY, Job("code", "passage")):
            own = model.embed(TEXTS.inputs, task=job.task, prompt_name=job.role)
            np.testing.assert_allclose(found[job, "dense"].matrix(), own.dense, atol=2e-6)
            assert own.late is not None
            assert found[job, "late"].lengths.tolist() == own.tokens
            np.testing.assert_allclose(found[job, "late"].matrix(), np.concatenate(own.late), atol=5e-6)


def test_only_what_is_new_is_encoded(model: Embedder, tmp_path: Path, through: list[str]) -> None:
    Encoder(model, tmp_path).encode(TEXTS.take(range(10)), [QUERY], "some")
    encoder = Encoder(model, tmp_path)
    encoder.encode(TEXTS, [QUERY], "more")
    assert len(through) == 30
    assert encoder.counts.encoded == {"retrieval": {"query": 20}}
    assert encoder.counts.cached == {"retrieval": {"query": 10}}


def test_late_vectors_asked_for_later_are_encoded_then(
    model: Embedder, tmp_path: Path, through: list[str]
) -> None:
    Encoder(model, tmp_path).encode(TEXTS, [QUERY], "docs")
    found = Encoder(model, tmp_path, vectors=BOTH).encode(TEXTS, [QUERY], "docs")
    assert len(through) == 60 and len(found[QUERY, "late"]) == 30
    Encoder(model, tmp_path, vectors=("late",)).encode(TEXTS, [QUERY], "docs")
    assert len(through) == 60


@pytest.mark.parametrize(
    "change", [{"max_length": 4}, {"max_pixels": 50_000}, {"adapters": {"retrieval": "x"}}]
)
def test_other_settings_share_nothing(
    model: Embedder, tmp_path: Path, through: list[str], change: dict[str, Any]
) -> None:
    Encoder(model, tmp_path).encode(TEXTS, [QUERY], "docs")
    Encoder(model, tmp_path, **change).encode(TEXTS, [QUERY], "docs")
    assert len(through) == 60


def test_tasks_and_roles_share_nothing(model: Embedder, tmp_path: Path, through: list[str]) -> None:
    encoder = Encoder(model, tmp_path)
    found = encoder.encode(TEXTS, [QUERY, PASSAGE, Job("code", "query")], "docs")
    assert len(through) == 90
    tables = [stored.matrix() for stored in found.values()]
    for i in range(3):
        for j in range(i):
            assert not np.allclose(tables[i], tables[j])


def test_a_model_is_known_by_its_content(tmp_path: Path, model: Embedder) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in CHECKPOINT.rglob("*"):
        if path.is_file():
            target = copy / path.relative_to(CHECKPOINT)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    other = Embedder.from_pretrained(copy, device="cpu", precision="float32")
    assert model_fingerprint(other) == model_fingerprint(model)
    (copy / "config.json").write_text((copy / "config.json").read_text() + " ")
    assert model_fingerprint(other) != model_fingerprint(model)


def vision_runs(model: Embedder, jobs: Sequence[Job]) -> int:
    """Pictures that go through the vision tower while 3 * PICTURES_AT_A_TIME are encoded."""
    items = Items.of([f"p{i}" for i in range(3 * PICTURES_AT_A_TIME)], pictures(3 * PICTURES_AT_A_TIME))
    before = model._runtime.vision_runs
    Encoder(model, None).encode(items, jobs, "pictures")
    return model._runtime.vision_runs - before


def test_the_vision_tower_sees_a_picture_once_for_all_tasks(
    model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model._runtime._vision.clear()
    jobs = [Job(task, "passage") for task in ("retrieval", "text-matching", "code")]
    one = model._runtime.network.vision([model_segment(model)])[0]
    # Room for half of what is encoded: task after task would find nothing left.
    room = int(1.5 * PICTURES_AT_A_TIME) * one.numel() * one.element_size()
    monkeypatch.setattr(model._runtime._vision, "_capacity", room)
    assert vision_runs(model, jobs) == 3 * PICTURES_AT_A_TIME
    model._runtime._vision.clear()


def model_segment(model: Embedder) -> Any:
    """One small picture as the network takes it."""
    from embedder.options import check_options
    from embedder.prepare import Preparer

    options = check_options(model.spec, model.tasks)
    return Preparer(model.tokenizer, options).image(0, pictures(1)[0]).segments[0]


class Interrupting(Sequence[str]):
    """Texts, and Ctrl-C when the last one is asked for."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: Any) -> Any:
        if index == len(self) - 1:
            raise KeyboardInterrupt
        return self._texts[index]


def test_an_interrupt_keeps_what_was_encoded(model: Embedder, tmp_path: Path, through: list[str]) -> None:
    broken = Items(TEXTS.ids, Interrupting(TEXTS.inputs), TEXTS.digests)
    with pytest.raises(KeyboardInterrupt):
        Encoder(model, tmp_path, batch_size=4).encode(broken, [QUERY], "docs")
    done = len(through)
    assert done >= 16
    encoder = Encoder(model, tmp_path)
    found = encoder.encode(TEXTS, [QUERY], "docs")
    assert encoder.counts.encoded["retrieval"]["query"] == 30 - done and len(through) == 30
    np.testing.assert_allclose(found[QUERY, "dense"].matrix(), model.encode_text(TEXTS.inputs), atol=2e-6)


def test_an_item_that_cannot_be_encoded_is_named(model: Embedder) -> None:
    bad = Items(["good", "bad"], ["text", 5], TEXTS.digests[:2])
    with pytest.raises(InputError, match="docs: item 'bad' is of type int"):
        Encoder(model, None).encode(bad, [QUERY], "docs")


def test_notices_are_counted_and_name_the_item(model: Embedder, recwarn: pytest.WarningsRecorder) -> None:
    items = Items.of(["short", "long", "longer"], ["a", "many words " * 20, "more words " * 30])
    encoder = Encoder(model, None, max_length=8)
    encoder.encode(items, [QUERY], "docs")
    (said,) = encoder.counts.notices
    assert said.startswith(
        "docs, retrieval query: 2 notices (first: item 'long': text of 220 characters was cut"
    )
    assert not recwarn.list


class Clock:
    """A time that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    hands = Clock()
    monkeypatch.setattr("eval.progress.time", hands)
    yield hands


def test_progress_tells_rate_and_time_left(hands: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.start("encoding docs", 3000)
    hands.now += 5
    progress.advance(100)  # too soon for a line
    hands.now += 15
    progress.advance(900)
    assert capsys.readouterr().err == "encoding docs: 1,000/3,000 (33%), 50.0 items/s, 0:40 left\n"
    hands.now += 40
    progress.advance(2000)
    progress.finish()
    assert capsys.readouterr().err.splitlines()[-1] == (
        "encoding docs: 3,000/3,000 (100%), 50.0 items/s, took 1:00"
    )


def test_quiet_progress_says_nothing(hands: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)
    progress.start("x", 10)
    hands.now += 60
    progress.advance(10)
    progress.finish()
    progress.say("y")
    assert capsys.readouterr() == ("", "")


def test_times_and_tables_are_readable() -> None:
    assert [clock(s) for s in (7, 754, 12069)] == ["0:07", "12:34", "3:21:09"]
    assert columns([("a", "10"), ("bcd", "9")], right=(1,)) == "a    10\nbcd   9"
