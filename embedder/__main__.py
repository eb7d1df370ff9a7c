"""Command line of the embedder: `python -m embedder verify FOLDER`."""

import argparse
import sys
from pathlib import Path

from embedder.errors import EmbedderError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 refused, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m embedder", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "verify",
        help="say whether a folder is a complete checkpoint, and what it is",
        epilog="example: python -m embedder verify assets/mini",
    )
    check.add_argument(
        "folder", help="a folder in the published layout, 'mini', or a hub id that is in the cache"
    )
    options = parser.parse_args(arguments)
    try:
        sys.stdout.write(f"{_verify(options.folder)}\n")
    except EmbedderError as error:
        sys.stderr.write(f"not usable: {error}\n")
        return 1
    return 0


def _verify(name: str) -> str:
    from embedder.locate import locate
    from embedder.verify import verify

    folder = Path(name)
    if folder.exists():
        return str(verify(folder))
    place = locate(name)
    return str(verify(place.folder, place.name))


if __name__ == "__main__":
    raise SystemExit(main())
