"""`tf.image.resize` without antialiasing, its default: float32 that are not rounded to whole levels.

Nearest and bilinear are the same to the last bit, bicubic within 1e-6 of the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpredict.inputs.resizing import Passes

if TYPE_CHECKING:
    from mlpredict.inputs.resizing import Rows

Size = tuple[int, int]
Floats = NDArray[np.float32]
Places = NDArray[np.intp]

# The shape of the cubic curve, and the parts of a pixel that it is known for.
CUBIC = -0.5
STEPS = 1024
HALF = np.float32(0.5)


def nearest(source: Size, target: Size) -> Passes:
    """The pixel that the middle of a new pixel lies in; they stay uint8."""
    columns, rows = (
        np.minimum(np.floor(_middles(old, new)).astype(np.intp), old - 1)
        for old, new in zip(source, target, strict=True)
    )
    return Passes(lambda pixels: pixels[:, columns], lambda narrow: narrow[rows])


def bilinear(source: Size, target: Size) -> Passes:
    """The two nearest pixels each way, however many there are."""
    left, right, across_part = _linear_taps(source[0], target[0])
    upper, lower, down_part = _linear_taps(source[1], target[1])

    def between(first: NDArray[Any], second: NDArray[Any], part: Floats) -> Floats:
        begin = first.astype(np.float32)
        return np.asarray(begin + (second - begin) * part)

    return Passes(
        lambda pixels: between(pixels[:, left], pixels[:, right], across_part[:, None]),
        lambda narrow: between(narrow[upper], narrow[lower], down_part[:, None, None]),
    )


def bicubic(source: Size, target: Size) -> Passes:
    """The four nearest pixels each way; those beyond the border count for nothing."""
    columns, across_weights = _cubic_taps(source[0], target[0])
    rows, down_weights = _cubic_taps(source[1], target[1])

    def across(pixels: Rows) -> Floats:
        taps = zip(columns.T, across_weights.T, strict=True)
        return _sum(pixels[:, places] * weights[:, None] for places, weights in taps)

    def down(narrow: Floats) -> Floats:
        taps = zip(rows.T, down_weights.T, strict=True)
        return _sum(narrow[places] * weights[:, None, None] for places, weights in taps)

    return Passes(across, down)


def _sum(parts: Iterable[Floats]) -> Floats:
    return reduce(np.add, parts)


def _middles(old: int, new: int) -> Floats:
    """Where the middles of new pixels lie among the old ones, whose borders are whole numbers."""
    return (np.arange(new, dtype=np.float32) + HALF) * (np.float32(old) / np.float32(new))


def _linear_taps(old: int, new: int) -> tuple[Places, Places, Floats]:
    place = _middles(old, new) - HALF
    first = np.floor(place)
    both = (np.clip(one.astype(np.intp), 0, old - 1) for one in (first, np.ceil(place)))
    return *both, place - first


def _cubic_taps(old: int, new: int) -> tuple[Places, Floats]:
    place = _middles(old, new) - HALF
    first = np.floor(place)
    fraction = np.rint((place - first) * np.float32(STEPS)) / STEPS
    away = np.abs(fraction[:, None] - np.arange(-1, 3))
    near = ((CUBIC + 2) * away - (CUBIC + 3)) * away * away + 1
    far = ((CUBIC * away - 5 * CUBIC) * away + 8 * CUBIC) * away - 4 * CUBIC
    weights = np.where(away <= 1, near, far).astype(np.float32)
    places = first.astype(np.intp)[:, None] + np.arange(-1, 3)
    inside = np.clip(places, 0, old - 1)
    weights = np.where(places == inside, weights, np.float32(0))
    return inside, weights / weights.sum(1, keepdims=True)
