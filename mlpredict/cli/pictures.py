"""Pictures as characters: two pixels in each, or shades where a terminal has no colours."""

from __future__ import annotations

import io
import threading
from functools import cache

from PIL import Image
from rich.console import Console
from rich.text import Text

from mlpredict.cli.stdout import WIDE, data_console

SHADES = " .:-=+*#%@"


def as_text(image: Image.Image) -> Text:
    """A picture in RGB, one pixel a column and two a row, as this terminal shows it best."""
    console = data_console()
    return _shades(image) if console.no_color or not console.color_system else _half_blocks(image)


def as_lines(image: Image.Image) -> tuple[str, ...]:
    """The same with the sequences of the terminal, line by line."""
    text = as_text(image)
    text.rstrip()
    return tuple(map(with_sequences, text.split("\n")))


def with_sequences(text: Text) -> str:
    """A line of text with the sequences that colour it on this terminal."""
    console = _console(threading.get_ident())
    with console.capture() as captured:
        console.print(text, end="", soft_wrap=True)
    return captured.get()


@cache
def _console(_thread: int) -> Console:
    """One for each thread: making it takes longer than to write a line."""
    usual = data_console()
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system=usual.color_system,  # type: ignore[arg-type]
        no_color=usual.no_color,
        width=WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def _half_blocks(image: Image.Image) -> Text:
    """The upper pixel as the block's colour, the lower one as its ground."""
    text = Text()
    for row in range(0, image.height, 2):
        for column in range(image.width):
            upper = _rgb(image, column, row)
            lower = _rgb(image, column, row + 1) if row + 1 < image.height else upper
            text.append("▀", style=f"{upper} on {lower}")
        text.append("\n")
    return text


def _shades(image: Image.Image) -> Text:
    """One character for two rows of pixels, darker for more ink."""
    grey = image.convert("L").resize((image.width, max(1, image.height // 2)))
    rows = (
        "".join(
            SHADES[(255 - int(str(grey.getpixel((x, y))))) * (len(SHADES) - 1) // 255]
            for x in range(grey.width)
        )
        for y in range(grey.height)
    )
    return Text("\n".join(rows) + "\n")


def _rgb(image: Image.Image, x: int, y: int) -> str:
    red, green, blue = image.getpixel((x, y))  # type: ignore[misc]
    return f"rgb({red},{green},{blue})"
