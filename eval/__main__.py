"""`python -m eval run | list | compare | export | report`: measure a model, and read what was measured."""

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TextIO

from embedder.errors import EmbedderError, EmbedderNotice, InputError
from eval.benchmarks import BUNDLED, load
from eval.commands import add_commands
from eval.options import add_run_options, add_run_switches, given
from eval.progress import columns

EXIT_CODES = """\
exit codes: 0 done; 1 the model, the device or the disk failed; 2 an option or the data cannot be used;
130 interrupted (Ctrl-C), 143 ended: the same command goes on where it stopped"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    # Not a filter: what is not shown is still part of the result.
    warnings.showwarning = _show_no_notice if getattr(chosen, "quiet", False) else _show_notice
    command: Callable[[argparse.Namespace], int] = chosen.command
    try:
        return command(chosen)
    except InputError as error:
        return _fail(error, 2)
    except (EmbedderError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        print("\ninterrupted: what was encoded is kept; the same command goes on from there", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval",
        description="Measure embeddings: one encode, every width, with error bars.",
        epilog=EXIT_CODES,
    )
    commands = parser.add_subparsers(title="commands", required=True)
    run = commands.add_parser("run", help="measure a model", epilog=EXIT_CODES)
    add_run_options(run)
    add_run_switches(run)
    run.set_defaults(command=_run)
    listing = commands.add_parser("list", help="show benchmarks with their size", epilog=EXIT_CODES)
    listing.add_argument(
        "more", nargs="*", help="folders and hub ids to check and show too; example: my/folder mteb/nfcorpus"
    )
    listing.set_defaults(command=_list)
    add_commands(commands)
    return parser


def _run(chosen: argparse.Namespace) -> int:
    from eval.early import check_early
    from eval.run import run, table
    from eval.suite_runs import beside_published, dry_run, planned_runs

    suite, planned = planned_runs(chosen.suite, given(chosen))
    if chosen.dry_run:
        print(dry_run(suite, planned))
        return 0
    for one in planned:
        check_early(one.config)
    for one in planned:
        folder, scores = run(one.config, quiet=chosen.quiet, suite=one.described())
        if not scores:  # a rank of torchrun whose work is done
            continue
        if not chosen.quiet:
            print("\n\n".join(filter(None, [table(scores), beside_published(suite, one, folder, scores)])))
        print(folder)
    return 0


def _list(chosen: argparse.Namespace) -> int:
    rows = [("name", "modality", "documents", "queries", "what is asked")]
    for name, bundled in BUNDLED.items():
        lacking = bundled.missing()
        sizes = ["-", "-"] if lacking else [f"{count:,}" for count in bundled.size()]
        about = f"{bundled.about}; {lacking or 'made here'}"
        rows.append((name, bundled.modality, sizes[0], sizes[1], about))
    for name in chosen.more:
        found = load(name)
        about = "; ".join([found.source, *found.notices])
        rows.append((name, found.modality, f"{len(found.corpus):,}", f"{len(found.queries):,}", about))
    print(columns(rows, right=(2, 3)))
    return 0


def _end(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM: leave as by an exit, so that what was encoded is written first."""
    print("\nended: what was encoded is kept; the same command goes on from there", file=sys.stderr)
    sys.exit(143)


def _show_notice(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """A notice is for people: its text alone; of other warnings, where they come from."""
    if issubclass(category, EmbedderNotice):
        text = f"note: {message}\n"
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)


def _show_no_notice(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """In quiet mode notices are not shown, other warnings are."""
    if not issubclass(category, EmbedderNotice):
        _show_notice(message, category, filename, lineno, file, line)


def _fail(error: Exception, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
