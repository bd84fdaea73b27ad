"""The ways in, and what becomes of an image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.actions import bring_files, cards, drop_from_outside, tiles


def test_chosen_files_are_predicted_and_join_the_gallery(page: Page, digits: list[Path]) -> None:
    expect(tiles(page)).to_have_count(16)
    page.set_input_files("#files", digits[:2])
    expect(cards(page, "done")).to_have_count(2)
    card = cards(page).filter(has_text=digits[0].name)
    expect(card.locator(".answer-label")).to_have_text("0")
    expect(card.locator(".answer .score")).to_have_text(re.compile(r"^\d+\s%$"))
    expect(card.locator(".bar")).to_have_count(3)
    expect(card.locator(".bar-label").first).to_have_text("0")
    assert card.locator("img").evaluate("image => image.naturalWidth") > 0
    expect(page.locator("#progress")).to_have_text("2 predicted")
    expect(page.locator("#spoken")).to_have_text(re.compile(r"^[01]-.*\.png: [01] \d+\s%$"))
    expect(tiles(page)).to_have_count(18)


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_dropped_and_pasted_files_are_predicted(page: Page, digits: list[Path], way: str) -> None:
    if way == "drop":
        bring_files(page, "dragover", digits[3])
        expect(page.locator("#drop")).to_have_class(re.compile("is-over"))
    bring_files(page, way, *digits[3:5])
    expect(cards(page, "done")).to_have_count(2)
    expect(cards(page).first).to_contain_text(digits[3].name)
    expect(page.locator("#drop")).not_to_have_class(re.compile("is-over"))


def test_a_dropped_folder_gives_its_images(page: Page, digits: list[Path], tmp_path: Path) -> None:
    inner = tmp_path / "scans" / "monday"
    inner.mkdir(parents=True)
    for path in digits[3:5]:
        (inner / path.name).write_bytes(path.read_bytes())
    (inner / "notes.txt").write_text("hello")
    drop_from_outside(page, tmp_path / "scans", digits[0])
    expect(cards(page, "done")).to_have_count(3)
    names = [*(path.name for path in digits[3:5]), digits[0].name]
    expect(cards(page).locator(".filename")).to_have_text(names)


def test_many_files_are_told_in_one_sentence(page: Page, digits: list[Path]) -> None:
    page.set_input_files("#files", digits)
    expect(cards(page, "done")).to_have_count(16)
    expect(page.locator("#spoken")).to_have_text("16 predicted")
    page.click("#results-clear")
    expect(cards(page)).to_have_count(0)
    expect(page.locator("#round")).to_be_hidden()


def test_a_card_opens_its_prediction(page: Page, digits: list[Path]) -> None:
    page.set_input_files("#files", digits[0])
    page.get_by_role("button", name=f"Details of {digits[0].name}").click()
    expect(page.get_by_role("dialog", name=digits[0].name).locator(".bar")).to_have_count(10)
