"""Pictures for terminals: as large as their room, of the pixels that were meant."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mlpredict.cli.review.graphics import Box, Graphics, Terminal, drawn
from mlpredict.cli.review.keys import Answer

BOX = Box(20, 9)
TOKEN = re.compile(r'"(\d+);(\d+);(\d+);(\d+)|#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~$-])')


def picture(width: int = 300, height: int = 200) -> Image.Image:
    """Four fields of one colour each."""
    image = Image.new("RGB", (width, height), (255, 0, 0))
    image.paste((0, 0, 255), (width // 2, 0, width, height // 2))
    image.paste((255, 255, 255), (0, height // 2, width // 2, height))
    image.paste((51, 102, 204), (width // 2, height // 2, width, height))
    return image


def decoded(control: str) -> NDArray[np.int64]:
    """The pixels of a sixel sequence, -1 where none is drawn, by the VT340's manual: height, width, RGB."""
    found = re.fullmatch(r"\x1bP[\d;]*q(.*)\x1b\\", control, re.DOTALL)
    assert found is not None
    colours: dict[int, tuple[int, ...]] = {}
    screen = np.full((600, 600, 3), -1)
    x = y = colour = 0
    width = height = 0
    for token in TOKEN.finditer(found[1]):
        if token[1]:
            width, height = int(token[3]), int(token[4])
        elif token[5]:
            colour = int(token[5])
            colours[colour] = tuple(round(int(one) * 255 / 100) for one in token.group(6, 7, 8))
        elif token[9]:
            colour = int(token[9])
        elif token[12] == "$":
            x = 0
        elif token[12] == "-":
            x, y = 0, y + 6
        else:
            count, bits = int(token[10] or 1), ord(token[11] or token[12]) - 63
            for row in range(6):
                if bits >> row & 1:
                    screen[y + row, x : x + count] = colours[colour]
            x += count
    lines, columns = np.nonzero((screen >= 0).all(axis=2))
    assert (height, width) in [(0, 0), (lines.max() + 1, columns.max() + 1)]
    return screen[: lines.max() + 1, : columns.max() + 1]


@pytest.mark.parametrize("cell", [(8, 17), (10, 20), (6, 13), None])
def test_sixels_are_the_picture_and_stay_in_their_room(cell: tuple[int, int] | None) -> None:
    pixels = decoded(drawn(picture(), BOX, Graphics.SIXEL, cell).control)
    width, height = cell or (6, 12)
    assert pixels.shape[0] <= BOX.rows * height
    assert pixels.shape[1] <= BOX.columns * width
    # One side fills its room, but for the last rows of pixels, which make no whole sixel.
    assert pixels.shape[1] == BOX.columns * width or pixels.shape[0] > BOX.rows * height - 6
    expected = picture(pixels.shape[1], pixels.shape[0])
    for x, y in ((0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)):
        place = int(x * pixels.shape[1]), int(y * pixels.shape[0])
        assert np.abs(pixels[place[1], place[0]] - expected.getpixel(place)).max() <= 3


def test_iterm2_has_the_picture_and_its_room() -> None:
    control = drawn(picture(), BOX, Graphics.ITERM2, (8, 17)).control
    found = re.fullmatch(r"\x1b\]1337;File=inline=1;width=(\d+);height=(\d+);.*?:(.*)\x07", control)
    assert found is not None
    assert (int(found[1]), int(found[2])) == (20, 7)
    assert Image.open(io.BytesIO(base64.b64decode(found[3]))).size == (160, 106)


@pytest.mark.parametrize(("cell", "size"), [((8, 17), ""), (None, ",c=20,r=7")])
def test_kitty_has_the_picture_in_chunks(cell: tuple[int, int] | None, size: str) -> None:
    noise = Image.frombytes("RGB", (300, 200), np.random.default_rng(1).bytes(300 * 200 * 3))
    chunks = re.findall(r"\x1b_G(.*?);(.*?)\x1b\\", drawn(noise, BOX, Graphics.KITTY, cell).control)
    heads = [head for head, _ in chunks]
    assert heads[0] == f"a=T,f=100,q=2,C=1{size},m=1"
    assert {*heads[1:-1]} == {"q=2,m=1"}
    assert heads[-1] == "q=2,m=0"
    content = base64.b64decode("".join(data for _, data in chunks))
    assert Image.open(io.BytesIO(content)).size == ((160, 106) if cell else (200, 133))


@pytest.mark.parametrize(
    ("window", "answers", "cell"),
    [
        (None, [], None),
        ((8, 17), [], (8, 17)),
        (None, ["6;34;16"], (16, 34)),
        ((8, 17), ["6;34;16"], (16, 34)),
        ((8, 17), ["6;34;16", "6;0;0"], (16, 34)),
    ],
)
def test_the_size_of_a_character_is_what_the_terminal_answers_else_that_of_its_window(
    window: tuple[int, int] | None, answers: list[str], cell: tuple[int, int] | None
) -> None:
    terminal = Terminal({}, window_cell=window)
    for answer in answers:
        terminal.hear(Answer("CSI t", answer))
    assert terminal.cell == cell
