"""What an event costs: with each message gradio copies and redraws all that events name for progress."""

from typing import Any

import pytest

from embedder import Embedder
from ui import shell
from ui.vectors import Workbench


@pytest.fixture(scope="module")
def page(model: Embedder) -> dict[str, Any]:
    found: dict[str, Any] = shell.page(Workbench(model)).get_config_file()
    return found


def of_the_page(page: dict[str, Any]) -> list[dict[str, Any]]:
    """Events that the page itself sends to the server: not the named endpoints."""
    return [one for one in page["dependencies"] if one["backend_fn"] and one["api_visibility"] == "private"]


def test_events_name_a_line_of_words_or_nothing_for_their_progress(page: dict[str, Any]) -> None:
    kinds = {part["id"]: part["type"] for part in page["components"]}
    events = of_the_page(page)
    assert len(events) > 150
    for event in events:
        named = event["show_progress_on"]
        assert named is not None, f"every output is copied with each message of {event['targets']}"
        assert [kinds[part] for part in named] in ([], ["html"])


def test_opening_a_tab_or_the_page_names_nothing(page: dict[str, Any]) -> None:
    kinds = {part["id"]: part["type"] for part in page["components"]}
    openings = [
        event
        for event in of_the_page(page)
        if any(
            what in ("select", "load") and kinds.get(part) in ("tabitem", None)
            for part, what in event["targets"]
        )
    ]
    assert len(openings) > 15
    assert [event["show_progress_on"] for event in openings] == [[]] * len(openings)
