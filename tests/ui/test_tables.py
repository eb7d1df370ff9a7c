"""Tables as people send them, good and bad: what is read, what is left out, and what is said about it."""

import gzip
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedder.errors import InputError
from ui import tables
from ui.limits import PUBLIC
from ui.tables import Table, read_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upload"


def table(path: Path, content: str | bytes, **options: bool) -> Table:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, "t.csv", **options)


def cells(found: Table) -> list[tuple[object, ...]]:
    return [row.cells for row in found.rows]


# ---- CSV ----


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_is_found(path: Path, delimiter: str) -> None:
    rows = [["id", "words, and more", "n"], ["a", "x, y; z", "1,5"], ["b", "p\tq", "2"]]
    text = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    found = table(path, text)
    assert found.columns == ("id", "words, and more", "n")
    assert cells(found) == [("a", "x, y; z", "1,5"), ("b", "p\tq", "2")] and not found.faults


@pytest.mark.parametrize(
    ("encoding", "notice"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-32", ""),
        ("utf-16-le", "no byte order mark"),
        ("utf-16-be", "no byte order mark"),
        ("cp1252", "read as Windows-1252"),
    ],
)
def test_encodings(path: Path, encoding: str, notice: str) -> None:
    found = table(path, "name,Größe\nCafé,grün\n".encode(encoding))
    assert found.columns == ("name", "Größe") and cells(found) == [("Café", "grün")]
    assert notice in " ".join(found.notices)


def test_quoted_line_breaks_stay_and_rows_know_their_lines(path: Path) -> None:
    found = table(path, 'text,label\r\n"two\r\nlines, one cell",a\r\n"say ""hi""",b\r\n')
    assert cells(found) == [("two\r\nlines, one cell", "a"), ('say "hi"', "b")]
    assert [(row.number, row.line) for row in found.rows] == [(1, 2), (2, 4)]


def test_a_row_of_another_length_is_named_and_the_others_go_on(path: Path) -> None:
    found = table(path, "a,b\n1,2\n1,2,3\n\n4\n5,6,\n7,8\n")
    assert cells(found) == [("1", "2"), ("5", "6"), ("7", "8")]
    assert [(f.row, f.line) for f in found.faults] == [(2, 3), (3, 5)]
    assert "3 cells, the heading has 2" in found.faults[0].reason
    assert found.faults[1].value == "4" and found.total == 5


def test_a_quote_that_is_never_closed_costs_one_row(path: Path) -> None:
    rest = "".join(f"{i},plain\n" for i in range(5))
    found = table(path, 'a,b\n1,"open\n' + rest)
    assert len(found.rows) == 5 and found.faults[0].line == 2
    assert "never closed" in found.faults[0].reason


def test_a_quote_inside_a_quoted_cell_is_a_fault_of_its_row(path: Path) -> None:
    found = table(path, 'a,b\n"he said "no" twice",1\n2,fine\n')
    assert cells(found) == [("2", "fine")] and "write it twice" in found.faults[0].reason


def test_quotes_in_the_middle_of_a_plain_cell_are_text(path: Path) -> None:
    assert cells(table(path, 'size,n\n5" pipe,1\n6" pipe,2\n')) == [('5" pipe', "1"), ('6" pipe', "2")]


def test_one_column_and_no_heading(path: Path) -> None:
    found = table(path, "first text\nsecond text\n", header=False)
    assert found.columns == ("column 1",) and cells(found) == [("first text",), ("second text",)]


def test_names_of_columns_are_never_empty_or_alike(path: Path) -> None:
    assert table(path, "x,,x,\n1,2,3,4\n").columns == ("x", "column 2", "x (2)", "column 4")


def test_nul_right_to_left_and_marks_are_taken(path: Path) -> None:
    found = table(path, "text,n\nnul\0inside,1\n\u202eשלום\u202c,2\n" + "a" + "\u0301" * 50 + ",3\n")
    assert len(found.rows) == 3 and found.rows[0].cells[0] == "nul\0inside"


def test_what_holds_no_rows_says_so(path: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        table(path, "")
    with pytest.raises(InputError, match="holds no row"):
        table(path, "\n\n  \n")


def test_rows_beyond_the_limit_are_not_read(path: Path) -> None:
    found = table(path, "n,m\n" + "1,2\n" * (PUBLIC.table_rows + 10))
    assert len(found.rows) == PUBLIC.table_rows and "at most 50,000" in found.notices[-1]


def test_too_many_columns(path: Path) -> None:
    with pytest.raises(InputError, match=r"5,000 columns; at most 4,096"):
        table(path, ",".join(["x"] * 5000) + "\n")


def test_a_field_of_200_megabytes_is_left_out_in_bounded_memory(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"text,n\nfine,1\n")
        for _ in range(200):
            file.write(b"x" * 2**20)
        file.write(b",2\nfine again,3\n")
    tracemalloc.start()
    found = read_table(path, "big.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert cells(found) == [("fine", "1"), ("fine again", "3")]
    assert "more than" in found.faults[0].reason and found.faults[0].row == 2
    assert peak < 40 * 2**20


def test_a_quoted_field_of_64_megabytes_is_left_out_in_bounded_memory(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'text,n\n"')
        for _ in range(64):
            file.write((b"x" * 1023 + b"\n") * 1024)
        file.write(b'",2\n')
    tracemalloc.start()
    found = read_table(path, "big.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not found.rows and found.faults and "not read any further" in found.notices[-1]
    assert peak < 40 * 2**20


# ---- what is no table ----


def test_a_gzipped_csv_bomb_is_refused_unopened(path: Path) -> None:
    with pytest.raises(InputError, match="packed with gzip; unpack it first"):
        table(path, gzip.compress(b"a,b\n" + b"1,2\n" * 10_000_000))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG file"),
        (b"%PDF-1.7", "is a PDF file"),
        (b"\x80\x04\x95pickle", "pickle, which could run code"),
        (b"SQLite format 3\0", "SQLite"),
        (b"<!doctype html><p>", "is HTML"),
        (bytes(range(1, 9)) * 100, "no text file"),
    ],
)
def test_other_files_are_told_by_content(path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        table(path, content)


# ---- JSON ----


def test_json_lines(path: Path) -> None:
    lines = [{"text": "a", "n": 1, "ok": True}, {"text": "b", "more": [1, "x"]}, {"text": None, "n": 0.5}]
    found = table(path, "\n".join(map(json.dumps, lines)))
    assert found.columns == ("text", "n", "ok", "more")
    assert cells(found)[0] == ("a", 1, "true", None)
    assert cells(found)[1] == ("b", None, None, '[1, "x"]')
    assert cells(found)[2] == (None, 0.5, None, None)


def test_bad_lines_are_named(path: Path) -> None:
    deep = "[" * 20_000
    content = f'{{"text": "a"}}\n{{"text": \n{deep}\n42\n"only text"\n{{"text": "b", "n": NaN}}\n'
    found = table(path, content + '{"n": ' + "9" * 5000 + "}\n")
    assert [row.cells[0] for row in found.rows] == ["a", "only text", "b"]
    reasons = [fault.reason for fault in found.faults]
    assert "no JSON" in reasons[0] and "nested too deeply" in reasons[1] and "is a number" in reasons[2]
    assert "too many digits" in reasons[3] and [f.line for f in found.faults] == [2, 3, 4, 7]


@pytest.mark.parametrize(
    "content",
    [
        '[{"text": "a", "n": 1}, {"text": "b", "n": 2}]',
        '{"text": ["a", "b"], "n": [1, 2]}',
        '{"model": "m", "items": [{"text": "a", "n": 1}, {"text": "b", "n": 2}]}',
    ],
)
def test_forms_of_json(path: Path, content: str) -> None:
    assert cells(table(path, content)) == [("a", 1), ("b", 2)]


def test_a_long_array_is_read_piece_by_piece(path: Path) -> None:
    found = table(path, json.dumps([{"text": f"t{i} " + "x" * (i % 300), "n": i} for i in range(5000)]))
    assert len(found.rows) == 5000 and found.rows[4321].cells[1] == 4321


def test_an_array_that_breaks_off_keeps_what_came_before(path: Path) -> None:
    found = table(path, '[{"text": "a"}, {"text": "b"}, {"te')
    assert len(found.rows) == 2 and "nothing behind it can be read" in found.faults[0].reason
    with pytest.raises(InputError, match="nested too deeply"):
        table(path, "[" * 20_000)


def test_lists_of_numbers_are_vectors(path: Path) -> None:
    found = table(path, '{"text": "a", "embedding": [0.5, 1, -2]}\n')
    np.testing.assert_array_equal(found.rows[0].cells[1], np.float32([0.5, 1, -2]))


# ---- Parquet ----


def parquet(path: Path, **columns: object) -> Table:
    pq.write_table(pa.table(columns), path)
    return read_table(path, "t.parquet")


def test_parquet_of_texts_numbers_and_vectors(path: Path) -> None:
    vectors = pa.array([[1.0, 2.0], None], pa.list_(pa.float32()))
    found = parquet(path, text=["a", None], n=[1, 2], x=[0.5, float("nan")], ok=[True, False], v=vectors)
    assert found.columns == ("text", "n", "x", "ok", "v")
    assert found.rows[0].cells[:4] == ("a", 1, 0.5, "true")
    np.testing.assert_array_equal(found.rows[0].cells[4], np.float32([1, 2]))
    assert found.rows[1].cells == (None, 2, "nan", "false", None)


def test_parquet_pictures_become_files(path: Path, pictures: list[str], tmp_path: Path) -> None:
    data = Path(pictures[0]).read_bytes()
    column = pa.array([{"bytes": data, "path": "../../evil.png"}, {"bytes": None, "path": "x.png"}])
    pq.write_table(pa.table({"image": column}), path)

    def keep(content: bytes, name: str) -> Path:
        (tmp_path / "kept").write_bytes(content)
        return tmp_path / "kept"

    found = read_table(path, "t.parquet", keep=keep)
    assert found.rows[0].cells == (tmp_path / "kept",) and found.rows[1].cells == ("x.png",)
    assert (tmp_path / "kept").read_bytes() == data


def test_a_parquet_file_that_unpacks_too_large_is_refused(path: Path) -> None:
    pq.write_table(pa.table({"n": np.zeros(200_000_000, np.int8)}), path, compression="zstd")
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match=r"unpacks to .* MB; at most 512 MB"):
        read_table(path, "bomb.parquet")


def test_one_long_text_repeated_takes_no_room(path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 900_000]))
    pq.write_table(pa.table({"text": texts}), path)
    found = read_table(path, "repeated.parquet")
    assert len(found.rows) < 1000 and "too large for more" in found.notices[-1]


def test_a_damaged_parquet_file_is_a_message(path: Path) -> None:
    pq.write_table(pa.table({"text": [f"t{i}" for i in range(2000)]}), path)
    whole = path.read_bytes()
    for spoiled in (whole[:40], whole[: len(whole) // 2], b"PAR1" + b"\xff" * 60 + b"PAR1"):
        with pytest.raises(InputError, match="cannot be read as Parquet"):
            table(path, spoiled)
    rng = np.random.default_rng(1)
    for _ in range(60):
        bytes_ = bytearray(whole)
        for at in rng.integers(4, len(whole) - 8, 6):
            bytes_[at] ^= 1 << int(rng.integers(8))
        try:
            table(path, bytes(bytes_))
        except InputError as error:
            assert "t.csv" in str(error)


def test_faults_are_kept_within_bounds(path: Path) -> None:
    found = table(path, "a,b\n" + "1\n" * 5000)
    assert len(found.faults) <= 1001 and "more rows like these" in found.faults[-1].reason
    assert tables.MAX_RECORD >= 10 * PUBLIC.text_chars
