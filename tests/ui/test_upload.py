"""What a visitor drops becomes one table, then items: columns, pictures, vectors, judgements."""

import base64
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedder.errors import InputError
from ui.columns import RANDOM, Chosen, Made, checked, guess, items_of, numeric
from ui.judgements import judged
from ui.upload import Upload, read_upload


def upload(folder: Path, files: dict[str, str | bytes], *, header: bool = True) -> Upload:
    paths = []
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    *_, last = read_upload(paths, header=header)
    assert isinstance(last, Upload)
    return last


def made(found: Upload, chosen: Chosen | None = None, **options: object) -> Made:
    settings = {"most": 200, **options}
    *_, last = items_of(found, chosen or guess(found), **settings)  # type: ignore[arg-type]
    assert isinstance(last, Made)
    return last


def npy(folder: Path, array: object) -> bytes:
    np.save(folder / "made.npy", array)  # type: ignore[arg-type]
    return (folder / "made.npy").read_bytes()


def test_a_table_of_texts(tmp_path: Path) -> None:
    found = upload(tmp_path, {"t.csv": "id,text,topic,year\n7,first words,a,1999\n8,second words,b,\n"})
    chosen = guess(found)
    assert chosen == Chosen(text="text", metadata=("id", "topic", "year"))
    items = made(found, replace(chosen, label="id")).items
    assert [item.text for item in items] == ["first words", "second words"]
    assert [item.label for item in items] == ["7", "8"]
    assert dict(items[0].metadata) == {"id": 7.0, "topic": "a", "year": 1999.0}
    assert dict(items[1].metadata)["year"] == ""


def test_a_text_column_without_a_telling_name_is_the_longest(tmp_path: Path) -> None:
    found = upload(tmp_path, {"t.csv": "a,b,c\n1,x,these are many words\n2,y,and so are these\n"})
    assert guess(found).text == "c"


def test_ids_with_leading_zeros_are_no_numbers() -> None:
    assert numeric(["1", "2.5", "", None, "-3e4"]) and not numeric(["007", "12"]) and not numeric(["", None])


def test_a_picture_column_with_a_zip(tmp_path: Path, pictures: list[str]) -> None:
    data = [Path(path).read_bytes() for path in pictures]
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("deep/One.png", data[0])
        archive.writestr("two.png", data[1])
    table = "file,caption\ndeep/one.png,first\nTWO.PNG,\nthree.png,third\n,only text\n"
    files = {"p.zip": (tmp_path / "p.zip").read_bytes(), "t.csv": table}
    found = upload(tmp_path, files)
    chosen = guess(found)
    assert (chosen.picture, chosen.text) == ("file", "caption")
    result = made(found, chosen)
    assert [item.kind for item in result.items] == ["document", "image", "text"]
    fault = result.faults.kept[0]
    assert (fault.row, fault.column, fault.value) == (3, "file", "three.png")
    assert "no picture of this name" in fault.reason


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("https://example.org/a.png", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("/etc/passwd", "no picture of this name"),
        ("../../secret.png", "no picture of this name"),
        ("C:\\secret.png", "no picture of this name"),
        ("data:image/png;base64,@@@", "base64"),
        ("data:image/png;base64,aGVsbG8=", "row-2"),
    ],
)
def test_addresses_and_paths_of_the_server_are_never_opened(
    tmp_path: Path, pictures: list[str], value: str, words: str
) -> None:
    lines = "\n".join(json.dumps({"image": cell}) for cell in ("p.png", value))
    found = upload(tmp_path, {"p.png": Path(pictures[0]).read_bytes(), "t.jsonl": lines})
    result = made(found, Chosen(picture="image"))
    assert len(result.items) == 1
    assert re.search(words, result.faults.kept[0].reason), result.faults.kept[0]


def test_pictures_as_data(tmp_path: Path, pictures: list[str]) -> None:
    data = base64.b64encode(Path(pictures[0]).read_bytes()).decode()
    lines = json.dumps({"image": f"data:image/png;base64,{data}", "n": 1})
    result = made(upload(tmp_path, {"t.jsonl": lines}))
    assert result.items[0].kind == "image" and result.items[0].size == (56, 40)


def test_pictures_alone_make_a_table_of_their_own(tmp_path: Path, pictures: list[str]) -> None:
    files = {f"{at}.png": Path(path).read_bytes() for at, path in enumerate(pictures)}
    found = upload(tmp_path, {**files, "bad.png": b"\x89PNG\r\n\x1a\nnothing"})
    assert len(made(found).items) == 3 and found.faults.kept[0].file == "bad.png"


def test_vectors_with_ids(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    np.savez(tmp_path / "v.npz", vectors=vectors, ids=np.array(list("abcde")), topic=np.array(list("xxyyy")))
    found = upload(tmp_path, {"v.npz": (tmp_path / "v.npz").read_bytes()})
    result = made(found, carry=False)
    assert [item.label for item in result.items] == list("abcde")
    np.testing.assert_array_equal(result.vectors, vectors)
    assert dict(result.items[4].metadata)["topic"] == "y" and result.items[0].vector == b""
    carried = made(found).items
    np.testing.assert_array_equal(np.frombuffer(carried[2].vector, "<f4"), vectors[2])
    assert len({item.digest for item in carried}) == 5


def test_vectors_beside_a_table_go_by_row(tmp_path: Path) -> None:
    vectors = np.eye(3, 4, dtype=np.float32) + 1
    found = upload(tmp_path, {"t.csv": "a,b\none,1\nbroken\nthree,3\n", "v.npy": npy(tmp_path, vectors)})
    result = made(found)
    assert [item.text for item in result.items] == ["one", "three"]
    np.testing.assert_array_equal(result.vectors, vectors[[0, 2]])
    other = upload(tmp_path, {"t.csv": "a,b\none,1\n", "v.npy": npy(tmp_path, vectors)})
    assert "3 vectors, t.csv 1 rows" in other.faults.kept[0].reason and "vector" not in other.table.columns


def test_numbered_columns_become_a_vector(tmp_path: Path) -> None:
    head = "text," + ",".join(f"d{i}" for i in range(1, 11))
    rows = ["a," + ",".join(["0.5"] * 10), "b," + ",".join(["0.5"] * 9 + ["oops"])]
    found = upload(tmp_path, {"t.csv": "\n".join([head, *rows])})
    assert found.table.columns == ("text", "vector") and len(found.table.rows) == 1
    fault = found.faults.kept[0]
    assert (fault.row, fault.line, fault.column, fault.value) == (2, 3, "d10", "oops")


def test_vectors_of_another_width_or_without_direction_are_faults(tmp_path: Path) -> None:
    lines = [{"t": "a", "v": [1, 2]}, {"t": "b", "v": [1, 2, 3]}, {"t": "c", "v": [0, 0]}, {"t": "d"}]
    result = made(upload(tmp_path, {"t.jsonl": "\n".join(map(json.dumps, lines))}))
    assert [item.text for item in result.items] == ["a"]
    reasons = [fault.reason for fault in result.faults]
    assert "3 dimensions, the first one has 2" in reasons[0] and "no direction" in reasons[1]
    assert "no vector in this row" in reasons[2]


def test_too_many_rows_are_the_first_ones_or_a_seeded_sample(tmp_path: Path) -> None:
    found = upload(tmp_path, {"t.csv": "text,n\n" + "".join(f"text {i},{i}\n" for i in range(100))})
    first, again = made(found, most=10), made(found, most=10, take=RANDOM)
    assert first.numbers == tuple(range(1, 11)) and "10 of 100 rows" in first.notices[0]
    assert again.numbers == made(found, most=10, take=RANDOM).numbers != first.numbers
    assert list(again.numbers) == sorted(again.numbers)


def test_blank_and_overlong_rows_are_faults(tmp_path: Path) -> None:
    found = upload(tmp_path, {"t.csv": f"text,n\n,1\nfine,2\n{'x' * 120_000},3\n"})
    result = made(found, Chosen(text="text"))
    assert [item.text for item in result.items] == ["fine"]
    assert "neither text nor picture" in result.faults.kept[0].reason
    assert "120,000 characters" in result.faults.kept[1].reason and result.faults.kept[1].column == "text"


def test_choices_that_no_dropdown_offers_are_refused(tmp_path: Path) -> None:
    table = upload(tmp_path, {"t.csv": "text,n\na,1\n"}).table
    for bad in ({"text": "nope"}, {"text": 7}, {"metadata": ["nope"], "text": "text"}, {}, {"text": "none"}):
        with pytest.raises(InputError):
            checked(table, **bad)


def test_a_query_column_judges(tmp_path: Path) -> None:
    table = "query,text\nwho?,Anna\nwhere?,Paris\n,Nobody asks\nAnna,Anna\n"
    found = upload(tmp_path, {"t.csv": table})
    items, known, faults = judged(made(found), found.pairs, found.name)
    assert [item.text for item in items] == ["Anna", "Paris", "Nobody asks", "Anna", "who?", "where?"]
    assert known is not None and len(known.pairs) == 2
    assert faults.kept[0].reason == "the query is the item itself" and faults.kept[0].row == 4
    assert known.judged(items) is not None


def test_a_table_of_pairs_judges_and_names_what_does_not_fit(tmp_path: Path) -> None:
    texts = "id,text\nd1,Anna\nd2,Paris\n"
    pairs = "query,item,score\nwho?,d1,2\nwhere?,Paris,1\nwho?,d1,1\nwhen?,d9,1\nwho?,d2,x\n,d1,1\nwho?,2,0\n"
    found = upload(tmp_path, {"t.csv": texts, "qrels.csv": pairs})
    assert found.table.name == "t.csv" and found.pairs is not None
    items, known, faults = judged(made(found), found.pairs, "t.csv")
    by_text = {item.text: item.digest for item in items}
    assert known is not None and set(known.pairs) == {
        (by_text["who?"], by_text["Anna"], 2),
        (by_text["where?"], by_text["Paris"], 1),
    }
    reasons = [(fault.row, fault.reason) for fault in faults]
    assert reasons[0] == (3, "this pair was given before")
    assert reasons[1][0] == 4 and "no item of the collection is called so" in reasons[1][1]
    assert reasons[2][0] == 5 and "whole number" in reasons[2][1]
    assert reasons[3] == (6, "there is no query") and len(reasons) == 4


def test_nothing_usable_is_one_message_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing in it can be used.*bad\.csv: is packed with gzip"):
        upload(tmp_path, {"bad.csv": b"\x1f\x8b\x08", "empty.csv": b""})


def test_hostile_names_of_files_are_made_safe(tmp_path: Path) -> None:
    found = upload(tmp_path, {"=cmd|' <img src=x>.csv": "text,n\na,1\n"})
    assert found.name == "_cmd_ _img src_x_.csv"


def test_a_program_is_no_table_in_utf_16(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text file, and of no other kind"):
        upload(tmp_path, {"what.exe": b"MZ" + bytes(100) + bytes(range(40))})
    plain = upload(tmp_path, {"plain.csv": "text\nÄpfel\nBirnen\n".encode("utf-16-le")})
    assert len(plain.table.rows) == 2


def test_a_reason_stands_beside_the_name_and_not_in_quotes(tmp_path: Path) -> None:
    Image.new("1", (5000, 5000)).save(tmp_path / "large.png")
    large = (tmp_path / "large.png").read_bytes()
    broken = b"\x89PNG\r\n\x1a\nxx"
    found = upload(tmp_path, {"large.png": large, "broken.png": broken, "good.csv": "text\nwords\n"})
    reasons = {fault.file: fault.reason for fault in found.faults}
    assert reasons["large.png"].startswith("has 5000 x 5000")
    assert "'" not in reasons["broken.png"] and "its header makes no sense" in reasons["broken.png"]
