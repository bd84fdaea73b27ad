"""The stored predictions: filtered, page by page, and one of them whole."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.page.actions import tiles, width_of_picture
from tests.page.browser import watched_page
from tests.page.conftest import GREY
from tests.page.stand_in import Store, model, served, stand_in


def test_the_gallery_is_filtered_by_label_and_score(page: Page) -> None:
    expect(tiles(page)).to_have_count(16)
    page.get_by_label("Label", exact=True).fill("7")
    expect(tiles(page)).to_have_count(2)
    expect(tiles(page).first).to_contain_text("7-with-bar-pencil.png")
    page.get_by_label("Score from").fill("85")
    expect(tiles(page)).to_have_count(1)
    expect(tiles(page)).to_contain_text("7-marker.png")
    page.reload()
    expect(page.get_by_label("Score from")).to_have_value("85")
    expect(tiles(page)).to_have_count(1)
    page.get_by_label("Score from").fill("200")
    expect(page.locator("#gallery-status")).to_have_text("Scores lie between 0 and 100 %.")
    page.get_by_label("Score from").fill("99")
    expect(page.locator("#gallery-status")).to_have_text("Nothing stored is like that.")
    page.get_by_role("button", name="Clear filters").click()
    expect(tiles(page)).to_have_count(16)
    assert "?" not in page.url


def test_the_gallery_goes_back_page_by_page(page: Page, store: Store) -> None:
    for number in range(40):
        store.add(f"{number}.png")
    page.reload()
    expect(tiles(page)).to_have_count(24)
    page.get_by_role("button", name="Show more").click()
    expect(tiles(page)).to_have_count(48)
    expect(tiles(page).nth(24).get_by_role("button")).to_be_focused()
    page.get_by_role("button", name="Show more").click()
    expect(tiles(page)).to_have_count(56)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    expect(page.locator("#gallery-status")).to_have_text("56 shown, and that is all")


def test_a_click_opens_a_prediction_whole(page: Page) -> None:
    tiles(page).filter(has_text="6-marker.png").click()
    dialog = page.get_by_role("dialog", name="6-marker.png")
    expect(dialog.locator(".bar")).to_have_count(10)
    expect(dialog.locator(".bar-label").first).to_have_text("6")
    expect(dialog.locator("dd").nth(1)).to_have_text("24 Nov 2026, 09:06:47")
    expect(dialog.get_by_role("img", name="The stored image")).to_be_visible()
    assert width_of_picture(dialog.locator("img")) > 0
    page.mouse.click(5, 5)
    expect(dialog).to_be_hidden()


def test_a_path_is_shown_by_its_last_part_and_whole_when_opened(page: Page, store: Store) -> None:
    store.add("scans/monday/3.png")
    page.reload()
    expect(tiles(page).first.locator(".filename")).to_have_text("3.png")
    tiles(page).first.click()
    expect(page.get_by_role("dialog", name="scans/monday/3.png")).to_be_visible()


def test_the_keyboard_opens_walks_and_closes(page: Page) -> None:
    expect(tiles(page)).to_have_count(16)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the stored predictions")).to_be_focused()
    page.keyboard.press("Enter")
    second = tiles(page).nth(1).get_by_role("button")
    for _press in range(9):
        page.keyboard.press("Tab")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="8-felt-pen.png")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog", name="9-ballpoint.png")).to_be_visible()
    expect(page.get_by_role("button", name="Newer prediction")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name="7-with-bar-pencil.png").locator(".bar")).to_have_count(10)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(second).to_be_focused()


def test_that_the_best_classes_alone_are_stored_is_told(page: Page, store: Store) -> None:
    store.add("4.png")["prediction"] = {"4": 0.95, "9": 0.04}
    page.reload()
    tiles(page).first.click()
    expect(page.locator("#detail .bar")).to_have_count(2)
    told = page.locator("#detail").get_by_text("Only the 2 best classes are stored.")
    expect(told).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#detail .bar")).to_have_count(10)
    expect(told).to_be_hidden()


def test_numbers_without_labels_are_shown_as_numbers(browser: Browser, store: Store) -> None:
    store.has_scores = False
    identity = model(labels=None, name="heights")
    with served(stand_in(store, identity, GREY)) as address, watched_page(browser) as watched:
        page = watched.page
        store.add("9.png")["prediction"] = [0.123456789]
        page.goto(address)
        expect(tiles(page).first.locator(".answer-label")).to_have_text("0.123457")
        tiles(page).first.click()
        expect(page.locator("#detail .numbers")).to_have_text("[0.123456789]")
        expect(page.locator("#detail .bars")).to_be_hidden()
        assert watched.console == []
