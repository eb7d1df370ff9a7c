"""Charts of four kinds: what they show, how people tell them, how they are drawn, with Pillow alone.

A chart is data only; :mod:`embedder.training.chart_pictures` draws it. Everything random
comes from the ``numpy`` generator that the caller hands in, so a seed repeats a chart. The
letters are those of the font that ships inside Pillow.

Example:
    >>> rng = np.random.default_rng(0)
    >>> chart = make("bar", "rainfall", "March", rng)
    >>> picture, text = chart_pictures.draw(chart, 224, rng), caption(chart, rng)
    >>> wrong = [tell(*other, rng) for other in hard_negatives(chart.facts, rng).values()]
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import product

import numpy as np

KINDS = ("bar", "line", "pie", "scatter")
KIND_WORDS = {
    "bar": ("bar chart", "bar graph", "chart with bars"),
    "line": ("line chart", "line graph", "curve"),
    "pie": ("pie chart", "pie", "circle divided into shares"),
    "scatter": ("scatter plot", "cloud of points", "scatter chart"),
}
"""Words for a kind of chart, the plainest first."""

GROUPS: dict[str, tuple[str, ...]] = {
    "month": ("January", "February", "March", "April", "May", "June", "July", "August", "September",
              "October", "November", "December"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "season": ("spring", "summer", "autumn", "winter"),
    "fruit": ("apples", "pears", "plums", "cherries", "grapes", "oranges", "lemons", "bananas"),
    "animal": ("cats", "dogs", "horses", "cows", "sheep", "goats", "birds", "fish"),
    "room": ("kitchen", "bedroom", "bathroom", "garage", "office", "garden"),
    "transport": ("bus", "train", "car", "bicycle", "plane", "ship"),
    "subject": ("history", "music", "physics", "biology", "sport", "art"),
}  # fmt: skip
"""What the parts of a chart are called, by what they are."""

SUBJECTS: dict[str, str] = {
    "rainfall": "month", "temperature": "month", "electricity": "month", "births": "month",
    "sunshine": "month", "weddings": "month", "storms": "month",
    "visitors": "day", "phone calls": "day", "letters": "day", "sales": "day", "meetings": "day",
    "snow": "season", "tourists": "season", "income": "season", "flowers": "season",
    "harvest": "fruit", "prices": "fruit", "sugar": "fruit", "juice": "fruit", "imports": "fruit",
    "pets": "animal", "farms": "animal", "vaccines": "animal", "toys": "animal", "feed": "animal",
    "water": "room", "heating": "room", "furniture": "room", "lamps": "room", "cleaning": "room",
    "passengers": "transport", "accidents": "transport", "noise": "transport", "tickets": "transport",
    "students": "subject", "teachers": "subject", "books": "subject", "exams": "subject",
}  # fmt: skip
"""What bars and slices count, and which group their parts are of."""

SERIES = (
    "rainfall", "temperature", "electricity", "births", "population", "unemployment", "wages", "sales",
    "visitors", "profit", "exports", "traffic", "water level", "forest area", "house prices", "downloads",
)  # fmt: skip
"""What lines follow through the years."""

PAIRS = (
    "height and weight", "age and income", "rain and harvest", "speed and fuel", "study and marks",
    "sleep and mood", "price and demand", "heat and ice cream", "distance and time", "exercise and pulse",
    "size and cost", "noise and traffic",
)  # fmt: skip
"""What the two axes of a scatter plot measure."""

TRENDS = {
    "rises": ("rises", "goes up", "increases", "grows", "climbs"),
    "falls": ("falls", "goes down", "decreases", "shrinks", "drops"),
    "peaks": ("rises and then falls", "goes up and comes down again", "has its peak in the middle"),
    "dips": ("falls and then rises", "goes down and comes up again", "has its low in the middle"),
    "stays": ("stays level", "hardly changes", "is flat", "remains about the same"),
}
"""What a line does, and words for it, the plainest first."""

RELATIONS = {
    "together": ("rise together", "grow together", "go up together"),
    "opposite": ("move in opposite directions", "go opposite ways", "are inversely related"),
    "unrelated": ("are unrelated", "have nothing to do with each other", "show no relation"),
}
"""How the two sides of a scatter plot go together, and words for it."""

HOLD_OUT = 3  # one combination of kind, subject and feature in so many is held out
PARTS = (4, 6)  # fewest and most parts of bars and pies


@dataclass(frozen=True)
class Chart:
    """What a chart shows.

    Attributes:
        kind: one of ``KINDS``.
        subject: what it is about: a key of ``SUBJECTS``, one of ``SERIES`` or of ``PAIRS``.
        feature: what is to be seen: of bars and pies the name of the largest part, of lines a key of
            ``TRENDS``, of scatter plots a key of ``RELATIONS``.
        labels: names of the parts, or years; empty for scatter plots.
        values: from 0 to 1; of scatter plots the heights of the points.
        across: of scatter plots the points' places from left to right, 0 to 1; empty for others.
    """

    kind: str
    subject: str
    feature: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    across: tuple[float, ...] = ()

    @property
    def facts(self) -> tuple[str, str, str]:
        """Kind, subject and feature: what a caption can tell."""
        return self.kind, self.subject, self.feature


def all_facts() -> list[tuple[str, str, str]]:
    """Every combination of kind, subject and feature."""
    parts = [
        (kind, subject, part)
        for kind in ("bar", "pie")
        for subject, group in SUBJECTS.items()
        for part in GROUPS[group]
    ]
    lines = [("line", *pair) for pair in product(SERIES, TRENDS)]
    return [*parts, *lines, *(("scatter", *pair) for pair in product(PAIRS, RELATIONS))]


def is_held_out(facts: tuple[str, str, str]) -> bool:
    """Whether training leaves this combination out (decided by a checksum of its words)."""
    return zlib.crc32("|".join(facts).encode()) % HOLD_OUT == 0


def sample_facts(rng: np.random.Generator, *, held_out: bool = False) -> tuple[str, str, str]:
    """Kind, subject and feature, each kind as likely as the others.

    Args:
        rng: source of randomness.
        held_out: draw from the combinations that training leaves out, or from the others.
    """
    kind = _pick(rng, KINDS)
    fitting = [facts for facts in all_facts() if facts[0] == kind and is_held_out(facts) == held_out]
    return fitting[int(rng.integers(len(fitting)))]


def make(kind: str, subject: str, feature: str, rng: np.random.Generator) -> Chart:
    """Numbers that show what they should, clearly: the largest part by a fifth of it at least.

    Raises:
        ValueError: there is no such kind, subject or feature.
    """
    if (kind, subject, feature) not in all_facts():
        raise ValueError(f"{(kind, subject, feature)} is none of the {len(all_facts())} things a chart shows")
    if kind == "line":
        return _line(subject, feature, rng)
    if kind == "scatter":
        return _scatter(subject, feature, rng)
    names = GROUPS[SUBJECTS[subject]]
    count = min(int(rng.integers(PARTS[0], PARTS[1] + 1)), len(names))
    others = rng.choice([name for name in names if name != feature], count - 1, replace=False)
    labels = sorted([feature, *map(str, others)], key=names.index)
    small = 0.15 if kind == "bar" else 0.25
    values = [1.0 if label == feature else float(rng.uniform(small, 0.8)) for label in labels]
    return Chart(kind, subject, feature, tuple(labels), tuple(values))


def _line(subject: str, trend: str, rng: np.random.Generator) -> Chart:
    count = int(rng.integers(7, 13))
    t = np.linspace(0, 1, count)
    middle = 1 - np.abs(2 * t - 1)
    shapes = {"rises": t, "falls": 1 - t, "peaks": middle, "dips": 1 - middle, "stays": np.full(count, 0.5)}
    noise = rng.uniform(-0.06, 0.06, count)
    values = 0.1 + 0.8 * shapes[trend] ** float(rng.uniform(0.8, 1.3)) + noise
    first = int(rng.integers(1960, 2012))
    labels = tuple(str(first + step) for step in range(count))
    return Chart("line", subject, trend, labels, tuple(map(float, np.clip(values, 0, 1))))


def _scatter(subject: str, relation: str, rng: np.random.Generator) -> Chart:
    count = int(rng.integers(25, 46))
    across = rng.permutation(np.linspace(0.02, 0.98, count))
    noise = rng.uniform(-0.12, 0.12, count)
    if relation == "unrelated":  # as many above as below on either side, whatever the seed
        heights = rng.permutation(np.linspace(0.04, 0.96, count))
        while abs(np.corrcoef(across, heights)[0, 1]) > 0.15:
            heights = rng.permutation(heights)
    else:
        heights = np.clip((across if relation == "together" else 1 - across) + noise, 0, 1)
    return Chart("scatter", subject, relation, (), tuple(map(float, heights)), tuple(map(float, across)))


_BARS = (
    "a {kind} of {subject} in which {feature} {is} largest",
    "{subject}: {feature} {is} the largest in this {kind}",
    "a {kind} of {subject}, most of it {feature}",
    "{subject} by {group} as a {kind}, {feature} above all others",
    "the {kind} about {subject} with {feature} in front",
)
_LINES = (
    "a {kind} of {subject} that {feature}",
    "{subject} over the years: a {kind} that {feature}",
    "this {kind} of {subject} {feature}",
    "a {kind}, {subject} above it, that {feature}",
)
_SCATTERS = (
    "a {kind} of {subject} that {feature}",
    "{subject} {feature} in this {kind}",
    "a {kind}: {subject} {feature}",
)
_PLURAL = ("fruit", "animal")  # groups whose parts are told in the plural
_PATTERNS = {"bar": _BARS, "pie": _BARS, "line": _LINES, "scatter": _SCATTERS}


def caption(chart: Chart, rng: np.random.Generator | None = None) -> str:
    """Tell a chart in English: its kind, its subject and what is to be seen.

    Args:
        chart: what to tell.
        rng: chooses the wording; without it the plainest is given, "a bar chart of rainfall in which
            March is largest".
    """
    return tell(*chart.facts, rng)


def tell(kind: str, subject: str, feature: str, rng: np.random.Generator | None = None) -> str:
    """:func:`caption` of a chart that shows these facts."""
    pattern = _PATTERNS[kind][0] if rng is None else _pick(rng, _PATTERNS[kind])
    seen = {**TRENDS, **RELATIONS}.get(feature, (feature,))
    words = {
        "kind": _first_or_any(KIND_WORDS[kind], rng),
        "subject": subject,
        "feature": _first_or_any(seen, rng),
        "group": SUBJECTS.get(subject, ""),
        "is": "are" if SUBJECTS.get(subject) in _PLURAL else "is",
    }
    return pattern.format(**words)


def tell_in_general(kind: str, feature: str) -> str:
    """What is to be seen without the subject: "a line that rises".

    Raises:
        ValueError: the kind is no line and no scatter plot.
    """
    if kind == "line":
        return f"a line that {TRENDS[feature][0]}"
    if kind == "scatter":
        return f"a scatter plot of two things that {RELATIONS[feature][0]}"
    raise ValueError(f"{kind!r}: only lines and scatter plots are told without their subject")


def hard_negatives(facts: tuple[str, str, str], rng: np.random.Generator) -> dict[str, tuple[str, str, str]]:
    """Facts that are wrong by one thing, by its name: "feature", "subject", "kind" (bars and pies only)."""
    kind, subject, feature = facts
    group = [other for other in all_facts() if other[0] == kind]
    wrong = {
        "feature": [other for other in group if other[1] == subject and other[2] != feature],
        "subject": [other for other in group if other[1] != subject and other[2] == feature],
    }
    if kind in ("bar", "pie"):
        wrong["kind"] = [("pie" if kind == "bar" else "bar", subject, feature)]
    return {name: others[int(rng.integers(len(others)))] for name, others in wrong.items() if others}


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _first_or_any(options: tuple[str, ...], rng: np.random.Generator | None) -> str:
    return options[0] if rng is None else _pick(rng, options)
