import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedder import InputError
from eval.cost import Bytes, bytes_of, late_bytes, measure_latency, pareto_front
from eval.sweep import Setting


@pytest.mark.parametrize(
    ("setting", "searched", "stored"),
    [
        (Setting(128), 512, 512),
        (Setting(128, "int8"), 128, 128),
        (Setting(128, "uint8", "asymmetric"), 128, 128),
        (Setting(128, "binary"), 16, 16),
        (Setting(13, "ubinary"), 2, 2),
        (Setting(128, "binary", "rescored"), 16, 16 + 512),
        (Setting(256, "float32", "funnel:64"), 256, 1024),
        (Setting(256, "int8", "funnel:64"), 64, 64 + 1024),
    ],
)
def test_bytes_by_hand(setting: Setting, searched: int, stored: int) -> None:
    found = bytes_of(setting)
    assert found == Bytes(searched, stored)
    assert found.searched_per_million == searched * 10**6
    assert found.stored_per_million == stored * 10**6


def test_bytes_of_late_interaction() -> None:
    assert late_bytes([10, 20], Setting(128)) == Bytes(15 * 512, 15 * 512)
    assert late_bytes([1, 1, 2], Setting(1)).searched == 6  # 16 / 3, rounded up
    assert late_bytes([10, 20], Setting(128, "uint8", "asymmetric")) == Bytes(15 * 128, 15 * 128)
    assert late_bytes([10, 20], Setting(128, "binary")) == Bytes(15 * 16, 15 * 16)
    assert late_bytes([1, 2], Setting(13, "ubinary")).searched == 3  # one and a half tokens of two bytes
    assert late_bytes([10, 20], Setting(128, "binary", "rescored")) == Bytes(15 * 16, 15 * (16 + 512))
    with pytest.raises(InputError, match="no documents"):
        late_bytes([], Setting(128))


def test_a_wider_search_takes_longer() -> None:
    rng = np.random.default_rng(0)
    queries, documents = (rng.standard_normal((n, 512), dtype=np.float32) for n in (12, 8000))
    found = measure_latency(queries, documents, [4, 512], rounds=4)
    assert list(found) == [4, 512]
    assert 0 < found[4].median_ms < found[512].median_ms <= found[512].p95_ms
    assert found[512].documents == 8000
    assert measure_latency(queries[:1], documents[:3], [4], k=10)[4].median_ms > 0
    with pytest.raises(InputError, match="0 queries, 8000 documents and 3 rounds"):
        measure_latency(queries[:0], documents, [4])


def test_a_front_by_hand() -> None:
    points = {
        "a": (1, 0.2),
        "b": (2, 0.5),
        "worse": (3, 0.4),
        "same": (2, 0.5),
        "dear": (9, 0.5),
        "c": (4, 0.9),
    }
    assert pareto_front(points) == ["a", "b", "c"]
    assert pareto_front({}) == []
    with pytest.raises(InputError, match="of x are"):
        pareto_front({"x": (1, math.nan)})


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_a_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    front = pareto_front(dict(enumerate(points)))
    unbeaten = {
        point
        for point in points
        if not any(cost <= point[0] and good >= point[1] and (cost, good) != point for cost, good in points)
    }
    assert {points[key] for key in front} == unbeaten
    assert len(front) == len(unbeaten)
    assert [points[key] for key in front] == sorted(points[key] for key in front)
