"""The page before the server it belongs to, a model and a database; the README's picture is made here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.actions import cards, choose, draw_seven, drop_named, tiles, width_of_picture
from tests.page.browser import artefacts, watched_page
from tests.serving import serving

Serve = Callable[..., AbstractContextManager[str]]
README_PICTURE = (1180, 1010)


@pytest.fixture
def serve(environment: dict[str, str], dsn: str, compiled: None) -> Serve:
    """Runs `mlpredict serve` and gives its address; it has nothing to complain of."""

    @contextmanager
    def run(**variables: str) -> Iterator[str]:
        with serving({**environment, **variables}, "--dsn", dsn) as served:
            yield f"{served.url}/"
            assert (served.stop(), served.said) == (0, [])

    return run


def label_of(page: Page, name: str) -> str:
    # Many cards are folded away.
    return cards(page, "done").filter(has_text=name).locator(".answer-label").text_content() or ""


def test_files_and_drawings_are_predicted_stored_and_looked_at(
    browser: Browser, serve: Serve, digits: list[Path], tmp_path: Path
) -> None:
    with serve() as address, watched_page(browser, README_PICTURE) as watched:
        page = watched.page
        page.goto(address)
        expect(page.locator("#gallery-status")).to_have_text(re.compile("^Nothing is stored yet"))
        page.set_input_files("#files", digits)
        expect(cards(page, "done")).to_have_count(16)
        assert [label_of(page, path.name) for path in digits] == [path.name[0] for path in digits]
        draw_seven(page)
        page.click("#board-predict")
        expect(cards(page, "done")).to_have_count(17)
        assert label_of(page, "drawing.png") == "7"
        expect(tiles(page)).to_have_count(17)

        page.reload()
        expect(tiles(page)).to_have_count(17)
        page.set_input_files("#files", digits[4:6])
        expect(cards(page, "done")).to_have_count(2)
        draw_seven(page)
        page.click("#board-predict")
        expect(page.locator("#gallery-count")).to_have_text("17 images, 20 predictions")
        expect(tiles(page)).to_have_count(17)
        page.evaluate("scrollTo(0, 0)")
        assert all(width_of_picture(tiles(page).nth(number).locator("img")) > 28 for number in range(6))
        page.screenshot(path=artefacts(tmp_path) / "page.png")

        page.get_by_label("Label", exact=True).fill("7")
        expect(tiles(page)).to_have_count(3)
        page.get_by_label("to", exact=True).fill("10")
        expect(tiles(page)).to_have_count(0)
        page.get_by_role("button", name="Clear filters").click()
        expect(tiles(page)).to_have_count(17)
        tiles(page).last.click()
        expect(page.locator("#detail .bar")).to_have_count(10)
        expect(page.locator("#detail [data-slot=status]")).to_have_text("")
        assert width_of_picture(page.locator("#detail img")) > 28
        page.keyboard.press("Escape")

        page.set_input_files("#files", digits)
        expect(page.locator("#gallery-count")).to_have_text("17 images, 36 predictions")
        page.reload()
        expect(tiles(page)).to_have_count(17)
        page.get_by_label("Order").select_option("score")
        expect(page.locator("#gallery-status")).to_have_text("17 shown, and that is all")
        assert watched.console == []
        assert [url for url in watched.requests if not url.startswith(address)] == []


def test_what_the_server_refuses_is_shown_in_its_words(
    browser: Browser, serve: Serve, digits: list[Path]
) -> None:
    with serve(MLPREDICT_TOKEN="open-sesame") as address, watched_page(browser) as watched:
        page = watched.page
        page.goto(address)
        page.fill("#token-value", "open-sesame")
        page.keyboard.press("Enter")
        expect(page.locator("#gallery-status")).to_have_text(re.compile("^Nothing is stored yet"))
        choose(page, "notes.txt", b"hello", "text/plain")
        expect(cards(page).first.locator(".card-reason")).to_have_text("None of the files is an image.")
        choose(page, "half.png", digits[0].read_bytes()[:200])
        expect(cards(page).first.locator(".card-reason")).not_to_have_text("")
        expect(cards(page, "failed")).to_have_count(2)
        drop_named(page, "7<b>\u202egnp.png", "image/png", digits[0].read_bytes())
        expect(tiles(page).locator(".filename")).to_have_text("7<b>\\u202egnp.png")
        assert width_of_picture(tiles(page).locator("img")) > 28
        assert watched.console == []
