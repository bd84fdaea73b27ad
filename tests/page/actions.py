"""What the tests do with the page, and where they look."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

# A test cannot take files by the hand: the events are made as a browser makes them.
FILES_EVENT = """([kind, files]) => {
    const transfer = new DataTransfer();
    for (const [name, type, content] of files) {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
    }
    const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
        : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
}"""


def cards(page: Page, state: str | None = None) -> Locator:
    """The new predictions, of one state where it is named."""
    return page.locator("#results > li" + (f"[data-state={state}]" if state else ""))


def tiles(page: Page) -> Locator:
    """The stored predictions that the gallery shows."""
    return page.locator("#tiles > li")


def bring_files(page: Page, kind: str, *paths: Path) -> None:
    """Drag files over the page, drop them or paste them."""
    for_page = [(path.name, "image/png", base64.b64encode(path.read_bytes()).decode()) for path in paths]
    page.evaluate(FILES_EVENT, [kind, for_page])


def drop_from_outside(page: Page, *paths: Path) -> None:
    """Drop files or folders as a file manager does."""
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})


def drop_named(page: Page, name: str, mimetype: str, content: bytes) -> None:
    """Drop one file that no file system would take."""
    page.evaluate(FILES_EVENT, ["drop", [(name, mimetype, base64.b64encode(content).decode())]])


def choose(page: Page, name: str, content: bytes, mimetype: str = "image/png") -> None:
    """Choose one file that exists nowhere."""
    page.set_input_files("#files", {"name": name, "mimeType": mimetype, "buffer": content})


def draw(page: Page, *points: tuple[float, float]) -> None:
    """Draw a stroke with the mouse; both coordinates are shares of the board."""
    page.locator("#board").scroll_into_view_if_needed()
    box = page.locator("#board").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def draw_seven(page: Page) -> None:
    draw(page, (0.3, 0.22), (0.7, 0.22), (0.45, 0.8))


def share_of_white(content: bytes) -> float:
    """How much of a drawing is white."""
    with Image.open(BytesIO(content)) as image:
        assert image.size == (280, 280)
        return image.convert("L").histogram()[255] / (280 * 280)


def width_of_picture(picture: Locator) -> int:
    """The picture's own width in pixels, once it has come; the page may put another one in its place."""
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    width: int = picture.evaluate("image => image.naturalWidth")
    return width
