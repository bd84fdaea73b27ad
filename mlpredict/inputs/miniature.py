"""A decoded picture as 9 × 8 levels of grey, from which its difference hash is made.

It is the whole picture, upright, whatever a model sees of it: models with different inputs have the same.
It takes no numpy for what most pictures are, so that a process that only decodes starts fast.
"""

from __future__ import annotations

import math

from PIL import Image

from mlpredict.inputs.difference_hash import HEIGHT, WIDTH
from mlpredict.inputs.limits import DEEP
from mlpredict.inputs.pixels import to_channels, turn_of

FINE = 16
"""Pixels of a place, both ways, that are enough to know its mean; more are brought together first."""

SOME = 4
"""So many times as many are looked at where they cannot be brought together."""

AVERAGED = frozenset({"L", "RGB", "CMYK", "YCbCr"})
"""Modes whose pixels Pillow brings together by their mean, without a copy of all of them."""

BACKGROUND = "white"
"""What shows through transparency."""


def miniature(image: Image.Image) -> bytes:
    """The miniature of an image whose pixels are loaded, row by row (72 bytes); nothing where there is none.

    Whatever a model can be given is accepted without one.
    """
    try:
        return _miniature(image)
    except Exception:  # noqa: BLE001 - Pillow raises many kinds on what it cannot do, and here nothing hangs on it
        return b""


def _miniature(image: Image.Image) -> bytes:
    turn = turn_of(image)
    small = _brought_together(image)
    if small.mode != "L" or small.info:
        small = _grey(small)
    if turn is not None:
        small = small.transpose(turn)
    # `Image.resize` and `Image.tobytes` do the same, and take as long again.
    return bytes(small.im.resize((WIDTH, HEIGHT), Image.Resampling.BOX, (0, 0, *small.size)))


def _brought_together(image: Image.Image) -> Image.Image:
    """A large image at a part of its size."""
    across, down = image.width // (WIDTH * FINE), image.height // (HEIGHT * FINE)
    if across < 2 and down < 2:
        return image
    if image.mode in AVERAGED and "transparency" not in image.info:
        return image.reduce((max(1, across), max(1, down)))
    # The mean of a palette's colours is not that of their numbers, and converting all may take much memory.
    most = (min(image.width, WIDTH * FINE * SOME), min(image.height, HEIGHT * FINE * SOME))
    return image.resize(most, Image.Resampling.NEAREST)


def _grey(image: Image.Image) -> Image.Image:
    if not image.mode.startswith(DEEP):
        return to_channels(image, 1, BACKGROUND)
    # Its own brightest value is white: 12 of 16 bits are no darker picture.
    values = image if image.mode in ("I", "F") else image.convert("I")
    _, peak = values.getextrema()
    white = float(peak) if isinstance(peak, (int, float)) and 0 < peak < math.inf else None
    return to_channels(values, 1, BACKGROUND, white)
