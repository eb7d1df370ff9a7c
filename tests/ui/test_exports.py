"""Exported vectors: every kind of file holds the same numbers, and no cell is a formula."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from embedder.quantization import Quantizer
from ui import exports
from ui.collection import texts_from
from ui.columns import Made, guess, items_of
from ui.upload import Upload, read_upload

ROWS = np.random.default_rng(4).normal(size=(5, 16)).astype(np.float32)
VECTORS = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
METADATA = ({"topic": "=1+1", "file": "odd", "n": 1.0}, {"n": -2.0, "vectors": "v"}, {}, {}, {})
ITEMS = tuple(
    replace(item, metadata=tuple(known.items()))
    for item, known in zip(
        texts_from("=1+1\n@SUM(A1)\n-2 degrees\nplain, with comma\nbad \ud800 one").items,
        METADATA,
        strict=True,
    )
)
SETTINGS = {"model": "m", "dim": 16}


def written(kind: str, number_format: str = "float32") -> Path:
    return Path(exports.write(kind, ITEMS, exports.coded(VECTORS, number_format), SETTINGS))


@pytest.mark.parametrize("number_format", exports.FORMATS)
def test_all_kinds_hold_the_same_numbers(number_format: str) -> None:
    codes = exports.coded(VECTORS, number_format).values
    assert codes.shape == (5, 2 if "binary" in number_format else 16)
    np.testing.assert_array_equal(np.load(written("npy", number_format), allow_pickle=False), codes)
    with np.load(written("npz", number_format), allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["vectors"], codes)
        assert list(archive["text"][:2]) == ["=1+1", "@SUM(A1)"] and archive["id"][4] == "5"
        assert json.loads(str(archive["settings"])) == SETTINGS
        assert ("low" in archive) == number_format.endswith("int8")
    table = pq.read_table(written("parquet", number_format))
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist()), codes)
    data = json.loads(written("json", number_format).read_text(encoding="utf-8"))
    np.testing.assert_array_equal(np.array([i["vector"] for i in data["items"]], codes.dtype), codes)
    rows = list(csv.DictReader(written("csv", number_format).open(encoding="utf-8")))
    last = [[row[f"d{at}"] for at in range(1, codes.shape[1] + 1)] for row in rows]
    np.testing.assert_array_equal(np.array(last).astype(codes.dtype), codes)


def test_no_cell_of_a_csv_is_a_formula_and_numbers_are_untouched() -> None:
    rows = list(csv.DictReader(written("csv").open(encoding="utf-8")))
    assert [row["text"] for row in rows] == [
        "'=1+1",
        "'@SUM(A1)",
        "'-2 degrees",
        "plain, with comma",
        "bad ? one",
    ]
    assert rows[0]["topic"] == "'=1+1" and rows[0]["file (yours)"] == "odd"
    assert rows[1]["n"] == "'-2" or rows[1]["n"] == "-2"
    assert any(row["d1"].startswith("-") for row in rows)


def test_ranges_give_the_vectors_back() -> None:
    with np.load(written("npz", "int8"), allow_pickle=False) as archive:
        fitted = Quantizer("int8", 16, archive["low"], archive["high"])
        back = fitted.dequantize(archive["vectors"])
    assert np.abs(back - VECTORS).max() < 0.01
    assert exports.coded(VECTORS, "int8").notices, "few vectors are said to be few"


@pytest.mark.parametrize("kind", exports.KINDS)
def test_what_went_out_comes_in_again(kind: str, tmp_path: Path) -> None:
    *_, found = read_upload([written(kind)])
    assert isinstance(found, Upload) and not found.faults.count
    *_, made = items_of(found, guess(found), most=10)
    assert isinstance(made, Made) and made.vectors is not None
    np.testing.assert_array_equal(made.vectors, VECTORS)
    if kind not in ("npy", "csv"):
        assert [item.text for item in made.items][:2] == ["=1+1", "@SUM(A1)"]
