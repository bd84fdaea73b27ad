"""Names, contrasts and sizes; pictures of the page are kept."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.actions import cards, choose, draw_seven, tiles
from tests.page.browser import PHONE, WIDE, artefacts, watched_page

CONTRASTS = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) =>
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    const ground = (element) => {
        for (; element; element = element.parentElement) {
            const colour = numbers(getComputedStyle(element).backgroundColor);
            if (colour.length === 3) return colour;
        }
        throw new Error("no ground");
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.data.trim();
        const element = walker.currentNode.parentElement;
        if (!text || !element.checkVisibility()) continue;
        if (element.closest(":disabled, [aria-disabled=true]")) continue;
        const both = [numbers(getComputedStyle(element).color), ground(element)].map(luminance);
        found.push([(Math.max(...both) + 0.05) / (Math.min(...both) + 0.05), text]);
    }
    return found;
}"""
"""The contrast of every visible text with its ground, as WCAG reckons it."""


def test_every_control_has_a_name_and_every_picture_an_alternative(page: Page, digits: list[Path]) -> None:
    page.set_input_files("#files", digits[0])
    expect(cards(page, "done")).to_have_count(1)
    tiles(page).first.click()
    expect(page.locator("#detail .bar")).to_have_count(10)
    for scope in ("body", "#detail"):
        if scope == "body":
            page.keyboard.press("Escape")
        snapshot = page.locator(scope).aria_snapshot()
        assert not re.findall(
            r"- (?:button|link|textbox|searchbox|spinbutton|checkbox|combobox)(?::|$)", snapshot
        )
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("html").get_attribute("lang") == "en"
    identities = page.locator("[id]").evaluate_all("elements => elements.map((element) => element.id)")
    assert len(identities) == len(set(identities))
    levels = page.locator("h1, h2, h3").evaluate_all(
        "all => all.map((heading) => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_page_reads_well_in_both_schemes_and_sizes(
    browser: Browser, address: str, digits: list[Path], tmp_path: Path, dark: bool, size: tuple[int, int]
) -> None:
    name = f"{'dark' if dark else 'light'}-{'wide' if size == WIDE else 'phone'}"
    with watched_page(browser, size, dark=dark, touch=size == PHONE) as watched:
        page = watched.page
        page.goto(address)
        choose(page, "notes.txt", b"hello", "text/plain")
        expect(cards(page, "failed")).to_have_count(1)
        page.set_input_files("#files", digits[3:5])
        expect(cards(page, "done")).to_have_count(2)
        draw_seven(page)
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 50
        assert [found for found in contrasts if found[0] < 4.5] == []
        page.screenshot(path=artefacts(tmp_path) / f"{name}.png", full_page=True)
        tiles(page).first.click()
        expect(page.locator("#detail .bar")).to_have_count(10)
        assert page.evaluate("document.querySelector('#detail').scrollWidth") <= size[0]
        page.screenshot(path=artefacts(tmp_path) / f"{name}-detail.png")
        assert watched.console == []
