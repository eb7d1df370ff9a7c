"""What a visitor may ask for: every cap of the page, in one place.

A public host holds all of them. ``app.py --trusted`` says that everybody who reaches the page may do what
its owner may: then local folders, own benchmarks and long runs are allowed, and the caps that protect other
visitors are lifted. Caps that protect the page itself (how much a browser can draw) stay.

A workbench carries them as ``bench.limits``.
"""

from dataclasses import dataclass, replace

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Caps of one visitor; None means that there is no such cap.

    Attributes:
        trusted: everybody who reaches the page may do what its owner may.
        items: texts and pictures in one collection; a 200 x 200 matrix still answers a slider step at once.
        inputs: inputs of one request over REST or a named endpoint.
        pictures: pictures in one upload or request.
        text_chars: characters of one text (100,000 are some 25,000 tokens).
        box_chars: characters of one text box, before it is split.
        request_chars: characters of all texts of one request.
        picture_pixels: of one picture; larger ones are refused before they are decoded.
        picture_bytes: of one picture as a file.
        upload_bytes: of one uploaded file; the server stops reading there.
        table_rows: rows read of one table or vector file.
        table_columns: columns of one table.
        archive_files: files in one zip.
        archive_bytes: of all files of one zip, unpacked.
        map_points: points of one map.
        waiting: requests of one session that may wait at the same time.
        per_minute: requests of one session in a minute, a burst of a quarter of them at once.
        queue: requests of everybody that may wait for the model.
        rest_places: embedding requests over REST at the same time, of everybody.
        local_folders: may name folders of the server: models, adapters, benchmarks.
        load_models: may load a model that was not named at the start, in everybody's place.
        benchmark_runs: benchmark runs at the same time, of everybody.
        benchmark_seconds: that one benchmark run may take.
        benchmark_items: documents and queries of one benchmark run, over all its benchmarks.
    """

    trusted: bool = False
    items: int = 200
    inputs: int = 256
    pictures: int = 64
    text_chars: int = 100_000
    box_chars: int = 400_000
    request_chars: int = 4_000_000
    picture_pixels: int = 20_000_000
    picture_bytes: int = 32 * MIB
    upload_bytes: int = 64 * MIB
    table_rows: int = 50_000
    table_columns: int = 4_096
    archive_files: int = 2_000
    archive_bytes: int = 512 * MIB
    map_points: int = 50_000
    waiting: int | None = 16
    per_minute: int | None = 1200
    queue: int = 32
    rest_places: int = 8
    local_folders: bool = False
    load_models: bool = False
    benchmark_runs: int = 1
    benchmark_seconds: float | None = 600.0
    benchmark_items: int | None = 20_000


PUBLIC = Limits()
TRUSTED = replace(
    PUBLIC,
    trusted=True,
    upload_bytes=1024 * MIB,
    table_rows=1_000_000,
    archive_files=50_000,
    archive_bytes=4096 * MIB,
    waiting=None,
    per_minute=None,
    local_folders=True,
    load_models=True,
    benchmark_seconds=None,
    benchmark_items=None,
)


def limits_of(*, trusted: bool) -> Limits:
    """The caps of a host."""
    return TRUSTED if trusted else PUBLIC
