"""How figures look: colours, text, labels at the ends of lines.

One palette serves both colour schemes: every colour has a contrast of at least 3 to 1 with a white and with a
near-black page, and any two stay apart (CIE76 difference of 20 or more) with red, green and blue blindness as
simulated by Machado, Oliveira and Fernandes 2009 (doi 10.1109/TVCG.2009.113). Lines also differ by dash and
marker, and carry their name at their end. `template` gives what depends on the scheme: text, grid, paper.
"""

import math
from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go

from embedder.errors import InputError

Theme = Literal["light", "dark"]

PALETTE = ("#5757d9", "#a68e19", "#d95782", "#219bd9", "#5c732e", "#a64295")
QUIET = "#7c8594"  # for what others are compared with
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
PAPER = {"light": "#ffffff", "dark": "#161c24"}
_INK = {"light": "#232b35", "dark": "#dbe1e8"}
_GRID = {"light": "#e3e7ec", "dark": "#313b47"}
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"

HEIGHT = 380  # pixels
TOP, BOTTOM, LEFT = 18, 56, 62
_LINE = 15.0  # pixels from one label to the next
_LETTER = 6.6  # pixels of an average letter at 12 px


def template(theme: Theme) -> go.layout.Template:
    """What depends on the colour scheme.

    Raises:
        InputError: the theme is neither "light" nor "dark".
    """
    if theme not in _INK:
        raise InputError(f"theme is {theme!r}, expected light or dark")
    axis = {
        "gridcolor": _GRID[theme], "linecolor": _GRID[theme], "zerolinecolor": QUIET,
        "tickcolor": _GRID[theme], "ticks": "outside", "automargin": True, "title": {"standoff": 10},
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "font": {"color": _INK[theme], "family": _FONT, "size": 12},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(PALETTE),
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"bgcolor": PAPER[theme], "font": {"color": _INK[theme], "family": _FONT}},
            "annotationdefaults": {"font": {"color": _INK[theme]}, "showarrow": False},
        }
    )


def empty(theme: Theme, y_title: str, x_title: str) -> go.Figure:
    """A figure with its axes and nothing in it."""
    figure = go.Figure()
    figure.update_layout(
        template=template(theme), height=HEIGHT, showlegend=False, hovermode="closest",
        margin={"l": LEFT, "r": 24, "t": TOP, "b": BOTTOM},
    )  # fmt: skip
    figure.update_xaxes(title={"text": x_title})
    figure.update_yaxes(title={"text": y_title})
    return figure


def tinted(colour: str, opacity: float) -> str:
    """A colour such as "#5757d9" that lets through what is behind it."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def limits_of(numbers: Sequence[float]) -> tuple[float, float]:
    """An axis that holds all numbers, with a little room."""
    low, high = min(numbers), max(numbers)
    room = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
    return low - room, high + room


def label_ends(
    figure: go.Figure,
    ends: Sequence[tuple[str, float, str]],
    last: float,
    limits: tuple[float, float],
    *,
    logarithmic: bool = True,
) -> None:
    """Write names beside the ends of lines, apart from each other, each with a dot of its line's colour.

    Args:
        figure: whose right margin is made wide enough.
        ends: name, height and colour of each line.
        last: where the lines end on the horizontal axis.
        limits: of the vertical axis.
        logarithmic: whether the horizontal axis is; plotly then wants places as logarithms.
    """
    scale = (limits[1] - limits[0]) / (HEIGHT - TOP - BOTTOM)  # of the axis, per pixel
    places = spread([height for _, height, _ in ends], _LINE * scale, limits)
    for (name, _, colour), place in zip(ends, places, strict=True):
        figure.add_annotation(
            x=math.log10(last) if logarithmic else last, y=place, text=_dotted(name, colour),
            xanchor="left", yanchor="middle", xshift=9, showarrow=False, align="left",
        )  # fmt: skip
    longest = max((len(name) for name, _, _ in ends), default=0)
    figure.update_layout(margin={"r": int(longest * _LETTER) + 30}, meta={"names_at_ends": True})


def _dotted(name: str, colour: str) -> str:
    safe = name.replace("&", "&amp;").replace("<", "&lt;")
    return f'<span style="color:{colour}">●</span> {safe}'


def spread(
    wanted: Sequence[float], gap: float, limits: tuple[float, float] = (-math.inf, math.inf)
) -> list[float]:
    """Places as near as can be to the wanted ones, in their order, and no two nearer than `gap`.

    Labels that would overlap push each other apart evenly, and those beyond a limit push back.
    """
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    groups: list[list[float]] = []  # [sum of (wanted - offset), members]
    for place in order:
        groups.append([wanted[place], 1])
        while (
            len(groups) > 1
            and _centre(groups[-1]) - _centre(groups[-2]) < gap * (groups[-1][1] + groups[-2][1]) / 2
        ):
            total, members = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += members
    found = [0.0] * len(wanted)
    places = iter(order)
    for group in groups:
        first = _centre(group) - gap * (group[1] - 1) / 2
        for step in range(int(group[1])):
            found[next(places)] = first + gap * step
    for above, place in enumerate(reversed(order)):
        found[place] = min(found[place], limits[1] - gap * above)
    for below, place in enumerate(order):
        found[place] = max(found[place], limits[0] + gap * below)
    return found


def _centre(group: Sequence[float]) -> float:
    return group[0] / group[1]


def powers_of_two(low: float, high: float) -> list[int]:
    """Powers of four around two costs, for the ticks of a logarithmic axis."""
    first, last = math.floor(math.log2(low)), math.ceil(math.log2(high))
    return [2**power for power in range(first, last + 1) if (last - power) % 2 == 0]


def byte_text(count: float) -> str:
    """A number of bytes with its unit, in powers of 1,024."""
    for unit in ("B", "KiB"):
        if count < 1024:
            return f"{count:g} {unit}"
        count /= 1024
    return f"{count:g} MiB"
