"""Labelling images on the page: one by one and many at once, by keyboard, touch and mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.browser import PHONE, artefacts, watched_page
from tests.page.stand_in import Store
from tests.page.test_looks import CONTRASTS

SCHEMES: tuple[Literal["dark", "light"], ...] = ("light", "dark")
SIZES = {"375": (375, 740), "768": (768, 1024), "1280": (1280, 900)}


@pytest.fixture
def review(browser: Browser, address: str, store: Store) -> Iterator[Page]:
    """The page for labelling; in the end nothing was wrong."""
    with watched_page(browser) as watched:
        watched.page.goto(f"{address}review")
        expect(watched.page.locator("#classes button")).to_have_count(10)
        yield watched.page
        assert watched.console == []
        assert [url for url in watched.requests if not url.startswith(address)] == []


def press(page: Page, key: str) -> None:
    """A key, pressed by somebody who has looked at the picture."""
    name = page.locator("#one-name")
    before = name.inner_text()
    page.wait_for_timeout(120)
    page.keyboard.press(key)
    expect(name).not_to_have_text(before)


def said(store: Store) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name != "input_id"} for one in _images(store)]


def _images(store: Store) -> list[dict[str, Any]]:
    return [image for body in store.said for image in body["images"]]


def test_images_are_labelled_by_keyboard_and_each_is_stored(review: Page, store: Store) -> None:
    first = review.locator("#one-name").inner_text()
    predicted = first[0]
    press(review, "Enter")
    press(review, "3")
    press(review, "u")
    press(review, "s")
    press(review, "ArrowLeft")
    expect(review.locator("#says")).to_contain_text("Not usable. Saved.")
    assert said(store) == [{"label": predicted}, {"label": "3"}, {"usable": False}]
    assert {body["source"] for body in store.said} == {"review"}
    press(review, "z")  # what was not usable is looked at again
    expect(review.locator("#says")).to_have_text("Undone. Saved.")
    assert said(store)[-1] == {"label": None}
    expect(review.locator("#progress")).to_contain_text("2 of 16 labelled")
    review.keyboard.press("/")
    review.keyboard.type("frog")
    review.keyboard.press("Enter")
    expect(review.locator("#says")).to_contain_text("Labelled frog. Saved.")
    assert said(store)[-1] == {"label": "frog"}


def test_a_key_that_is_held_down_labels_one_image(review: Page, store: Store) -> None:
    review.wait_for_timeout(120)
    review.evaluate(
        "() => { for (let at = 0; at < 30; at += 1) document.body.dispatchEvent("
        "new KeyboardEvent('keydown', { key: '3', bubbles: true, cancelable: true })) }"
    )
    expect(review.locator("#says")).to_contain_text("Saved.")
    expect(review.locator("#progress")).to_contain_text("1 of 16 labelled")
    assert len(_images(store)) == 1
    review.get_by_text("Which images, and who labels").click()
    review.get_by_label("Your name").fill("Ada")
    review.get_by_label("Keys label").uncheck()
    review.locator("#one-name").click()
    review.wait_for_timeout(120)
    review.keyboard.press("3")
    review.get_by_role("button", name="Not usable").click()
    expect(review.locator("#says")).to_contain_text("Not usable. Saved.")
    assert said(store) == [{"label": "3"}, {"usable": False}]
    assert store.said[-1]["by"] == "Ada"


def test_many_are_labelled_at_once_but_those_that_are_clicked(review: Page, store: Store) -> None:
    review.get_by_role("button", name="Many at once").click()
    title = review.locator("#many-title")
    expect(title).to_contain_text("All of these are")
    label = title.inner_text().split()[4].rstrip(",")
    tiles = review.locator("#tiles button")
    count = tiles.count()
    assert count > 1
    tiles.first.click()
    expect(tiles.first).to_have_attribute("aria-pressed", "true")
    review.keyboard.press("Enter")
    expect(review.locator("#says")).to_contain_text("1 are left for later. Saved.")
    assert len(store.said) == 1
    assert said(store) == [{"label": label}] * (count - 1)
    assert sum(one["true_label"] == label for one in store.records) == count - 1
    review.keyboard.press("z")
    expect(review.locator("#says")).to_have_text("Undone. Saved.")
    assert all(one["true_label"] is None for one in store.records)


def test_what_cannot_be_stored_is_said_and_looked_at_again(review: Page, store: Store) -> None:
    store.forbids = True
    review.wait_for_timeout(120)
    review.keyboard.press("3")
    expect(review.locator("#says")).to_have_text("Not saved: The role may not change this.")
    expect(review.locator("#progress")).to_contain_text("0 of 16 labelled")
    expect(review.get_by_role("button", name="Undo")).to_be_disabled()


def test_what_cannot_be_undone_is_said_still_and_may_be_tried_again(review: Page, store: Store) -> None:
    press(review, "3")
    expect(review.locator("#says")).to_contain_text("Labelled 3. Saved.")
    store.forbids = True
    review.keyboard.press("z")
    expect(review.locator("#says")).to_have_text("Not saved: The role may not change this.")
    expect(review.locator("#progress")).to_contain_text("1 of 16 labelled")
    store.forbids = False
    review.get_by_role("button", name="Undo").click()
    expect(review.locator("#says")).to_have_text("Undone. Saved.")
    assert said(store)[-1] == {"label": None}


def test_classes_that_differ_in_their_case_have_a_key_each(review: Page) -> None:
    pressed = """async ([labels, keys]) => {
        const own = document.querySelector("script[src$='review.js']").src;
        const { One, keysOf } = await import(own.replace("review.js", "review_one.js"));
        const taken = [];
        const one = { keys: keysOf(labels, labels), take: (label) => taken.push(label) };
        for (const key of keys) One.prototype.press.call(one, key);
        return taken;
    }"""
    assert review.evaluate(pressed, [["a", "A", "b", "C"], ["a", "A", "B", "c"]]) == ["a", "A", "b", "C"]


def test_fingers_do_it_as_well(browser: Browser, address: str, store: Store) -> None:
    with watched_page(browser, PHONE, touch=True) as watched:
        page = watched.page
        page.goto(f"{address}review")
        expect(page.locator("#classes button")).to_have_count(10)
        page.wait_for_timeout(120)
        page.locator("#classes button", has=page.locator(".class-name", has_text=re.compile("^3$"))).tap()
        expect(page.locator("#says")).to_contain_text("Labelled 3. Saved.")
        page.get_by_role("button", name="Undo").tap()
        expect(page.locator("#says")).to_have_text("Undone. Saved.")
        page.get_by_role("button", name="Many at once").tap()
        page.locator("#tiles button").first.tap()
        page.locator("#confirm").tap()
        expect(page.locator("#says")).to_contain_text("left for later")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        assert watched.console == []


@pytest.mark.parametrize("size", SIZES)
def test_it_reads_well_in_both_schemes(
    browser: Browser, address: str, store: Store, tmp_path: Path, size: str
) -> None:
    with watched_page(browser, SIZES[size]) as watched:
        page = watched.page
        page.goto(f"{address}review")
        expect(page.locator("#classes button")).to_have_count(10)
        for mode in ("one", "many"):
            if mode == "many":
                page.get_by_role("button", name="Many at once").click()
                expect(page.locator("#tiles button").first).to_be_visible()
                page.locator("#tiles button").first.click()
            assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                assert [found for found in page.evaluate(CONTRASTS) if found[0] < 4.5] == []
                page.screenshot(path=artefacts(tmp_path) / f"review-{mode}-{size}-{scheme}.png")
        assert watched.console == []
