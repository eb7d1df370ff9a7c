"""The figures of a report: each drawn once, however often it stands in the page."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from embedder.errors import InputError

Drawn = dict[str, Any]


@dataclass
class Plots:
    """Figures by a name that their content gives them.

    Attributes:
        drawn: name -> {"data", "layout"} without a template, or None where there is nothing to draw.
    """

    drawn: dict[str, Drawn | None] = field(default_factory=dict)

    def add(self, make: Callable[..., go.Figure], about: str, *what: object, **how: object) -> Drawn | None:
        """Draw a figure, unless the same was drawn before; None where there is nothing to draw.

        Args:
            make: draws it.
            about: what it shows, for those who cannot see it.
            what: arguments of `make`; their representation has to tell them apart.
            how: its keywords.

        Returns:
            Its name, `about`, and its height in pixels.
        """
        content = repr((make.__name__, what, sorted(how.items())))
        name = f"figure-{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
        if name not in self.drawn:
            self.drawn[name] = _drawn(make, what, how)
        found = self.drawn[name]
        return found and {"name": name, "about": about, "height": found["layout"]["height"]}

    def of(self, names: set[str]) -> dict[str, Drawn]:
        """Some of the figures."""
        return {name: self.drawn[name] or {} for name in sorted(names)}


def _drawn(make: Callable[..., go.Figure], what: tuple[object, ...], how: dict[str, object]) -> Drawn | None:
    try:
        content = make(*what, **how).to_plotly_json()
    except InputError:
        return None
    content["layout"].pop("template", None)
    return {"data": content["data"], "layout": content["layout"]}
