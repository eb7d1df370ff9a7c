"""Figures and tables as files: heat maps and strips as HTML, JSON and CSV, tables as CSV."""

import csv
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import Pages
from tests.browser.steps import appears, drawn, open_tab


def saved(page: Page, selector: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator(selector).first.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.core
def test_a_heat_map_as_html_json_and_csv(page: Page, open_page: Pages, tmp_path: Path) -> None:
    open_tab(page, "Similarity")
    figure = "#similarity-figure-1"
    drawn(page, figure, "cosine")
    data = json.loads(saved(page, f"{figure} [data-save=json]", tmp_path).read_text(encoding="utf-8"))
    assert data["measure"] == "cosine" and len(data["values"]) == len(data["rows"]) == 12
    assert all(abs(data["values"][at][at] - 1) < 1e-5 for at in range(12))
    rows = list(csv.reader(saved(page, f"{figure} [data-save=csv]", tmp_path).open(encoding="utf-8")))
    assert len(rows) == 13 and rows[0][1].startswith("1: ")
    assert [float(cell) for cell in rows[1][1:]] == pytest.approx(data["values"][0])
    path = saved(page, f"{figure} [data-save=html]", tmp_path)
    alone = open_page.blank()
    alone.goto(path.as_uri())  # needs nothing but itself
    expect(alone.locator("#figure .main-svg").first).to_be_visible()
    expect(alone.locator("#figure")).to_contain_text("cosine")


def test_tables_as_csv(page: Page, tmp_path: Path) -> None:
    expect(page.locator("#embed-table tbody tr").first).to_be_visible()
    rows = list(csv.DictReader(saved(page, "#embed-table [data-table]", tmp_path).open(encoding="utf-8")))
    assert len(rows) == page.locator("#embed-table tbody tr").count() and int(rows[0]["Tokens"]) > 0
    strip = json.loads(saved(page, "#embed-figure [data-save=json]", tmp_path).read_text(encoding="utf-8"))
    assert strip["columns"][0] == "d1" and len(strip["rows"]) == len(rows)
    open_tab(page, "Search")
    appears(page, "#search-results .xp-column", 2)
    rows = list(csv.DictReader(saved(page, "#search-results [data-table]", tmp_path).open(encoding="utf-8")))
    assert len(rows) == 20 and rows[0]["rank"] == "1" and rows[0]["list"].startswith("Full width")
    assert float(rows[0]["score"]) >= float(rows[1]["score"]) and rows[10]["moved"] != ""
