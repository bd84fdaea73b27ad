"""Drawing, with mouse, finger and keyboard."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from mlpredict.domain import ImageSpec
from tests.page.actions import cards, draw, share_of_white, tiles
from tests.page.browser import PHONE, watched_page
from tests.page.stand_in import Store, model, served, stand_in


def test_a_drawing_is_predicted_as_drawn(page: Page, store: Store) -> None:
    expect(page.locator("#board-predict")).to_be_disabled()
    draw(page, (0.2, 0.2), (0.8, 0.2), (0.4, 0.9))
    draw(page, (0.3, 0.5), (0.7, 0.5))
    page.click("#board-undo")
    page.click("#board-predict")
    expect(cards(page, "done")).to_have_count(1)
    content, contenttype = store.images[17]
    assert (store.records[0]["filename"], contenttype) == ("drawing.png", "image/png")
    assert 0.08 < share_of_white(content) < 0.15
    page.check("#paper")
    page.click("#board-predict")
    expect(cards(page, "done")).to_have_count(2)
    assert 0.85 < share_of_white(store.images[18][0]) < 0.92
    page.click("#board-clear")
    expect(page.locator("#board-predict")).to_be_disabled()


def test_the_keyboard_draws_and_its_pen_is_not_in_the_picture(page: Page, store: Store) -> None:
    page.focus("#board")
    for key in ("Space", *["Shift+ArrowDown"] * 2, "Space", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(cards(page, "done")).to_have_count(1)
    content, _contenttype = store.images[17]
    assert 0.015 < share_of_white(content) < 0.05
    page.keyboard.press("Control+z")
    expect(page.locator("#board-predict")).to_be_disabled()


def test_a_finger_draws(browser: Browser, address: str) -> None:
    with watched_page(browser, PHONE, touch=True) as watched:
        page = watched.page
        page.goto(address)
        page.locator("#board").tap()
        page.locator("#board-predict").tap()
        expect(cards(page, "done")).to_have_count(1)
        assert watched.console == []


def test_there_is_no_board_for_a_model_that_takes_colours(browser: Browser, store: Store) -> None:
    with (
        served(stand_in(store, model(), ImageSpec(224, 224, 3))) as address,
        watched_page(browser) as watched,
    ):
        watched.page.goto(address)
        expect(tiles(watched.page)).to_have_count(16)
        expect(watched.page.locator("canvas")).to_have_count(0)
        assert watched.console == []
