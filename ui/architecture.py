"""A model's parts drawn as SVG, with the numbers of the one that is loaded. CSS colours it."""

from embedder.anatomy import Anatomy
from ui.cards import esc

WIDTH = 340
LINE = 15
_HALF = (WIDTH - 10) / 2
_ARROW = (
    "<marker id='xp-arch-tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' "
    "orient='auto'><path d='M0 0 L8 4 L0 8 z'/></marker>"
)


def number(count: int) -> str:
    """A count for people: three digits and K, M or B, exact below a thousand."""
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= 0.9995 * unit:  # what would round to 1,000 of the smaller unit
            return f"{count / unit:.3g} {name}" if count < 999.5 * unit else f"{count / unit:,.0f} {name}"
    return str(count)


def in_words(a: Anatomy, name: str) -> str:
    """The drawing as sentences, for whoever does not see it."""
    full = ", ".join(str(block + 1) for block in a.full_blocks)
    adapters = "; ".join(f"{task} with {count:,} parameters" for task, count in a.adapters.items())
    return (
        f"How {name} is built, {a.total:,} parameters in all. A text becomes tokens of a vocabulary of "
        f"{a.vocabulary:,}, and each token a vector of {a.text.width:,} numbers. A picture is cut into "
        f"patches of {a.patch} by {a.patch} pixels; the vision tower has {a.vision.layers} layers of width "
        f"{a.vision.width:,} with {a.vision.heads} heads, looks through windows of {a.window} pixels except "
        f"in layers {full}, merges {a.merge} by {a.merge} patches to one token, at most "
        f"{a.max_image_tokens:,} by default, and has {a.vision.parameters:,} parameters. Both go through one "
        f"language model of {a.text.layers} layers of width {a.text.width:,}, {a.text.heads} heads and "
        f"{a.key_heads} key and value heads, causal, with {a.text.parameters:,} parameters. One adapter of "
        f"rank {a.rank} is in use at a time: {adapters}. The mean over the tokens is the dense vector of "
        f"{a.dim:,} numbers, which may be cut to {', '.join(map(str, a.dims))}. A projector with "
        f"{a.projector:,} parameters makes a vector of {a.late_dim} numbers of each token."
    )


def drawing(a: Anatomy, name: str) -> str:
    """The architecture, as tall as it needs; it scales with its place.

    Args:
        a: the parts.
        name: of the model.

    Returns:
        An ``<svg>`` with a title and a description.
    """
    right, half, parts = _HALF + 10, _HALF, []
    top = _box(0, 0, half, "Text", [f"{a.vocabulary:,} tokens", f"up to {a.context:,}"], parts, "in")
    low = _box(
        right,
        0,
        half,
        "Picture",
        [f"patches {a.patch} × {a.patch} px", f"at most {a.max_image_tokens:,} tokens"],
        parts,
        "in",
    )
    table = [f"width {a.text.width:,}", f"{number(a.table)} parameters"]
    vision = [
        f"{a.vision.layers} layers · width {a.vision.width:,}",
        f"{a.vision.heads} heads · inner {a.vision.inner:,}",
        f"windows of {a.window} px",
        f"{len(a.full_blocks)} layers see it all",
        f"{number(a.vision.parameters)} parameters",
        f"{a.merge} × {a.merge} patches → 1 token",
    ]
    _arrow(half / 2, top, top + 22, parts)
    _arrow(right + half / 2, low, low + 22, parts)
    top = _box(0, top + 22, half, "Token table", table, parts, "text")
    low = _box(right, low + 22, half, "Vision tower", vision, parts, "vision")
    _arrow(half / 2, top, low + 22, parts)
    _arrow(right + half / 2, low, low + 22, parts)
    own = [
        f"{a.text.layers} layers · width {a.text.width:,} · inner {a.text.inner:,}",
        f"{a.text.heads} heads, {a.key_heads} for keys and values · causal",
        f"{number(a.text.parameters - a.table)} parameters beside the table",
    ]
    room = LINE * (len(a.adapters) + 1) + 22
    top = _box(0, low + 22, WIDTH, "Language model", own, parts, "text", more=room)
    lora = [f"{task}: {number(count)} parameters" for task, count in a.adapters.items()]
    head = f"LoRA, rank {a.rank}: one at a time"
    _box(10, top - room, WIDTH - 20, head, lora, parts, "lora")
    _arrow(half / 2, top, top + 22, parts)
    _arrow(right + half / 2, top, top + 22, parts)
    dense = ["mean of all tokens", f"{a.dim:,} numbers", "length 1; cut to", *_wrapped(a.dims)]
    late = ["projector", f"{a.late_dim} numbers a token", "length 1", f"{number(a.projector)} parameters"]
    bottom = _box(0, top + 22, half, "Dense vector", dense, parts, "out")
    other = _box(right, top + 22, half, "Late interaction", late, parts, "out")
    tall = max(bottom, other) + 2
    return (
        f"<svg class='xp-arch' viewBox='-1 -1 {WIDTH + 2} {tall:.0f}' role='img' "
        f"aria-labelledby='xp-arch-title xp-arch-desc'><title id='xp-arch-title'>Architecture of {esc(name)}"
        f"</title><desc id='xp-arch-desc'>{esc(in_words(a, name))}</desc><defs>{_ARROW}</defs>"
        f"{''.join(parts)}</svg>"
    )


def _wrapped(dims: tuple[int, ...], most: int = 22) -> list[str]:
    """Widths on as many lines as they need."""
    lines = [""]
    for dim in dims:
        joined = f"{lines[-1]} · {dim}" if lines[-1] else str(dim)
        if len(joined) > most:
            lines.append(str(dim))
        else:
            lines[-1] = joined
    return lines


def _box(
    x: float,
    y: float,
    width: float,
    title: str,
    lines: list[str],
    parts: list[str],
    kind: str,
    more: float = 0,
) -> float:
    """A box with a title and lines; returns where it ends."""
    tall = 24 + LINE * len(lines) + more
    words = "".join(
        f"<text x='{x + 9:.0f}' y='{y + 17 + LINE * (at + 1):.0f}'>{esc(line)}</text>"
        for at, line in enumerate(lines)
    )
    parts.append(
        f"<g class='xp-arch-{kind}'><rect x='{x:.0f}' y='{y:.0f}' width='{width:.0f}' height='{tall:.0f}' "
        f"rx='8'/><text class='xp-arch-head' x='{x + 9:.0f}' y='{y + 17:.0f}'>{esc(title)}</text>{words}</g>"
    )
    return y + tall


def _arrow(x: float, start: float, end: float, parts: list[str]) -> None:
    parts.append(
        f"<line class='xp-arch-way' x1='{x:.0f}' y1='{start:.0f}' x2='{x:.0f}' y2='{end:.0f}' "
        "marker-end='url(#xp-arch-tip)'/>"
    )
