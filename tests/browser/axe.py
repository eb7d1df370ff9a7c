"""What axe-core finds on a page, by the script in the package axe-playwright-python: nothing is fetched."""

import importlib.resources
from typing import Any

from playwright.sync_api import Page

GRAVE = ("serious", "critical")
RUN = """async () => (await axe.run()).violations.map(found => ({
    rule: found.id, impact: found.impact,
    where: found.nodes.slice(0, 4).map(node => [node.html.slice(0, 200), node.failureSummary.slice(0, 300)]),
}))"""


def grave(page: Page) -> list[dict[str, Any]]:
    """What axe-core finds on the page as it stands, from "serious" on."""
    script = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(script)
    return [found for found in page.evaluate(RUN) if found["impact"] in GRAVE]
