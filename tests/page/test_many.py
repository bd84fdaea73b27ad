"""Many uploads fold into a summary, and what came of them can be taken along."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.page.actions import cards, choose, tiles
from tests.page.stand_in import Store


def test_many_uploads_fold_into_a_summary(page: Page, digits: list[Path]) -> None:
    page.set_input_files("#files", digits[:4])
    expect(cards(page, "done")).to_have_count(4)
    expect(page.locator("#summary")).to_be_hidden()
    heights = cards(page).evaluate_all("all => [...new Set(all.map((card) => card.offsetHeight))]")
    assert len(heights) == 1
    page.set_input_files("#files", digits)
    expect(cards(page, "done")).to_have_count(20)
    expect(page.locator("#summary .bar")).to_have_count(10)
    expect(page.locator("#summary .bar").first).to_contain_text("1")
    expect(page.locator("#summary-text")).to_contain_text("Mean score")
    expect(cards(page).first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollHeight") < 3000
    page.click("#fold-title")
    expect(page.locator("#fold-title")).to_have_text("All 20 of them")
    expect(cards(page).first).to_be_visible()
    page.click("#results-clear")
    expect(page.locator("#summary")).to_be_hidden()


def test_what_came_of_uploads_is_saved_as_csv_and_json(page: Page, digits: list[Path]) -> None:
    page.set_input_files("#files", digits[0])
    expect(cards(page, "done")).to_have_count(1)
    choose(page, 'a "half", b.png', b"broken")
    expect(cards(page, "failed")).to_have_count(1)
    with page.expect_download() as download:
        page.click("#download-csv")
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    assert [row["filename"] for row in rows] == [digits[0].name, 'a "half", b.png']
    assert (rows[0]["label"], rows[1]["error"]) == ("0", "not an image that can be read")
    with page.expect_download() as download:
        page.click("#download-json")
    first, second = json.loads(download.value.path().read_text("utf-8"))
    assert (len(first["prediction"]), list(second)) == (10, ["filename", "error"])


def test_a_sample_is_predicted_at_a_click(page: Page, store: Store) -> None:
    page.get_by_role("button", name="7-marker.png").first.click()
    expect(cards(page, "done")).to_have_count(1)
    assert (store.records[0]["filename"], store.records[0]["label"]) == ("7-marker.png", "7")


def test_the_board_says_what_to_do_until_somebody_does(page: Page) -> None:
    expect(page.get_by_text("Draw here")).to_be_visible()
    page.locator("#board").click()
    expect(page.get_by_text("Draw here")).to_be_hidden()


def test_the_gallery_is_filtered_and_ordered_in_every_way(page: Page, store: Store) -> None:
    for record in store.records[:2]:
        store.again(record, 0.125, "pets@12345678")
    page.reload()
    page.get_by_label("Order").select_option("score")
    expect(tiles(page).locator(".score").first).to_have_text("13\u00a0%")
    page.get_by_text("More filters").click()
    page.get_by_label("Model").select_option("pets@12345678")
    expect(tiles(page)).to_have_count(2)
    expect(page.locator("#gallery-count")).to_have_text("2 images, 2 predictions")
    page.reload()
    expect(page.get_by_label("Model")).to_have_value("pets@12345678")
    expect(tiles(page)).to_have_count(2)
    page.get_by_role("button", name="Clear filters").click()
    expect(tiles(page)).to_have_count(16)
    page.get_by_label("Run").fill("2")
    expect(tiles(page)).to_have_count(2)
    page.get_by_label("Run").fill("")
    page.get_by_role("searchbox", name="File").fill("marker")
    expect(tiles(page)).to_have_count(3)
    page.get_by_role("searchbox", name="File").fill("")
    page.get_by_label("From day").fill("2026-11-24")
    page.get_by_label("to day").fill("2026-11-24")
    expect(tiles(page)).to_have_count(16)
    page.get_by_label("to day").fill("2026-11-23")
    expect(page.locator("#gallery-status")).to_have_text("Nothing stored is like that.")
