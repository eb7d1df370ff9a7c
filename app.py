"""Jina Embeddings v4 Explorer: `python app.py` opens the dashboard."""

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, MutableMapping, Sequence
from queue import SimpleQueue

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7860
FEW_CORES = 4
"""With so few, numpy's threads wait for each other longer than they compute: eigenvectors of 128 x 128 took
0.7 to 1.6 s on two cores with other work on them, by one thread 1 to 27 ms."""
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Options from the command line; EXPLORER_* and GRADIO_SERVER_* variables are their defaults."""
    env = os.environ.get
    parser = argparse.ArgumentParser(
        prog="app.py", description="Explore texts and pictures with Jina Embeddings v4."
    )
    add = parser.add_argument
    models = "mini, a hub id, or a local folder; again for each more that visitors may open [mini]"
    add("--model", action="append", metavar="MODEL", dest="models", help=models)
    add("--device", default=env("EXPLORER_DEVICE", "auto"), help="auto, cpu, cuda, cuda:N, mps [%(default)s]")
    formats = f"of the weights: {', '.join(PRECISIONS)}"
    add("--precision", default=env("EXPLORER_PRECISION", "auto"), help=formats)
    add(
        "--host",
        default=env("EXPLORER_HOST") or env("GRADIO_SERVER_NAME") or DEFAULT_HOST,
        help="[%(default)s]",
    )
    port = env("EXPLORER_PORT") or env("GRADIO_SERVER_PORT") or str(DEFAULT_PORT)
    add("--port", default=port, type=_port, help="0 takes a free one [%(default)s]")
    add("--trusted", action="store_true", default=_on("TRUSTED"), help="all who reach this page are trusted")
    add("--mcp", action="store_true", default=_on("MCP"), help="offer the named endpoints as tools over MCP")
    options = parser.parse_args(arguments)
    options.models = options.models or (env("EXPLORER_MODELS") or env("EXPLORER_MODEL") or "mini").split(",")
    return options


def _on(name: str) -> bool:
    return os.environ.get(f"EXPLORER_{name}", "").lower() in ("1", "true", "yes")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"port {text!r}: a whole number from 0 to 65535")
    return int(text)


def spare_threads(environment: MutableMapping[str, str], cores: int) -> None:
    """Let numpy's algebra use one thread where cores are few; to be set before numpy is imported."""
    if cores <= FEW_CORES:
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")


def _on_signal(handler: Callable[..., object]) -> None:
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, handler)


def on_end() -> Callable[[], object]:
    """Take note of Ctrl-C and SIGTERM from now on; returns how the main thread waits for one of them.

    A handler runs in the main thread, in the midst of whatever that does. A `threading.Event` may be half way
    into its own lock there, and setting it then waits for that lock for ever; `SimpleQueue.put` is made to be
    interrupted (Python's documentation of the class).
    """
    asked: SimpleQueue[int] = SimpleQueue()
    _on_signal(lambda number, _frame: asked.put(number))
    return asked.get


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the model, open the page, wait for Ctrl-C or SIGTERM.

    Returns:
        0 after a clean stop; 1 with one message on stderr if it could not start.
    """
    options = parse(arguments)
    _on_signal(lambda *_: sys.exit(0))  # while loading there is nothing to put in order
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    spare_threads(os.environ, os.cpu_count() or 1)
    from ui import zero  # noqa: F401 - before torch: on ZeroGPU nothing may touch CUDA first

    # isort: split
    from embedder import EmbedderError, EmbedderNotice

    try:
        from ui import limits, models, server, shell

        caps = limits.limits_of(trusted=options.trusted)
        offer = models.Models(options.models, device=options.device, precision=options.precision, limits=caps)
        bench = offer.start()
        warnings.filterwarnings("ignore", category=EmbedderNotice)  # the page shows them where they belong
        health = shell.Health()
        port = options.port or server.free_port(options.host)
        demo = offer.open(shell.page)
        wait = on_end()
        shell.warm_up(bench, health)
        settings = shell.launch_settings(health, bench, mcp=options.mcp)
        demo.launch(server_name=options.host, server_port=port, **settings)
        offer.launched(settings, shell.answer_once)
    except (EmbedderError, OSError) as error:
        print(f"The explorer cannot start: {error}", file=sys.stderr)
        return 1
    what = "; ".join(f"{b.model.spec.name}, {b.model.device}, {b.model.precision}" for b in offer.benches)
    print(f"Explorer: http://{options.host}:{port} ({what})", flush=True)
    wait()
    demo.close(verbose=False)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Threads of the server may still hold a request; what was asked for is an end within seconds.
    os._exit(code)
