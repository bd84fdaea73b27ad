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

SAMPLES = 48
"""Pixels of a place, both ways, that are looked at of a large image.

Their mean is that of all but for a level or two, in a tenth of the time. `Image.reduce` takes all, and leaves
out what does not make a whole pixel: the same photo in another size had twice as many bits different.
"""

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
    small = _some_of(image)
    if small.mode != "L" or small.info:
        small = _grey(small)
    if turn is not None:
        small = small.transpose(turn)
    # `Image.resize` and `Image.tobytes` do the same, and take as long again.
    return bytes(small.im.resize((WIDTH, HEIGHT), Image.Resampling.BOX, (0, 0, *small.size)))


def _some_of(image: Image.Image) -> Image.Image:
    """A large image at a part of its size, by single pixels: their mode does not matter then."""
    width, height = image.size
    most = (min(width, WIDTH * SAMPLES), min(height, HEIGHT * SAMPLES))
    return image if most == (width, height) else image.resize(most, Image.Resampling.NEAREST)


def _grey(image: Image.Image) -> Image.Image:
    if not image.mode.startswith(DEEP):
        return to_channels(image, 1, BACKGROUND)
    # Its own brightest value is white: 12 of 16 bits are no darker picture.
    values = image if image.mode in ("I", "F") else image.convert("I")
    _, peak = values.getextrema()
    white = float(peak) if isinstance(peak, (int, float)) and 0 < peak < math.inf else None
    return to_channels(values, 1, BACKGROUND, white)
