"""How pictures are drawn on this terminal: by kitty's protocol, iTerm2's, as sixels, or as half blocks.

The terminal is asked, and nobody waits for its answers: until they come, pictures are half blocks. The last
question is one that every terminal answers, so that it is known when nothing more will come.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from PIL import Image

from mlpredict.cli.review.keys import Answer

ASK_KITTY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
ASK_VERSION = "\x1b[>q"
ASK_CELL = "\x1b[16t"
ASK_ATTRIBUTES = "\x1b[c"

DRAWS_SIXELS = "4"
"""Among the attributes that a terminal answers."""

USUAL_CELL = (10, 20)
"""The pixels of a character where they are not known, and the terminal is told how many a picture takes."""

SMALL_CELL = (6, 12)
"""The same for sixels, which are as large as they are: what is larger than its room scrolls the screen."""

SIXEL_ROWS = 6
"""Sixels are drawn so many rows of pixels at a time."""

ITERM2_PROGRAMS = ("iTerm", "WezTerm", "mintty")
SMALL = 64
"""Pictures of up to so many pixels are enlarged with their pixels as they are."""

MOST_ENLARGED = 4
CHUNK = 4096
"""What kitty takes at once."""

DELETE_KITTY = "\x1b_Ga=d,d=A,q=2\x1b\\"


class Graphics(StrEnum):
    """What draws pictures."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"
    BLOCKS = "blocks"


class Box(NamedTuple):
    """Room for a picture, in characters."""

    columns: int
    rows: int


class Drawn(NamedTuple):
    """A picture that is ready: lines of text, or what is sent to the terminal where its corner is."""

    lines: tuple[str, ...] = ()
    control: str = ""


@dataclass(slots=True)
class Terminal:
    """What is known of the terminal by now."""

    environment: Mapping[str, str]
    chosen: Graphics | None = None
    answered_cell: tuple[int, int] | None = None
    """The pixels of a character, as the terminal has answered."""
    window_cell: tuple[int, int] | None = None
    """The same by the size of its window in pixels, which some tell that do not answer."""
    kitty: bool = False
    sixel: bool = False
    version: str = ""
    has_answered: bool = False

    def questions(self) -> str:
        """What to ask; nothing of terminals that show questions as text."""
        if self.environment.get("TERM_PROGRAM") == "Apple_Terminal" or "linux" in self.environment.get(
            "TERM", ""
        ):
            self.has_answered = True
            return ""
        return ASK_KITTY + ASK_VERSION + ASK_CELL + ASK_ATTRIBUTES

    def hear(self, answer: Answer) -> None:
        """Take an answer in, whenever it comes."""
        match answer:
            case Answer("APC", text) if text.startswith("G"):
                self.kitty = self.kitty or text.endswith(";OK")
            case Answer("DCS", text) if text.startswith(">|"):
                self.version = text[2:]
            case Answer("CSI t", text) if text.startswith("6;"):
                self.answered_cell = _cell(text) or self.answered_cell
            case Answer("CSI c", text) if text.startswith("?"):
                self.sixel = DRAWS_SIXELS in text[1:].split(";")[1:]
                self.has_answered = True

    @property
    def cell(self) -> tuple[int, int] | None:
        """The width and height of a character in pixels; None where the terminal does not tell."""
        return self.answered_cell or self.window_cell

    @property
    def graphics(self) -> Graphics:
        """The best that it can do, as far as is known."""
        if self.chosen is not None:
            return self.chosen
        if self.kitty:
            return Graphics.KITTY
        if self._is_iterm2():
            return Graphics.ITERM2
        return Graphics.SIXEL if self.sixel else Graphics.BLOCKS

    def _is_iterm2(self) -> bool:
        if self.version.startswith(ITERM2_PROGRAMS):
            return True
        if self.version or "TMUX" in self.environment or "STY" in self.environment:
            # What is between here and the window passes no pictures on.
            return False
        named = self.environment.get("TERM_PROGRAM", ""), self.environment.get("LC_TERMINAL", "")
        return any(one.startswith(ITERM2_PROGRAMS) for one in named)


def _cell(text: str) -> tuple[int, int] | None:
    numbers = text.split(";")[1:3]
    if len(numbers) != 2 or not all(one.isdecimal() and 0 < int(one) < 1000 for one in numbers):
        return None
    height, width = map(int, numbers)
    return width, height


def fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """The picture as large as it fits; small ones in whole multiples, so that their pixels can be seen."""
    share = min(width / image.width, height / image.height)
    if share >= 2 and max(image.size) <= SMALL:
        factor = int(share)
        return image.resize((factor * image.width, factor * image.height), Image.Resampling.NEAREST)
    if 1 <= share < 2:
        return image
    share = min(share, MOST_ENLARGED)
    size = max(1, int(share * image.width)), max(1, int(share * image.height))
    return image.resize(size, Image.Resampling.LANCZOS)


def drawn(image: Image.Image, box: Box, graphics: Graphics, cell: tuple[int, int] | None) -> Drawn:
    """A picture for a box, drawn in a way; `cell` has the pixels of a character, if they are known."""
    if graphics is Graphics.BLOCKS:
        from mlpredict.cli.pictures import as_lines

        return Drawn(lines=as_lines(fitted(image, box.columns, 2 * box.rows)))
    if graphics is Graphics.SIXEL:
        width, height = cell or SMALL_CELL
        room = box.rows * height
        return Drawn(control=_sixels(fitted(image, box.columns * width, room - room % SIXEL_ROWS)))
    width, height = cell or USUAL_CELL
    sized = fitted(image, box.columns * width, box.rows * height)
    cells = Box(ceil(sized.width / width), ceil(sized.height / height))
    if graphics is Graphics.ITERM2:
        return Drawn(control=_iterm2(sized, cells))
    # Without the size of a character, the terminal is told how many the picture has.
    return Drawn(control="".join(_kitty(sized, None if cell else cells)))


def _kitty(image: Image.Image, cells: Box | None) -> Iterator[str]:
    """Chunks of a PNG; the terminal answers nothing, and leaves the cursor where it is."""
    data = _png(image)
    size = f",c={cells.columns},r={cells.rows}" if cells else ""
    for start in range(0, len(data), CHUNK):
        more = int(start + CHUNK < len(data))
        head = f"a=T,f=100,q=2,C=1{size},m={more}" if start == 0 else f"q=2,m={more}"
        yield f"\x1b_G{head};{data[start : start + CHUNK]}\x1b\\"


def _iterm2(image: Image.Image, cells: Box) -> str:
    size = f"width={cells.columns};height={cells.rows};preserveAspectRatio=1"
    return f"\x1b]1337;File=inline=1;{size};doNotMoveCursor=1:{_png(image)}\x07"


def _sixels(image: Image.Image) -> str:
    # Its public module asks the terminal as it is imported, and takes keys that are typed for answers.
    from textual_image._sixel import image_to_sixels

    return image_to_sixels(image)


def _png(image: Image.Image) -> str:
    target = io.BytesIO()
    image.save(target, "PNG", compress_level=1)
    return base64.b64encode(target.getvalue()).decode("ascii")
