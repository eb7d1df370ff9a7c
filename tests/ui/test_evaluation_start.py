"""Benchmark runs from the page: the form's checks and caps, the run in the background, Cancel, going on."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from embedder import Embedder, InputError
from eval.benchmarks import Benchmark, load
from eval.config import RunConfig
from eval.runs import load_run
from tests.eval.conftest import sentences
from tests.eval.made_runs import write_benchmark
from ui import evaluation_start, run_cards, run_plan
from ui.limits import PUBLIC, TRUSTED
from ui.run_hall import Hall
from ui.run_index import RunIndex
from ui.run_plan import Shelf, Wish, config_of
from ui.runner import Runner
from ui.vectors import Workbench

GOOD: dict[str, Any] = {"benchmarks": ["python-docs"], "tasks": ["retrieval"], "widths": ["16"]}


def test_the_form_makes_the_settings_of_the_command(bench: Workbench) -> None:
    wish = Wish(**GOOD | {"more_widths": "24, 48", "vectors": ["dense", "late"], "seed": 3,
                          "precisions": ["float32", "int8"], "baselines": ["bm25"]})  # fmt: skip
    config = config_of(wish, bench, PUBLIC)
    assert config.dim == (16, 24, 48) and config.seed == 3
    assert config.model == bench.model_argument and config.model_precision == "float32"
    assert "--dim 16,24,48" in config.command()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"benchmarks": []}, "No benchmark is chosen"),
        ({"benchmarks": ["../../etc"]}, "is not offered here"),
        ({"benchmarks": "python-docs"}, "a list is expected"),
        ({"tasks": []}, "No adapters are chosen"),
        ({"tasks": ["nonsense"]}, "is not offered here"),
        ({"widths": []}, "No width is chosen"),
        ({"more_widths": "100000"}, "whole numbers from 1 to"),
        ({"more_widths": "0"}, "whole numbers from 1 to"),
        ({"more_widths": "-3"}, "whole numbers from 1 to"),
        ({"more_widths": ",".join(map(str, range(1, 40)))}, "at most 24"),
        ({"vectors": []}, "No vectors are chosen"),
        ({"precisions": ["float8"]}, "is not offered here"),
        ({"searches": ["rescored"]}, "no use with"),
        ({"searches": ["funnel:999999"]}, "is not offered here"),
        ({"baselines": ["st:evil/model"]}, "is not offered here"),
        ({"seed": 10}, "from 0 to 9"),
        ({"seed": "1"}, "from 0 to 9"),
        ({"folders": "/etc"}, "need `python app.py --trusted`"),
    ],
)
def test_what_a_visitor_may_not_ask_is_said_in_words(
    bench: Workbench, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        config_of(Wish(**GOOD | change), bench, PUBLIC)


def test_the_trusted_may_name_folders_and_any_seed(bench: Workbench, tmp_path: Path) -> None:
    wish = Wish(**GOOD | {"benchmarks": [], "folders": f"{tmp_path}\n", "seed": 12345})
    assert config_of(wish, bench, TRUSTED).benchmark == (str(tmp_path),)


def test_size_and_room_are_capped_for_visitors_only(bench: Workbench, tmp_path: Path) -> None:
    from dataclasses import replace

    config = RunConfig(benchmark=(str(small(tmp_path)),))
    few = replace(PUBLIC, benchmark_items=20)
    with pytest.raises(InputError, match="have 24 documents and queries; a visitor's run may have 20"):
        run_plan.check_size(config, Shelf(), few)
    assert run_plan.check_size(config, Shelf(), TRUSTED)
    run_plan.check_room(10, PUBLIC)
    run_plan.check_room(10_000, TRUSTED)
    with pytest.raises(InputError, match="keeps 1,000 runs"):
        run_plan.check_room(1000, PUBLIC)


def small(folder: Path) -> Path:
    documents = [{"text": text} for text in sentences(12)]
    return write_benchmark(folder / "small", documents, sentences(12, "what of "))


def settings(bench: Workbench, folder: Path, **more: Any) -> RunConfig:
    told = {"model": bench.model_argument, "benchmark": (str(small(folder)),), "dim": (16, 64),
            "out": folder / "results", "device": "cpu", "model_precision": "float32"}  # fmt: skip
    return RunConfig(**told | more)


def test_a_run_goes_on_in_the_background_and_writes_what_the_command_writes(
    bench: Workbench, tmp_path: Path
) -> None:
    runner = Runner(load)
    config = settings(bench, tmp_path)
    assert runner.start(config, bench.model, "me").state == "running"
    assert runner.wait(60)
    report = runner.report()
    assert report.state == "done" and report.folder is not None, report.why
    run = load_run(report.folder)
    assert run.content["encoded"] == {"retrieval": {"passage": 12, "query": 12}}
    assert run.content["command"] == config.command()
    again = Runner(load)
    again.start(config, bench.model, "me")
    assert again.wait(60)
    folder = again.report().folder
    assert folder is not None
    assert load_run(folder).content["encoded"] == {"retrieval": {"passage": 0, "query": 0}}


class Slow:
    """A model that waits at its first batch until it is let go."""

    def __init__(self, model: Embedder) -> None:
        self._model = model
        self.begun, self.go = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def iter_embed(self, inputs: Any, **options: Any) -> Iterator[Any]:
        for part in self._model.iter_embed(inputs, **options | {"batch_size": 4}):
            yield part
            self.begun.set()
            assert self.go.wait(60)


def test_cancel_keeps_what_was_encoded_and_the_run_goes_on_from_there(
    bench: Workbench, model: Embedder, tmp_path: Path
) -> None:
    runner, slow, config = Runner(load), Slow(model), settings(bench, tmp_path)
    runner.start(config, slow, "me")  # type: ignore[arg-type]
    assert slow.begun.wait(60)
    report = runner.report()
    assert (report.done, report.total, report.is_going) == (4, 12, True)
    assert "4 of 12" in report.rate() and "left" in report.rate()
    with pytest.raises(InputError, match="A run is going on: .*small.*One runs at a time"):
        runner.start(config, bench.model, "you")
    with pytest.raises(InputError, match="started by another visitor"):
        runner.stop("you")
    assert runner.stop("me").state == "stopping"
    slow.go.set()
    assert runner.wait(60)
    assert runner.report().state == "stopped"
    assert not list((tmp_path / "results").glob("*/result.json"))
    runner.start(config, bench.model, "me")
    assert runner.wait(60)
    folder = runner.report().folder
    assert folder is not None
    assert load_run(folder).content["encoded"]["retrieval"]["passage"] < 12


def test_a_run_that_takes_too_long_is_stopped_in_words(bench: Workbench, tmp_path: Path) -> None:
    runner = Runner(load)
    runner.start(settings(bench, tmp_path), bench.model, "me", seconds=1e-6)
    assert runner.wait(60)
    assert runner.report().state == "failed" and "took longer" in runner.report().why


def test_the_time_left_is_reckoned_from_the_run_s_own_speed(
    bench: Workbench, model: Embedder, tmp_path: Path
) -> None:
    runner, slow, config = Runner(load), Slow(model), settings(bench, tmp_path)
    passes = run_plan.passes_left(config, bench, [load(name) for name in config.benchmark])
    assert passes == 24 and runner.report().whole() == ""
    runner.start(config, slow, "me", passes=passes)  # type: ignore[arg-type]
    assert slow.begun.wait(60)
    first = runner.report()
    assert (first.encoded, first.passes) == (4, 24)
    assert first.whole().endswith("at the speed measured so far")
    time.sleep(2)  # the machine is busy: the next batch takes so much longer
    slow.go.set()
    assert runner.wait(60)
    last = runner.report()
    assert last.encoded == 24 and last.encoding_seconds >= 2 and last.whole() == ""
    halfway = replace(last, encoded=12, encoding_seconds=120.0)
    assert "about 2:00 of encoding left" in halfway.whole()
    going = replace(halfway, state="running", stage="encoding small", done=2, total=12)
    assert "whole run: about 2:00 of encoding left" in run_cards.progress(going, False, "me")


def test_the_trusted_stop_any_run_and_failures_are_words(
    bench: Workbench, model: Embedder, tmp_path: Path
) -> None:
    slow, runner = Slow(model), Runner(load)
    runner.start(settings(bench, tmp_path), slow, "me")  # type: ignore[arg-type]
    assert slow.begun.wait(60)
    runner.stop("you", anybody=True)
    slow.go.set()
    assert runner.wait(60) and runner.report().state == "stopped"
    runner.start(settings(bench, tmp_path, benchmark=("nowhere",)), bench.model, "me")
    assert runner.wait(60)
    assert runner.report().state == "failed" and "'nowhere'" in runner.report().why


def test_the_estimate_counts_what_is_in_the_cache(bench: Workbench, tmp_path: Path) -> None:
    config, shelf, runner = settings(bench, tmp_path), Shelf(), Runner(load)
    before = run_plan.estimate(config, bench, shelf, PUBLIC)
    assert any("idle machine" in line for line in before)
    assert before[0].startswith("24 of 24 passes") and any("10:00" in line for line in before)
    runner.start(config, bench.model, "me")
    assert runner.wait(60)
    assert run_plan.estimate(config, bench, shelf, TRUSTED)[0].startswith("0 of 24 passes")


def test_bundled_benchmarks_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def count(name: str, *, seed: int = 0) -> Benchmark:
        made.append(name)
        time.sleep(0.05)
        return load(name, seed=seed)

    monkeypatch.setattr("ui.run_plan.benchmarks.load", count)
    shelf = Shelf()
    threads = [threading.Thread(target=shelf.load, args=("python-docs",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["python-docs"]
    assert shelf.known("python-docs") is not None and shelf.known("scenes") is None


def test_handlers_say_errors_in_the_page(bench: Workbench, tmp_path: Path) -> None:
    hall = Hall(index=RunIndex(lambda: tmp_path))
    values = (["python-docs"], "/etc", ["retrieval"], ["16"], "", ["dense"], ["float32"], ["exact"], [], 0)
    *_, (words, code) = evaluation_start.estimated(bench, hall, *values)
    assert "--trusted" in words and code == ""
    *_, (said, *_) = evaluation_start.started(bench, hall, *values)
    assert "--trusted" in said and hall.runner.report().state == "idle"


def test_benchmarks_are_listed_with_sizes_and_what_is_missing(tmp_path: Path) -> None:
    hall = Hall(index=RunIndex(lambda: tmp_path))
    first = evaluation_start.listed(hall, False)
    assert ">…<" in first and "400" in first and "emoji" in first
    made = hall.shelf.load("python-docs")
    assert f">{len(made.corpus)}<" in evaluation_start.listed(hall, False)
