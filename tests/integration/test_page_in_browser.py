"""The page in a real browser: every way in, everything it shows, everything that goes wrong."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from mlpredict.domain import ImageSpec
from tests.browser import PHONE, WIDE, Watched, artefacts, chromium, watched_page
from tests.page_server import Store, model, served, stand_in

GREY = ImageSpec(28, 28, 1)
COLOUR = ImageSpec(224, 224, 3)
HOSTILE = "7<img src=x onerror=alert(1)>\u202egnp.exe"
HOSTILE_SHOWN = "7<img src=x onerror=alert(1)>\\u202egnp.exe"
DROP = """([target, files]) => {
    const transfer = new DataTransfer();
    for (const [name, type, content] of files) {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
    }
    const event = target === "paste"
        ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
        : new DragEvent(target, { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def store(digits: list[Path]) -> Store:
    """One stored prediction of each sample digit."""
    store = Store()
    for path in digits:
        store.add(path.name, path.read_bytes())
    return store


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    with served(stand_in(store, model(), GREY)) as address:
        yield address


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    """The page, opened; at the end nothing went elsewhere and nothing was wrong."""
    with watched_page(browser) as watched:
        watched.page.goto(address)
        yield watched
        assert watched.console == []
        assert [url for url in watched.requests if not url.startswith(address)] == []


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


def cards(page: Page) -> Locator:
    return page.locator("#results > li")


def tiles(page: Page) -> Locator:
    return page.locator("#tiles > li")


def as_dropped(*paths: Path) -> list[tuple[str, str, str]]:
    return [(path.name, "image/png", base64.b64encode(path.read_bytes()).decode()) for path in paths]


def choose(page: Page, name: str, content: bytes, mimetype: str = "image/png") -> None:
    page.set_input_files("#files", [{"name": name, "mimeType": mimetype, "buffer": content}])


def stroke(page: Page, *points: tuple[float, float]) -> None:
    """Draw with the mouse; both coordinates are shares of the board."""
    page.locator("#board").scroll_into_view_if_needed()
    box = page.locator("#board").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def share_of_ink(content: bytes) -> float:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(content)) as image:
        assert image.size == (280, 280)
        return image.convert("L").histogram()[255] / (280 * 280)


def test_chosen_files_are_predicted_and_join_the_gallery(page: Page, digits: list[Path]) -> None:
    expect(tiles(page)).to_have_count(16)
    page.set_input_files("#files", digits[:2])
    expect(page.locator(".card[data-state=done]")).to_have_count(2)
    card = cards(page).filter(has_text=digits[0].name)
    expect(card.locator(".answer-label")).to_have_text("0")
    expect(card.locator(".answer .score")).to_have_text(re.compile(r"^0\.\d{4}$"))
    expect(card.locator(".bar")).to_have_count(3)
    expect(card.locator(".bar-label").first).to_have_text("0")
    assert card.locator("img").evaluate("image => image.naturalWidth") > 0
    expect(page.locator("#progress")).to_have_text("2 predicted")
    expect(page.locator("#spoken")).to_have_text(re.compile(r"^[01]-.*\.png: [01] 0\.\d{4}$"))
    expect(tiles(page)).to_have_count(18)


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_dropped_and_pasted_files_are_predicted(page: Page, digits: list[Path], way: str) -> None:
    if way == "drop":
        page.evaluate(DROP, ["dragover", as_dropped(digits[3])])
        expect(page.locator("#drop")).to_have_class(re.compile("is-over"))
    page.evaluate(DROP, [way, as_dropped(*digits[3:5])])
    expect(page.locator(".card[data-state=done]")).to_have_count(2)
    expect(cards(page).first).to_contain_text(digits[3].name)
    expect(page.locator("#drop")).not_to_have_class(re.compile("is-over"))


def test_many_files_are_told_in_one_sentence(page: Page, digits: list[Path]) -> None:
    page.set_input_files("#files", digits)
    expect(page.locator(".card[data-state=done]")).to_have_count(16)
    expect(page.locator("#spoken")).to_have_text("16 predicted")
    page.click("#results-clear")
    expect(cards(page)).to_have_count(0)
    expect(page.locator("#round")).to_be_hidden()


def test_a_drawing_is_predicted_as_drawn(page: Page, store: Store) -> None:
    expect(page.locator("#board-predict")).to_be_disabled()
    stroke(page, (0.2, 0.2), (0.8, 0.2), (0.4, 0.9))
    stroke(page, (0.3, 0.5), (0.7, 0.5))
    page.click("#board-undo")
    page.click("#board-predict")
    expect(page.locator(".card[data-state=done]")).to_have_count(1)
    content, contenttype = store.images[17]
    assert (store.records[0]["filename"], contenttype) == ("drawing.png", "image/png")
    assert 0.08 < share_of_ink(content) < 0.15
    page.check("#paper")
    page.click("#board-predict")
    expect(page.locator(".card[data-state=done]")).to_have_count(2)
    assert 0.85 < share_of_ink(store.images[18][0]) < 0.92
    page.click("#board-clear")
    expect(page.locator("#board-predict")).to_be_disabled()


def test_the_keyboard_draws_and_its_pen_is_not_in_the_picture(page: Page, store: Store) -> None:
    page.focus("#board")
    for key in ("Space", *["Shift+ArrowDown"] * 2, "Space", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".card[data-state=done]")).to_have_count(1)
    content, _contenttype = store.images[17]
    assert 0.015 < share_of_ink(content) < 0.05
    page.keyboard.press("Control+z")
    expect(page.locator("#board-predict")).to_be_disabled()


def test_a_finger_draws(browser: Browser, address: str) -> None:
    with watched_page(browser, PHONE, touch=True) as watched:
        page = watched.page
        page.goto(address)
        page.locator("#board").tap()
        page.locator("#board-predict").tap()
        expect(page.locator(".card[data-state=done]")).to_have_count(1)
        assert watched.console == []


def test_there_is_no_board_for_a_model_that_takes_colours(browser: Browser, store: Store) -> None:
    with served(stand_in(store, model(), COLOUR)) as address, watched_page(browser) as watched:
        watched.page.goto(address)
        expect(tiles(watched.page)).to_have_count(16)
        expect(watched.page.locator("canvas")).to_have_count(0)
        assert watched.console == []


def test_the_gallery_is_filtered_by_label_and_score(page: Page) -> None:
    expect(tiles(page)).to_have_count(16)
    page.get_by_label("Label").fill("7")
    expect(tiles(page)).to_have_count(2)
    expect(tiles(page).first).to_contain_text("7-with-bar-pencil.png")
    page.get_by_label("Score from").fill("0.85")
    expect(tiles(page)).to_have_count(1)
    expect(tiles(page)).to_contain_text("7-marker.png")
    page.reload()
    expect(page.get_by_label("Score from")).to_have_value("0.85")
    expect(tiles(page)).to_have_count(1)
    page.get_by_label("Score from").fill("2")
    expect(page.locator("#gallery-status")).to_have_text("Scores lie between 0 and 1.")
    page.get_by_label("Score from").fill("0.99")
    expect(page.locator("#gallery-status")).to_have_text("Nothing stored is like that.")
    page.get_by_role("button", name="Clear filters").click()
    expect(tiles(page)).to_have_count(16)
    assert "?" not in page.url


def test_the_gallery_goes_back_page_by_page(page: Page, store: Store) -> None:
    for number in range(40):
        store.add(f"{number}.png")
    page.reload()
    expect(tiles(page)).to_have_count(24)
    page.get_by_role("button", name="Show older ones").click()
    expect(tiles(page)).to_have_count(48)
    expect(tiles(page).nth(24).get_by_role("button")).to_be_focused()
    page.get_by_role("button", name="Show older ones").click()
    expect(tiles(page)).to_have_count(56)
    expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()
    expect(page.locator("#gallery-status")).to_have_text("56 shown, and that is all")


def test_a_click_opens_a_prediction_whole(page: Page) -> None:
    tiles(page).filter(has_text="6-marker.png").click()
    dialog = page.get_by_role("dialog", name="6-marker.png")
    expect(dialog.locator(".bar")).to_have_count(10)
    expect(dialog.locator(".bar-label").first).to_have_text("6")
    expect(dialog.locator("dd").nth(1)).to_have_text("24 Nov 2026, 09:06:47")
    expect(dialog.get_by_role("img", name="The stored image")).to_be_visible()
    assert dialog.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.mouse.click(5, 5)
    expect(dialog).to_be_hidden()


def test_the_keyboard_opens_walks_and_closes(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the stored predictions")).to_be_focused()
    page.keyboard.press("Enter")
    second = tiles(page).nth(1).get_by_role("button")
    for _press in range(5):
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


def test_a_card_opens_its_prediction(page: Page, digits: list[Path]) -> None:
    page.set_input_files("#files", digits[0])
    page.get_by_role("button", name=f"Details of {digits[0].name}").click()
    expect(page.get_by_role("dialog", name=digits[0].name).locator(".bar")).to_have_count(10)


def test_a_hostile_name_is_text_wherever_it_is_shown(page: Page, digits: list[Path]) -> None:
    page.on("dialog", lambda _dialog: pytest.fail("a script ran"))
    page.evaluate(DROP, ["drop", [(HOSTILE, "image/png", as_dropped(digits[0])[0][2])]])
    expect(cards(page).locator(".filename")).to_have_text(HOSTILE_SHOWN)
    expect(tiles(page).first.locator(".filename")).to_have_text(HOSTILE_SHOWN)
    tiles(page).first.click()
    expect(page.get_by_role("dialog", name=HOSTILE_SHOWN).locator(".bar")).to_have_count(10)
    page.keyboard.press("Escape")
    page.evaluate(DROP, ["drop", [(HOSTILE, "text/plain", "")]])
    expect(page.locator(".card-reason").first).to_contain_text(HOSTILE_SHOWN)
    assert page.locator("img[src=x]").count() == 0


def test_what_is_no_image_is_refused_in_words(page: Page) -> None:
    choose(page, "notes.txt", b"hello", "text/plain")
    expect(page.locator(".card[data-state=failed]")).to_have_count(1)
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
    expect(page.locator(".card[data-state=done]")).to_have_count(1)
    expect(page.locator("#progress")).to_have_text("1 predicted")
    expect(tiles(page)).to_have_count(17)


def test_a_busy_server_is_waited_for(page: Page, store: Store, digits: list[Path]) -> None:
    store.busy_answers = 2
    page.set_input_files("#files", digits[0])
    expect(page.locator(".card[data-state=done]")).to_have_count(1)
    expect(cards(page).locator(".card-reason")).to_be_hidden()


def test_a_token_is_asked_for_and_kept(page: Page, store: Store, watched: Watched) -> None:
    store.token = "open sesame"
    page.reload()
    prompt = page.get_by_role("dialog", name="This server asks for a token")
    prompt.get_by_label("Token").fill("wrong")
    page.keyboard.press("Enter")
    expect(prompt.get_by_role("alert")).to_have_text("The server does not know this token.")
    prompt.get_by_label("Token").fill("open sesame")
    page.keyboard.press("Enter")
    expect(tiles(page)).to_have_count(16)
    expect(prompt).to_be_hidden()
    first = tiles(page).first.locator("img")
    expect(first).to_have_attribute("src", re.compile("^blob:"))
    assert first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.reload()
    expect(tiles(page)).to_have_count(16)
    expect(prompt).to_be_hidden()
    assert not [url for url in watched.requests if "sesame" in url]


def test_without_a_token_the_page_says_what_it_waits_for(page: Page, store: Store) -> None:
    store.token = "open sesame"
    page.reload()
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#gallery-status")).to_have_text("The server asks for a token.")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("dialog", name="This server asks for a token")).to_be_visible()


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


def test_a_stored_picture_that_is_gone_says_so(page: Page, store: Store) -> None:
    store.add("1-gone.png")
    page.reload()
    expect(tiles(page).first.locator(".picture")).to_have_class(re.compile("is-missing"))


def test_every_control_has_a_name_and_every_picture_an_alternative(page: Page, digits: list[Path]) -> None:
    page.set_input_files("#files", digits[0])
    expect(page.locator(".card[data-state=done]")).to_have_count(1)
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
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


CONTRASTS = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) => 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
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
        const element = walker.currentNode.parentElement;
        const style = getComputedStyle(element);
        if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(":disabled, [aria-disabled=true]")) continue;
        const [a, b] = [luminance(numbers(style.color)), luminance(ground(element))].sort((x, y) => y - x);
        found.push([(a + 0.05) / (b + 0.05), element.className || element.tagName, walker.currentNode.data.trim()]);
    }
    return found;
}"""


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
        expect(page.locator(".card[data-state=failed]")).to_have_count(1)
        page.set_input_files("#files", digits[3:5])
        expect(page.locator(".card[data-state=done]")).to_have_count(2)
        stroke(page, (0.3, 0.25), (0.7, 0.25), (0.45, 0.8))
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
