"""Where results are kept when nobody says where."""

import os
from pathlib import Path

STORAGE = Path("/data")
"""The persistent storage of a Hugging Face Space, where its owner has added one."""


def results_folder() -> Path:
    """The folder of runs: `results` in the storage that a Space keeps over restarts, else `results` here.

    A Space is known by SPACE_ID, which the hub sets; /data on any other machine is left alone.
    """
    on_space = bool(os.environ.get("SPACE_ID"))
    kept = on_space and STORAGE.is_dir() and os.access(STORAGE, os.W_OK)
    return STORAGE / "results" if kept else Path("results")
