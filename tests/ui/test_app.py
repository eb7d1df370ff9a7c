"""The program: its options, its one clear message when it cannot start, its clean end."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import app
from tests.browser.harness import ROOT, AppProcess
from tests.ui.conftest import GOLDEN


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith(("EXPLORER_", "GRADIO_")):
            monkeypatch.delenv(name)
    return monkeypatch


def test_defaults(clean: pytest.MonkeyPatch) -> None:
    options = app.parse([])
    assert (options.models, options.device, options.precision) == (["mini"], "auto", "auto")
    assert (options.host, options.port, options.trusted) == ("127.0.0.1", 7860, False)


def test_the_environment_sets_defaults_and_options_win(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    clean.setenv("GRADIO_SERVER_PORT", "7000")
    clean.setenv("EXPLORER_MODEL", "some/model")
    clean.setenv("EXPLORER_TRUSTED", "1")
    options = app.parse(["--port", "7001"])
    assert (options.host, options.port, options.models, options.trusted) == (
        "0.0.0.0",
        7001,
        ["some/model"],
        True,
    )


def test_several_models_are_named_by_options_or_by_the_environment(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("EXPLORER_MODEL", "one")
    clean.setenv("EXPLORER_MODELS", "mini,some/model")
    assert app.parse([]).models == ["mini", "some/model"]
    assert app.parse(["--model", "a", "--model", "b"]).models == ["a", "b"], "options win"


def test_numpy_gets_one_thread_where_cores_are_few_and_nobody_said_otherwise() -> None:
    for cores, before, after in ((2, None, "1"), (4, None, "1"), (2, "2", "2"), (16, None, None)):
        environment = {} if before is None else {"OPENBLAS_NUM_THREADS": before}
        app.spare_threads(environment, cores)
        assert environment.get("OPENBLAS_NUM_THREADS") == after
    assert "numpy" not in _modules_before_main()


def _modules_before_main() -> list[str]:
    code = "import app, sys; print(*sys.modules)"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_that_is_none_is_refused(clean: pytest.MonkeyPatch, port: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        app.parse([f"--port={port}"])
    assert stopped.value.code == 2


SIGNALLED = """
import signal, sys, threading
import app

wait, lines = app.on_end(), 0

def send_at_its_line(frame, event, arg):
    global lines
    lines += event == "line"
    if lines == int(sys.argv[1]):
        sys.settrace(None)
        signal.raise_signal(signal.SIGTERM)
    return send_at_its_line

def main():
    wait()

threading.Timer(1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGTERM)).start()
sys.settrace(send_at_its_line)
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_a_signal_ends_it_at_whichever_line_of_waiting_it_comes() -> None:
    """With a `threading.Event` it never ended if the signal came within the event's own lock."""
    started = [
        subprocess.Popen([sys.executable, "-c", SIGNALLED, str(line)], cwd=ROOT) for line in range(1, 9)
    ]
    try:
        assert [process.wait(30) for process in started] == [0] * 8
    finally:
        for process in started:
            process.kill()


def _start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "app.py"), *arguments]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment)


def test_a_model_that_is_not_there_is_one_clear_message(tmp_path: Path) -> None:
    ended = _start("--model", str(tmp_path / "nowhere"))
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert ended.stderr.startswith("The explorer cannot start: ") and "nowhere" in ended.stderr


def test_a_port_in_use_is_one_clear_message() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ended = _start("--model", str(GOLDEN), "--precision", "float32", "--port", str(port))
    assert ended.returncode == 1 and "Traceback" not in ended.stderr and str(port) in ended.stderr


def test_sigterm_ends_it_cleanly_and_soon(tmp_path: Path) -> None:
    process = AppProcess(["--model", str(GOLDEN), "--precision", "float32"], log=tmp_path / "app.log")
    try:
        process.wait_until_ready()
    finally:
        code = process.stop(seconds=10)
    assert code == 0
    assert "Traceback" not in process.log.read_text()
