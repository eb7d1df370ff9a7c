"""Zips of pictures: what is one is taken, everything else is named, nothing is written outside."""

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from embedder.errors import InputError
from ui import kept_files
from ui.archives import Picture, pictures
from ui.faults import Fault
from ui.limits import PUBLIC


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upload"


@pytest.fixture
def data(pictures: list[str]) -> list[bytes]:
    return [Path(file).read_bytes() for file in pictures]


def packed(path: Path, entries: dict[str, bytes] | list[tuple[zipfile.ZipInfo | str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items() if isinstance(entries, dict) else entries:
            archive.writestr(name, content)


def taken(path: Path) -> tuple[list[Picture], list[Fault]]:
    found = list(pictures(path, "p.zip"))
    return [f for f in found if isinstance(f, Picture)], [f for f in found if isinstance(f, Fault)]


def test_pictures_come_in_the_order_people_count(path: Path, data: list[bytes]) -> None:
    packed(
        path, {"b/10.png": data[0], "b/2.png": data[1], "a.png": data[2], "__MACOSX/a.png": b"x", ".x": b""}
    )
    good, bad = taken(path)
    assert [p.path for p in good] == ["a.png", "b/2.png", "b/10.png"] and not bad
    assert [p.item.name for p in good] == ["a.png", "2.png", "10.png"]
    assert good[0].item.kind == "image" and Path(good[0].item.path).read_bytes() == data[2]


def test_what_is_no_picture_is_named_and_the_others_go_on(path: Path, data: list[bytes]) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.png", data[0])
    packed(
        path,
        {
            "good.png": data[0],
            "half.png": data[1][: len(data[1]) // 2],
            "words.png": b"these are words",
            "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "inner.zip": inner.getvalue(),
            "hidden.png": inner.getvalue(),
            "table.csv": b"a,b\n",
        },
    )
    good, bad = taken(path)
    assert [p.item.name for p in good] == ["good.png"]
    reasons = {fault.value: fault.reason for fault in bad}
    assert set(reasons) == {"half.png", "words.png", "drawing.svg", "inner.zip", "hidden.png", "table.csv"}
    assert (
        "archive within an archive" in reasons["inner.zip"] and reasons["hidden.png"] == reasons["inner.zip"]
    )
    assert "SVG" in reasons["drawing.svg"] and "a file of its own" in reasons["table.csv"]


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "a/../../evil.png", "/tmp/evil.png", "C:\\evil.png", "..\\evil.png", "\\\\host\\e.png"],
)
def test_paths_that_lead_out_are_refused(path: Path, data: list[bytes], name: str, tmp_path: Path) -> None:
    packed(path, {name: data[0], "good.png": data[1]})
    before = sorted(tmp_path.rglob("*"))
    good, bad = taken(path)
    assert [p.item.name for p in good] == ["good.png"] and "leads out" in bad[0].reason
    assert sorted(tmp_path.rglob("*")) == before
    assert all(Path(p.item.path).is_relative_to(kept_files._folder()) for p in good)


def test_links_and_devices_are_refused(path: Path, data: list[bytes]) -> None:
    entries: list[tuple[zipfile.ZipInfo | str, bytes]] = [("good.png", data[0])]
    for name, mode in (("link.png", 0o120777), ("fifo.png", 0o010644), ("device.png", 0o020644)):
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        entries.append((info, b"/etc/passwd"))
    packed(path, entries)
    good, bad = taken(path)
    assert len(good) == 1 and [f.reason for f in bad] == ["is a link or a device, no file"] * 3


def test_a_bomb_is_refused_by_its_ratio(path: Path) -> None:
    packed(path, {f"{at}.bmp": b"\0" * 20 * 2**20 for at in range(4)})
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(InputError, match=r"times its size, .* at most 200 times"):
        taken(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_an_archive_that_declares_too_much_is_refused(path: Path, data: list[bytes]) -> None:
    packed(path, {"a.png": data[0], "b.png": data[1]})
    spoiled = bytearray(path.read_bytes())
    at = spoiled.index(b"PK\x01\x02")
    spoiled[at + 24 : at + 28] = struct.pack("<I", 2**31)
    path.write_bytes(bytes(spoiled))
    with pytest.raises(InputError, match=r"unpacks to 2,048 MB; at most 512 MB"):
        taken(path)


def test_an_entry_that_is_longer_than_declared_is_no_picture(path: Path, data: list[bytes]) -> None:
    packed(path, {"a.png": data[0] + b"\0" * 100, "b.png": data[1]})
    spoiled = bytearray(path.read_bytes())
    at = spoiled.index(b"PK\x01\x02")
    spoiled[at + 24 : at + 28] = struct.pack("<I", 64)
    path.write_bytes(bytes(spoiled))
    good, bad = taken(path)
    assert [p.item.name for p in good] == ["b.png"] and bad[0].value == "a.png"


def test_too_many_files(path: Path) -> None:
    packed(path, {f"{at}.png": b"" for at in range(PUBLIC.archive_files + 1)})
    with pytest.raises(InputError, match=r"2,001 files; at most 2,000"):
        taken(path)


def test_a_locked_entry(path: Path, data: list[bytes]) -> None:
    packed(path, {"a.png": data[0], "b.png": data[1]})
    spoiled = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        spoiled[spoiled.index(mark) + offset] |= 1
    path.write_bytes(bytes(spoiled))
    good, bad = taken(path)
    assert len(good) == 1 and "password" in bad[0].reason


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, b"no zip at all"])
def test_what_is_no_archive(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is no zip|holds no file"):
        taken(path)


def test_names_are_made_safe(path: Path, data: list[bytes]) -> None:
    packed(
        path,
        {"<img src=x onerror=alert(1)>.png": data[0], "a\x01\u202eb.png": data[1], "." * 300 + "c": data[2]},
    )
    good, bad = taken(path)
    for picture in good:
        assert not set("<>\x01\u202e/") & set(picture.item.name) and len(picture.item.name) <= 80
    assert len(good) + len(bad) >= 2


def test_a_folder_for_pictures_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_files, "MAX_KEPT_BYTES", 1000)
    monkeypatch.setattr(kept_files, "_written", 0)
    with pytest.raises(InputError, match="no room"):
        for at in range(40):
            kept_files.keep(bytes([at]) * 200, "p.png")
