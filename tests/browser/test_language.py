"""The page in another language: a made one, whose every text is the English in brackets."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import ARTIFACTS, ROOT, Watch, running, shoot
from tests.browser.steps import drawn
from ui import texts

LACKS = "Save HTML"
"""A text that the made language has no words for."""
PROGRAM = """
import os
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
import app
from ui import texts
texts.FOLDER = Path({folder!r})
os._exit(app.main())  # as app.py ends: threads of the server may still hold a request
"""
PLACES = (
    ".xp-header, .xp-tour, .xp-chart, .xp-figure, .xp-lab, .xp-map, .lm, .xp-zone, .xp-code-head, .xp-marks, "
    ".xp-facts, .xp-arch"
)
"""What our templates and scripts write."""
DATA = (
    "[translate=no], code, pre, desc, .xp-chart-title, .xp-label, .main-svg, .xp-code-one, .xp-code-tab, "
    ".lm-name, .lm-word, .lm-title, .lm-table tbody, .xp-map-legend, .xp-map-colour, .xp-lab-name, "
    ".xp-lab-chip, #model-running, #model-memory"
)
"""In them: a visitor's items, names, and what the server has made of a result."""
LEFT = """([places, data]) => {
    const english = (text) => /[A-Za-z]{2}/.test(text) && !text.includes("⟦") && !/^[A-Z]+$/.test(text);
    const counted = (node) => node.closest("td, svg") && /\\d/.test(node.textContent);
    const served = ".xp-plot[data-drawn], .xp-map-stage[data-title]", found = new Set();
    for (const place of document.querySelectorAll(places)) {
        const nodes = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
        while (nodes.nextNode()) {
            const node = nodes.currentNode.parentElement, text = nodes.currentNode.textContent.trim();
            if (english(text) && !node.closest(data) && !counted(node)) found.add(text);
        }
        for (const one of place.querySelectorAll("*")) {
            if (one.closest(data) || one.matches(served)) continue;
            for (const name of ["aria-label", "title", "placeholder"]) {
                const text = one.getAttribute(name) ?? "";
                if (english(text)) found.add(text);
            }
        }
    }
    return [...found];
}"""
TABS = {
    "Embed": "#embed-figure .main-svg",
    "Similarity": "#similarity-figure-1 .main-svg",
    "Tokens & patches": ".lm-bar",
    "Map": "#map-figure .xp-map-stage[data-frame]",
    "Truncation lab": ".xp-lab-lost table",
    "Your data": "#data-files .xp-choose",
    "Model": "#model-drawing svg",
}


@pytest.fixture(scope="module")
def german_url(tmp_path_factory: pytest.TempPathFactory, test_model: str) -> Iterator[str]:
    """The program with one more language, German for gradio, that puts each English text in brackets."""
    folder = tmp_path_factory.mktemp("languages")
    _every_text(test_model)
    made = {text: f"⟦{text}⟧" for text in texts.table() if text != LACKS}
    (folder / "de.json").write_text(json.dumps(made), encoding="utf-8")
    program = Path(folder / "explorer.py")
    program.write_text(PROGRAM.format(root=str(ROOT), folder=str(folder)), encoding="utf-8")
    with running(["--model", test_model], log=ARTIFACTS / "language.log", program=program) as app:
        yield app.url


def _every_text(model: str) -> None:
    from embedder import Embedder
    from ui import shell
    from ui.vectors import Workbench

    shell.page(Workbench(Embedder.from_pretrained(model), model_argument=model))


@pytest.fixture
def german(german_url: str, browser: Browser, watch: Watch) -> Iterator[Page]:
    """A page of somebody in Austria, whose language falls back to German."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="de-AT")
    page = context.new_page()
    page.set_default_timeout(45_000)
    watch.attach(page)
    page.goto(f"{german_url}/?__theme=light")
    drawn(page, "#embed-figure")
    yield page
    shoot(page, "language")
    context.close()
    assert not watch.problems()


def open_place(page: Page, name: str) -> None:
    """Opens a tab of the made language; the last ones are behind a button with three dots."""
    tab = page.get_by_role("tab", name=f"⟦{name}⟧", exact=True)
    if tab.count():
        tab.click()
        return
    page.locator("#explorer-tabs > .tab-wrapper .overflow-menu > button").click()
    page.locator(".overflow-dropdown").get_by_role("button", name=f"⟦{name}⟧", exact=True).click()


@pytest.mark.core
@pytest.mark.timeout(400)
def test_every_text_of_templates_and_scripts_is_in_the_language(german: Page) -> None:
    assert german.evaluate("document.documentElement.lang") == "de"
    expect(german.locator(".xp-tour-offer")).to_contain_text("⟦New here? Six steps show what there is.⟧")
    left: dict[str, list[str]] = {}
    for name, sign in TABS.items():
        open_place(german, name)
        expect(german.locator(sign).first).to_be_visible()
        left[name] = german.evaluate(LEFT, [PLACES, DATA])
    # server-sent figures apart, one text is English still: the one that the language lacks
    assert {text for found in left.values() for text in found} == {LACKS}


def test_what_is_said_after_a_click_is_in_the_language(german: Page) -> None:
    german.locator(".xp-tour-open").click()
    expect(german.locator(".xp-tour-count")).to_have_text("⟦Step 1 of 6⟧")
    expect(german.locator(".xp-tour-title")).to_have_text("⟦Vectors⟧")
    german.locator(".xp-tour-next:visible").last.click()
    expect(german.locator(".xp-tour-count")).to_have_text("⟦Step 2 of 6⟧")
    german.keyboard.press("Escape")
    german.locator(".xp-link").click()
    expect(german.locator(".xp-link-said")).to_contain_text("⟦")
    box = german.locator(".xp-width:visible input[type=number]").first
    box.fill("99999")
    box.press("Enter")
    expect(german.locator(".xp-mended:visible")).to_contain_text("⟦99999 is too large")
