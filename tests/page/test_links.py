"""An open prediction has an address: it can be linked, and Back closes it."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, expect

from tests.page.actions import tiles
from tests.page.browser import Watched
from tests.page.stand_in import Store

OTHER_MODEL = "pets@12345678"


def test_back_closes_and_forward_opens(page: Page) -> None:
    page.get_by_label("Label", exact=True).fill("7")
    expect(tiles(page)).to_have_count(2)
    tiles(page).first.click()
    expect(page).to_have_url(re.compile(r"\?label=7&id=14$"))
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"\?label=7&id=13$"))
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?label=7$"))
    page.go_forward()
    expect(page.get_by_role("dialog", name="7-marker.png")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?label=7$"))
    expect(tiles(page)).to_have_count(2)


def test_a_link_opens_a_prediction(page: Page, address: str, watched: Watched) -> None:
    for link in ("?id=3", "#3"):
        page.goto("about:blank")
        page.goto(f"{address}{link}")
        expect(page.get_by_role("dialog", name="1-with-flag-pencil.png").locator(".bar")).to_have_count(10)
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page).to_have_url(address)
    page.goto(f"{address}?id=999")
    expect(page.locator("#detail [data-slot=status]")).to_have_text("There is no prediction 999.")


def test_other_predictions_of_the_image_are_behind_its_tile(page: Page, store: Store) -> None:
    store.again(store.records[0], 0.25, OTHER_MODEL)
    page.reload()
    expect(tiles(page)).to_have_count(16)
    expect(page.locator("#gallery-count")).to_have_text("16 images, 17 predictions")
    expect(tiles(page).first.locator(".tile-model")).to_have_text("pets")
    expect(tiles(page).first.locator(".tile-count")).to_have_text("+1")
    tiles(page).first.click()
    others = page.locator("#others-list button")
    expect(others).to_have_count(1)
    expect(others).to_contain_text("mnist-convnet@285f0e48")
    others.click()
    expect(others).to_contain_text(OTHER_MODEL)
    expect(page).to_have_url(re.compile(r"\?id=16$"))


def test_the_detail_can_be_zoomed_saved_and_copied(page: Page, store: Store) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tiles(page).first.click()
    dialog = page.get_by_role("dialog", name="9-ballpoint.png")
    expect(dialog.locator("dd").filter(has_text="pixels")).to_have_text("200×240 pixels")
    zoom = dialog.get_by_role("button", name="Zoom")
    before = dialog.locator("figure").bounding_box()
    zoom.click()
    expect(zoom).to_have_attribute("aria-pressed", "true")
    after = dialog.locator("figure").bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > 2 * before["width"]
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "9-ballpoint.png"
    assert download.value.path().read_bytes() == store.images[16][0]
    dialog.get_by_role("button", name="Copy link").click()
    expect(dialog.get_by_role("status")).to_have_text("The link is copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    dialog.get_by_role("button", name="Copy JSON").click()
    expect(dialog.get_by_role("status")).to_have_text("The JSON is copied.")
    assert json.loads(page.evaluate("navigator.clipboard.readText()"))["prediction_id"] == 16
