"""Which place in the palette a curve has: its own, whatever stands beside it."""

from collections.abc import Iterable, Sequence

KNOWN = {
    **{"retrieval": 0, "text-matching": 1, "code": 2},
    **{"float32": 0, "int8": 1, "binary": 2, "uint8": 3, "ubinary": 4, "late interaction": 5},
    "rank correlation": 5,
}
"""Adapters, number formats, and what is drawn beside them; the two never share a figure."""
CONTROLS = {"PCA": 1, "PCA (control)": 1, "random projection": 2}
"""What others are compared with: grey, told apart by dash and marker."""
_ADAPTERS = 3
_MODEL = " · "
_SAME = " = "


def places(names: Sequence[str]) -> list[int]:
    """A place for each name: the same one in every figure for those that are known.

    Adapters of a second model follow those of the first. Other names, and those whose place is taken, get the
    lowest places that are left, in their order.

    Args:
        names: of all curves or groups of one figure that are not compared with; no two are the same.
    """
    wanted = [_own(name, _models(names)) for name in names]
    found: dict[str, int] = {}
    for name, place in zip(names, wanted, strict=True):
        if place is not None and place not in found.values():
            found[name] = place
    for name in names:
        if name not in found:
            found[name] = _lowest(found.values())
    return [found[name] for name in names]


def _models(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name.rpartition(_MODEL)[0] for name in names if _MODEL in name))


def _own(name: str, models: Sequence[str]) -> int | None:
    model, _, rest = name.rpartition(_MODEL)
    place = KNOWN.get(rest.split(_SAME)[0])
    if place is None or not model:
        return place
    return models.index(model) * _ADAPTERS + place


def _lowest(taken: Iterable[int]) -> int:
    used = set(taken)
    return next(place for place in range(len(used) + 1) if place not in used)
