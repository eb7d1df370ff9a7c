"""Pictures that came inside other files: each gets a file of its own in a folder of this process."""

import atexit
import hashlib
import shutil
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

from embedder.errors import InputError
from ui.collection import safe_name
from ui.server import CACHE_SWEEP

KEEP_SECONDS = CACHE_SWEEP[1]
"""As long as an uploaded file."""
MAX_KEPT_BYTES = 4 * 2**30
"""Of all visitors' pictures together."""
_LOCK = threading.Lock()
_written = 0


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="explorer-pictures-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def keep(data: bytes, name: str) -> Path:
    """Write a picture under a name of our own making: nothing of ``name`` can lead out of the folder.

    Equal pictures of one name share a file.

    Raises:
        InputError: the disk is full, or others have filled what is set aside for pictures.
    """
    target = _folder() / hashlib.sha256(data).hexdigest()[:32] / (safe_name(name) or "picture")
    with _LOCK:
        try:
            if target.is_file() and target.stat().st_size == len(data):
                target.parent.touch()
                return target
            _make_room(len(data))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except OSError as error:
            raise InputError(f"{safe_name(name)}: cannot be kept on the server ({error.strerror})") from None
    return target


def _make_room(more: int) -> None:
    """Sweep out what is old, and look whether there is room; counted anew where it is getting close."""
    global _written
    _written += more
    if _written <= MAX_KEPT_BYTES // 2 and int(time.time()) % 64:
        return
    used = 0
    for folder in list(_folder().iterdir()):
        if time.time() - folder.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            used += sum(file.stat().st_size for file in folder.iterdir())
    _written = used + more
    if _written > MAX_KEPT_BYTES:
        _written -= more
        raise InputError("there is no room for more pictures on the server just now; try again in some hours")
