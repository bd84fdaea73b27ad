"""Saying what an image really is, and deleting a prediction, where it is looked at."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.page.actions import tiles
from tests.page.stand_in import Store


def opened(page: Page, number: int = 0) -> Locator:
    """The detail of a tile."""
    tiles(page).nth(number).click()
    dialog = page.locator("#detail")
    expect(dialog.locator(".bar")).to_have_count(10)
    return dialog


def test_a_click_says_what_an_image_is_and_another_takes_it_back(page: Page, store: Store) -> None:
    dialog = opened(page)
    expect(dialog.locator("#truth-title")).to_have_text("What is it really?")
    choices = dialog.locator("#truth-choices button")
    expect(choices).to_have_count(4)
    expect(choices.first).to_have_text("✓ 9")
    dialog.get_by_role("button", name="0", exact=True).click()
    expect(dialog.locator("#truth-title")).to_have_text("It is 0 ✗ wrong")
    expect(dialog.get_by_role("status")).to_have_text("Saved.")
    expect(tiles(page).first.locator(".tile-truth")).to_have_text("✗ is 0")
    assert store.records[0]["true_label"] == "0"
    choices.first.click()
    expect(dialog.locator("#truth-title")).to_have_text("It is 9 ✓ right")
    expect(tiles(page).first.locator(".tile-truth")).to_have_text("✓ right")
    undo = dialog.get_by_role("button", name="Undo")
    undo.click()
    expect(dialog.locator("#truth-title")).to_have_text("It is 0 ✗ wrong")
    dialog.get_by_role("button", name="Take back").click()
    expect(dialog.locator("#truth-title")).to_have_text("What is it really?")
    expect(tiles(page).first.locator(".tile-truth")).to_be_hidden()
    assert store.records[0]["true_label"] is None


def test_a_label_is_typed_by_keyboard(page: Page, store: Store) -> None:
    dialog = opened(page)
    other = dialog.get_by_label("Wrong? It is")
    other.fill("frog")
    other.press("ArrowLeft")
    expect(page.get_by_role("dialog", name="9-ballpoint.png")).to_be_visible()
    other.press("Enter")
    expect(dialog.locator("#truth-title")).to_have_text("It is frog ✗ wrong")
    expect(dialog.get_by_role("status")).to_have_text("Saved. Frog is no label of the model.")
    expect(dialog.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Wrong? It is")).to_be_focused()
    assert store.records[0]["true_label"] is None
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_truth_filters_the_gallery_and_stays_in_the_address(page: Page, store: Store) -> None:
    store.tell(1, "8")
    store.tell(2, store.records[-2]["label"])
    page.reload()
    expect(tiles(page)).to_have_count(16)
    for truth, count in (("wrong", 1), ("right", 1), ("labelled", 2), ("unlabelled", 14)):
        page.get_by_label("Truth").select_option(truth)
        expect(tiles(page)).to_have_count(count)
    assert page.url.endswith("?truth=unlabelled")
    page.reload()
    expect(tiles(page)).to_have_count(14)
    expect(page.get_by_role("link", name="Report").last).to_have_attribute("href", "report?truth=unlabelled")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_text("More filters").click()
    page.get_by_label("True label").fill("8")
    expect(tiles(page)).to_have_count(1)


def test_a_prediction_is_deleted_when_it_is_confirmed(page: Page, store: Store) -> None:
    dialog = opened(page)
    delete = dialog.get_by_role("button", name="Delete…")
    delete.click()
    confirm = page.get_by_role("dialog", name="Delete this prediction?")
    expect(confirm).to_contain_text("9-ballpoint.png: 9. The image and what was said of it go, too")
    expect(confirm.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(confirm).to_be_hidden()
    assert len(store.records) == 16
    delete.click()
    confirm.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog", name="8-felt-pen.png")).to_be_visible()
    expect(tiles(page)).to_have_count(15)
    assert len(store.records) == 15
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_image_with_other_predictions_stays(page: Page, store: Store) -> None:
    store.again(store.records[0], 0.25, "pets@12345678")
    page.reload()
    expect(tiles(page).first.locator(".tile-model")).to_have_text("pets")
    dialog = opened(page)
    expect(dialog.locator("#others-list button")).to_have_count(1)
    dialog.get_by_role("button", name="Delete…").click()
    confirm = page.get_by_role("dialog", name="Delete this prediction?")
    expect(confirm).to_contain_text("The image stays")
    confirm.get_by_role("button", name="Delete").click()
    expect(tiles(page).first.locator(".tile-model")).to_have_text("mnist-convnet")
    expect(tiles(page)).to_have_count(16)


def test_what_is_not_allowed_is_said(page: Page, store: Store) -> None:
    store.forbids = True
    dialog = opened(page)
    dialog.locator("#truth-choices button").first.click()
    expect(dialog.get_by_role("status")).to_have_text("The role may not change this.")
    expect(dialog.locator("#truth-title")).to_have_text("What is it really?")
    dialog.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog", name="Delete this prediction?").get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("status")).to_have_text("The role may not change this.")
    expect(tiles(page)).to_have_count(16)


def test_numbers_and_several_labels_are_told_as_such(page: Page, store: Store) -> None:
    store.records[0]["value"] = 2.5
    store.records[1]["labels"] = ["8", "3"]
    page.reload()
    dialog = opened(page)
    expect(dialog.locator("#truth-choices button")).to_have_count(0)
    number = dialog.get_by_label("Wrong? It is")
    number.fill("many")
    number.press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("That is no number.")
    number.fill("3,25")
    number.press("Enter")
    expect(dialog.locator("#truth-title")).to_contain_text("It is 3.25")
    dialog.get_by_role("button", name="Older prediction").click()
    expect(dialog.locator("#truth-choices button")).to_have_text(["✓ 8, 3"])
    dialog.get_by_label("Wrong? It is").fill("8, 1,")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator("#truth-title")).to_contain_text("It is 8,1")
    # A key in a field that is still disabled goes nowhere, and is not waited for.
    expect(dialog.get_by_label("No, it is")).to_be_enabled()
    dialog.get_by_label("No, it is").press("Enter")
    expect(dialog.locator("#truth-title")).to_contain_text("It is none of the labels")
    said: tuple[dict[str, object], ...] = ({"value": 3.25}, {"labels": ["8", "1"]}, {"labels": []})
    assert store.bodies == [{**one, "source": "page"} for one in said]
