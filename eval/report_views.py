"""What a report can show: each metric, of all runs together and of each alone; the first is in sight.

The others travel packed in the page (JSON, deflated, base64), which unpacks them when they are chosen. What
the metrics of the same runs share, such as the queries to look at and some figures, is packed once.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.io

from eval import report_parts as parts
from eval.gather import Gathered, gather, metrics_of
from eval.report_plots import Plots
from eval.runs import Run

MOST_RUNS = 12
"""Runs that can be chosen alone: the newest; more would make the page large."""

TOGETHER = "All runs together"
BLOCKS = ("intro", "findings", "adapters", "overview", "less", "details", "examples", "shapes")

Make = Callable[[str, Mapping[str, Any]], str]


@dataclass
class View:
    """One metric of some runs.

    Attributes:
        metric: such as "ndcg@10".
        found: what the runs say.
        blocks: name of a place in the page -> hash of what stands there.
        figures: names of the figures in it.
    """

    metric: str
    found: Gathered
    blocks: dict[str, str] = field(default_factory=dict)
    figures: set[str] = field(default_factory=set)

    def about(self, subjects: Sequence[str]) -> dict[str, Any]:
        """What the page has to know of it."""
        return {
            "metric": self.metric,
            "label": parts.metric_name(self.metric),
            "blocks": self.blocks,
            "benchmarks": list(self.found.benchmarks),
            "subjects": list(subjects),
        }


@dataclass
class Views:
    """Everything that a page can show.

    Attributes:
        make: HTML of a block from its name and content.
        plots: all figures.
        texts: hash -> HTML of a block.
        shown: label of some runs -> their views by metric.
        abouts: the same, as the page wants it.
    """

    make: Make
    plots: Plots = field(default_factory=Plots)
    texts: dict[str, str] = field(default_factory=dict)
    shown: dict[str, list[View]] = field(default_factory=dict)
    abouts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def first(self) -> View:
        """The one that the page shows when it opens."""
        return next(iter(self.shown.values()))[0]

    def add(self, label: str, runs: Sequence[Run]) -> None:
        """Take up every metric of some runs under a label."""
        views, about = [], []
        for metric in metrics_of(runs):
            view = View(metric, gather(runs, metric))
            drawn = _Noting(self.plots)
            content = _content(view.found, drawn)
            for name in BLOCKS:
                html = self.make(name, content)
                view.blocks[name] = hashlib.sha256(html.encode("utf-8", "surrogatepass")).hexdigest()[:16]
                self.texts[view.blocks[name]] = html
            view.figures = drawn.names
            views.append(view)
            about.append(view.about(list(dict.fromkeys(part["subject"] for part in content["details"]))))
        self.shown[label] = views
        self.abouts.append({"runs": label, "views": about})

    def packs(self) -> list[str]:
        """For each label its blocks and figures, without those of the first view."""
        there, drawn = set(self.first.blocks.values()), self.first.figures
        found = []
        for views in self.shown.values():
            blocks = {name for view in views for name in view.blocks.values()} - there
            figures = {name for view in views for name in view.figures} - drawn
            content = {
                "blocks": {name: self.texts[name] for name in sorted(blocks)},
                "figures": self.plots.of(figures),
            }
            text: str = plotly.io.json.to_json_plotly(content)
            found.append(base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode())
        return found


class _Noting(Plots):
    """Figures of others, noting which are asked for."""

    def __init__(self, plots: Plots) -> None:
        super().__init__(plots.drawn)
        self.names: set[str] = set()

    def add(self, *arguments: Any, **options: Any) -> dict[str, Any] | None:
        found = super().add(*arguments, **options)
        if found:
            self.names.add(found["name"])
        return found


def views_of(runs: Sequence[Run], make: Make) -> Views:
    """All runs together, and where there are several each of the newest alone.

    Args:
        runs: at least one, oldest first.
        make: HTML of a block.
    """
    found = Views(make)
    found.add(TOGETHER if len(runs) > 1 else runs[0].run_id, runs)
    if len(runs) > 1:
        for run in reversed(runs[-MOST_RUNS:]):
            found.add(run.run_id, [run])
    return found


def _content(found: Gathered, plots: Plots) -> dict[str, Any]:
    return {
        "found": found,
        "metric": parts.metric_name(found.metric),
        "summary": parts.summary(found),
        "adapters": parts.adapter_table(found),
        "overview": parts.overview(found, plots),
        "details": parts.details(found, plots),
        "widths": parts.width_table(found),
        "shapes": parts.shapes(found, plots),
        "examples": parts.examples(found),
    }
