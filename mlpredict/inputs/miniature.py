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
    """The miniature of an image whose pixels are loaded, row by row (72 bytes)."""
    turn = turn_of(image)
    small = _brought_together(image)
    if small.mode != "L" or small.info:
        small = to_channels(small, 1, BACKGROUND, _peak(small) if small.mode.startswith(DEEP) else None)
    if turn is not None:
        small = small.transpose(turn)
    return small.resize((WIDTH, HEIGHT), Image.Resampling.BOX).tobytes()


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


def _peak(image: Image.Image) -> float | None:
    """The brightest value of a deep image, which is white here: 12 of 16 bits are no darker picture."""
    _, peak = image.getextrema()
    return float(peak) if isinstance(peak, (int, float)) and 0 < peak < math.inf else None
