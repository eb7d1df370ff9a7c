"""Files: the numbers survive, a spreadsheet finds no formula, nothing unreadable is written."""

import csv
import io
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from ui import downloads
from ui.collection import texts_from

ITEMS = texts_from("=1+1\n@SUM(A1)\n-2 degrees\nplain, with comma").items
VECTORS = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
VECTORS[2] = np.nan


def test_all_three_hold_the_same_numbers() -> None:
    files = downloads.write_files(ITEMS, VECTORS, {"model": "m", "dim": 5})
    np.testing.assert_array_equal(np.load(files["npy"], allow_pickle=False), VECTORS)
    data = json.loads(Path(files["json"]).read_text(encoding="utf-8"))
    assert data["model"] == "m" and data["items"][2]["vector"] is None
    np.testing.assert_array_equal(np.float32(data["items"][0]["vector"]), VECTORS[0])
    rows = list(csv.reader(io.StringIO(Path(files["csv"]).read_text(encoding="utf-8"))))
    assert rows[0][:3] == ["kind", "label", "d1"]
    np.testing.assert_array_equal(np.float32(rows[1][2:]), VECTORS[0])


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\tx", "\rx"])
def test_formulas_are_neutralised(cell: str) -> None:
    assert downloads.neutral(cell) == "'" + cell


def test_numbers_and_plain_text_are_untouched() -> None:
    assert downloads.neutral("plain") == "plain"
    rows = list(csv.reader(io.StringIO(downloads.as_csv(ITEMS, VECTORS))))
    assert [row[1] for row in rows[1:]] == ["'=1+1", "'@SUM(A1)", "'-2 degrees", "plain, with comma"]
    assert any(cell.startswith("-") for cell in rows[1][2:]), "negative numbers keep their sign"


def test_old_files_are_swept() -> None:
    first = Path(downloads.write_files(ITEMS[:1], VECTORS[:1], {})["npy"])
    past = time.time() - downloads.KEEP_SECONDS - 10
    os.utime(first.parent, (past, past))
    second = Path(downloads.write_files(ITEMS[:1], VECTORS[:1], {})["npy"])
    assert not first.exists() and second.exists()


def test_a_lone_surrogate_does_not_stop_a_download() -> None:
    files = downloads.write_files(texts_from("bad \ud800 text").items, VECTORS[:1], {})
    assert "bad ? text" in Path(files["csv"]).read_text(encoding="utf-8")
