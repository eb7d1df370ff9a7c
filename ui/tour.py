"""A short guided tour: the stops here, its dialogue in ``assets/ui/tour.js``.

A visitor's first page offers it in a line; it never opens by itself, and a link to a view offers nothing.
"""

import json
from dataclasses import asdict, dataclass

import gradio as gr

from ui import words

BUTTON = "<button type='button' class='xp-tour-open' title='Six steps through the page'>Tour</button>"


@dataclass(frozen=True)
class Stop:
    """One step.

    Attributes:
        tab: id of the tab it opens.
        at: selectors of what it points to, tried in this order.
        title: a few words.
        text: what to do there and what one sees.
    """

    tab: str
    at: str
    title: str
    text: str


STOPS = (
    Stop(
        "embed",
        "#embed-figure, #embed-texts",
        "Vectors",
        "A model turns each text or picture into a row of numbers. Type lines or add pictures and press "
        "Embed: every stripe is one number. The dotted lines are the widths the row may be cut to.",
    ),
    Stop(
        "similarity",
        "#similarity-figure-1, #similarity-go",
        "What is alike",
        "Everything against everything, texts and pictures in one matrix. Click a cell for its two items, "
        "then move the slider of dimensions and watch what stays.",
    ),
    Stop(
        "search",
        "#search-results, #search-query",
        "Search at two widths",
        "Ask with words or a picture. Left is the ranking of full vectors, right that of short ones, with "
        "the places each item gained or lost.",
    ),
    Stop(
        "late",
        "#late-maps, #late-query",
        "Where in the picture",
        "Late interaction keeps one vector per token. Walk over the words of the query: the picture shows "
        "where each finds its match.",
    ),
    Stop(
        "truncation",
        "#truncation-lab, #truncation-go",
        "What truncation costs",
        "Neighbours kept, quality and bytes at every width, beside number formats and a projection as "
        "control: how short may your vectors be?",
    ),
    Stop(
        "data",
        "#data-files, #data-preview",
        "With your own data",
        "Bring a table, vectors or pictures here; every tab then works on them. “Copy link” at the top keeps "
        "a view, and each result has the code that repeats it.",
    ),
)


def tour() -> gr.HTML:
    """Where the tour comes to stand."""
    words.speak(*(text for stop in STOPS for text in (stop.title, stop.text)))
    return gr.HTML(
        json.dumps([asdict(stop) for stop in STOPS]),
        html_template="<div class='xp-tour'></div>",
        js_on_load="window.Explorer.mountTour(element, props);",
        apply_default_css=False,
        elem_id="explorer-tour",
    )
