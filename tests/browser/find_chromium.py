"""Finds a Chromium for the browser's tests, and installs one if it is told to.

The order: the file that CHROMIUM names, a browser on the PATH, macOS's own place for Chrome, Playwright's
download, and with `--install` Playwright's download made now, then Debian's package. A candidate counts
only if it answers `--version`: on some systems `chromium-browser` is a stub that asks for another package.

    python tests/browser/find_chromium.py [--install]

prints the path, or says what to run and ends with 1.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
MAC_APPS = ("Google Chrome.app/Contents/MacOS/Google Chrome", "Chromium.app/Contents/MacOS/Chromium")
HOW_TO = """No Chromium was found and none could be installed, so that the browser's tests cannot run.
Do one of these, then run the same command again:
  sudo apt-get install -y chromium                    on Debian and Ubuntu
  .venv/bin/python -m playwright install chromium     elsewhere (needs the network)
  CHROMIUM=/path/to/chrome make test                  if you have one that was not found
To leave these tests out: BROWSER=0 make test"""


class NoChromiumError(RuntimeError):
    """There is no browser to test in; the message says how to get one."""


def find_chromium() -> str | None:
    """Returns the path of a Chromium that starts, or None; raises if CHROMIUM names one that does not."""
    named = os.environ.get("CHROMIUM")
    if named:
        path = shutil.which(named)
        if path is None or not _starts(path):
            raise NoChromiumError(
                f"CHROMIUM={named} does not start. Name a Chromium's executable or unset it."
            )
        return path
    return next((path for path in _candidates() if _starts(path)), None)


def ensure_chromium() -> str:
    """Returns the path of a Chromium, installing one if need be; raises NoChromiumError if that fails."""
    for install in (None, _install_playwrights, _install_debians):
        if install is not None:
            install()
        path = find_chromium()
        if path is not None:
            return path
    raise NoChromiumError(HOW_TO)


def _candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    yield from (str(Path("/Applications", app)) for app in MAC_APPS)
    # Asked for last, because starting Playwright takes a second.
    yield _playwrights_path()


def _playwrights_path() -> str:
    """Returns where Playwright keeps its own Chromium, whether or not it was downloaded."""
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
    )
    # In a process of its own: inside a test Playwright may be running already, and it starts only once.
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _starts(path: str) -> bool:
    if not (path and os.access(path, os.X_OK) and Path(path).is_file()):
        return False
    try:
        return (
            subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _install_playwrights() -> None:
    _attempt([sys.executable, "-m", "playwright", "install", "chromium"], "Playwright's Chromium")


def _install_debians() -> None:
    if shutil.which("apt-get") and os.geteuid() == 0:
        _attempt(["apt-get", "update", "-q"], "Debian's list of packages")
        _attempt(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"], "Debian's Chromium"
        )


def _attempt(command: list[str], what: str) -> None:
    print(f"Fetching {what}: {' '.join(command)}", file=sys.stderr, flush=True)
    settings = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=settings)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"  did not work: {error}", file=sys.stderr)
        return
    if done.returncode != 0:
        lines = f"{done.stdout}\n{done.stderr}".strip().splitlines() or ["no message"]
        # Some end with a stack or a bare brace: the line that says "error" tells more.
        telling = [line for line in lines if re.match(r"\s*(E:|error)", line, re.IGNORECASE)] or lines
        print(f"  did not work: {telling[-1].strip()}", file=sys.stderr)


def main() -> int:
    """Prints the path of a Chromium, or what to do for want of one."""
    try:
        path = ensure_chromium() if "--install" in sys.argv[1:] else find_chromium()
    except NoChromiumError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Chromium: {path}" if path else HOW_TO)
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())
