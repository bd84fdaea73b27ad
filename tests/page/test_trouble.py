"""What goes wrong, and what is meant to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.actions import cards, choose, drop_named, tiles, width_of_picture
from tests.page.browser import Watched
from tests.page.stand_in import Store

HOSTILE = "7<img src=x onerror=alert(1)>\u202egnp.exe"
HOSTILE_SHOWN = "7<img src=x onerror=alert(1)>\\u202egnp.exe"


def test_a_hostile_name_is_text_wherever_it_is_shown(page: Page, digits: list[Path]) -> None:
    page.on("dialog", lambda _dialog: pytest.fail("a script ran"))
    drop_named(page, HOSTILE, "image/png", digits[0].read_bytes())
    expect(cards(page).locator(".filename")).to_have_text(HOSTILE_SHOWN)
    expect(tiles(page).first.locator(".filename")).to_have_text(HOSTILE_SHOWN)
    tiles(page).first.click()
    expect(page.get_by_role("dialog", name=HOSTILE_SHOWN).locator(".bar")).to_have_count(10)
    page.keyboard.press("Escape")
    drop_named(page, HOSTILE, "text/plain", b"")
    expect(page.locator(".card-reason").first).to_contain_text(HOSTILE_SHOWN)
    assert page.locator("img[src=x]").count() == 0


def test_what_is_no_image_is_refused_in_words(page: Page) -> None:
    choose(page, "notes.txt", b"hello", "text/plain")
    expect(cards(page, "failed")).to_have_count(1)
    expect(cards(page).first.locator(".card-reason")).to_have_text("File 'notes.txt' is not an image.")
    expect(cards(page).first.locator(".picture")).to_have_class(re.compile("is-missing"))
    choose(page, "half.png", b"broken")
    expect(cards(page).first.locator(".card-reason")).to_have_text("not an image that can be read")
    expect(cards(page).first.get_by_role("button", name="Try again")).to_be_hidden()
    expect(page.locator("#progress")).to_have_text("0 predicted, 2 failed")


def test_a_server_that_is_away_can_be_tried_again(page: Page, digits: list[Path]) -> None:
    expect(tiles(page)).to_have_count(16)
    page.context.set_offline(True)
    page.set_input_files("#files", digits[0])
    away = "The server does not answer. Is it still running?"
    expect(cards(page).locator(".card-reason")).to_have_text(away)
    expect(page.locator("#gallery-status")).to_have_text(away)
    tiles(page).nth(3).click()
    expect(page.locator("#detail [data-slot=status]")).to_have_text(away)
    page.keyboard.press("Escape")
    page.context.set_offline(False)
    cards(page).get_by_role("button", name="Try again").click()
    expect(cards(page, "done")).to_have_count(1)
    expect(page.locator("#progress")).to_have_text("1 predicted")
    expect(tiles(page)).to_have_count(17)


def test_a_file_that_is_gone_is_not_blamed_on_the_server(
    page: Page, digits: list[Path], tmp_path: Path
) -> None:
    moved = tmp_path / "moved.png"
    moved.write_bytes(digits[0].read_bytes())
    page.context.set_offline(True)
    page.set_input_files("#files", moved)
    expect(cards(page, "failed")).to_have_count(1)
    page.context.set_offline(False)
    moved.unlink()
    cards(page).get_by_role("button", name="Try again").click()
    expect(cards(page).locator(".card-reason")).to_have_text("This file cannot be read any more.")
    expect(cards(page).get_by_role("button", name="Try again")).to_be_hidden()


def test_a_busy_server_is_waited_for(page: Page, store: Store, digits: list[Path]) -> None:
    store.busy_answers = 2
    page.set_input_files("#files", digits[0])
    expect(cards(page, "done")).to_have_count(1)
    expect(cards(page).locator(".card-reason")).to_be_hidden()


def test_a_token_is_asked_for_and_kept(page: Page, store: Store, watched: Watched) -> None:
    expect(page.get_by_role("contentinfo")).to_be_visible()
    store.token = "open-sesame"
    page.reload()
    prompt = page.get_by_role("dialog", name="This server asks for a token")
    prompt.get_by_label("Token").fill("öffne dich")
    page.keyboard.press("Enter")
    expect(prompt.get_by_label("Token")).to_be_focused()
    prompt.get_by_label("Token").fill("wrong")
    page.keyboard.press("Enter")
    expect(prompt.get_by_role("alert")).to_have_text("The server does not know this token.")
    prompt.get_by_label("Token").fill("open-sesame")
    page.keyboard.press("Enter")
    expect(tiles(page)).to_have_count(16)
    expect(prompt).to_be_hidden()
    expect(page.get_by_role("contentinfo")).to_be_visible()
    first = tiles(page).first.locator("img")
    expect(first).to_have_attribute("src", re.compile("^blob:"))
    assert width_of_picture(first) > 0
    page.reload()
    expect(tiles(page)).to_have_count(16)
    expect(prompt).to_be_hidden()
    assert not [url for url in watched.requests if "sesame" in url]


def test_without_a_token_the_page_says_what_it_waits_for(page: Page, store: Store) -> None:
    store.token = "open-sesame"
    page.reload()
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#gallery-status")).to_have_text("The server asks for a token.")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("dialog", name="This server asks for a token")).to_be_visible()


def test_a_stored_picture_that_is_gone_says_so(page: Page, store: Store) -> None:
    store.add("1-gone.png")
    page.reload()
    expect(tiles(page).first.locator(".picture")).to_have_class(re.compile("is-missing"))
