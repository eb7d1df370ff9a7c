"""`python -m eval compare | export | report | losses`: what is done with runs that are there already."""

import argparse
import json
from pathlib import Path
from typing import Any

from embedder.errors import EmbedderError
from eval.places import results_folder
from eval.runs import load_run, load_runs

EXIT_CODES = """\
exit codes: 0 done; 1 a file cannot be written; 2 an option or a run cannot be used, or nothing can be
compared; 130 interrupted (Ctrl-C)"""


def add_commands(commands: Any) -> None:  # noqa: ANN401 - argparse has no public name for it
    """Add the four commands to a parser's subparsers."""
    _add_compare(commands)
    _add_export(commands)
    _add_report(commands)
    _add_losses(commands)


def _add_compare(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser(
        "compare",
        help="compare two runs, query by query",
        description="Differences B - A of every search that both runs made, paired by query: 95% intervals, "
        "randomisation test, Holm's correction over all rows.",
        epilog=EXIT_CODES,
    )
    for name in ("RUN_A", "RUN_B"):
        parser.add_argument(
            name.lower(),
            metavar=name,
            help="a run's folder, or its name in --results; example: results/20261123-081430-mini-8bcc35",
        )
    parser.add_argument(
        "--metric",
        metavar="A,B",
        default="",
        help="what to compare, or all; default: the first metric of RUN_A; example: --metric ndcg@10,map",
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        type=_path,
        help="write it all there too; example: --json difference.json",
    )
    parser.add_argument(
        "--results",
        metavar="FOLDER",
        type=_path,
        default=results_folder(),
        help="where runs given by name lie; default: %(default)s; example: --results results/",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="of the resampling; default: 0; example: --seed 1"
    )
    parser.set_defaults(command=_compare)


def _add_export(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser("export", help="write results for other programs", epilog=EXIT_CODES)
    _add_runs(parser)
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        default="csv",
        help="csv or parquet: one table with provenance; mteb: its own JSON, written by itself; "
        "default: csv; example: --format mteb",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        type=_path,
        default=Path("exported"),
        help="where to; default: exported; example: --out exported/",
    )
    parser.set_defaults(command=_export)


def _add_report(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser("report", help="write one HTML page that opens offline", epilog=EXIT_CODES)
    _add_runs(parser)
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=_path,
        default=Path("report.html"),
        help="the page; default: report.html; example: --html report.html",
    )
    parser.add_argument(
        "--title",
        metavar="TEXT",
        default="",
        help='its heading; example: --title "Half the width?"',
    )
    parser.set_defaults(command=_report)


def _add_losses(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser("losses", help="draw the loss.csv of a training", epilog=EXIT_CODES)
    parser.add_argument(
        "path", metavar="FOLDER", type=_path, help="where loss.csv lies, or a CSV file; example: runs/german"
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=_path,
        default=Path("losses.html"),
        help="the page, which opens offline; default: losses.html; example: --html losses.html",
    )
    parser.set_defaults(command=_losses)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        metavar="RUNS",
        nargs="+",
        help="folders of runs or single runs; of two alike the newer counts; example: results/",
    )


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _compare(chosen: argparse.Namespace) -> int:
    from eval.compare import compare_runs, table

    a, b = (load_run(name, chosen.results) for name in (chosen.run_a, chosen.run_b))
    metrics = [name.strip() for name in chosen.metric.split(",") if name.strip()]
    found = compare_runs(a, b, metrics, chosen.seed)
    print(table(found))
    if chosen.json is not None:
        _write(chosen.json, json.dumps(found.content(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return 0


def _export(chosen: argparse.Namespace) -> int:
    from eval.export import export

    written = export(load_runs(chosen.runs), chosen.format, chosen.out)
    shown = written if len(written) <= 3 else [*written[:2], f"... and {len(written) - 2} more files"]
    print("\n".join(map(str, shown)))
    return 0


def _report(chosen: argparse.Namespace) -> int:
    from eval.report import report

    page = report(load_runs(chosen.runs), chosen.title)
    _write(chosen.html, page)
    print(f"{chosen.html} ({len(page.encode()) / 1e6:.1f} MB)")
    return 0


def _losses(chosen: argparse.Namespace) -> int:
    from eval.losses import losses_page

    _write(chosen.html, losses_page(chosen.path))
    print(chosen.html)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EmbedderError(f"{path} cannot be written: {error.strerror or error}; give another") from None
