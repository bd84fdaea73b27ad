"""Thinning of digits to their centre lines, to be redrawn with pens of other widths."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""Row and column steps to the eight neighbours, clockwise from the one above."""


def _neighbours(lines: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The eight neighbours of every pixel of (n, side, side), clockwise from above."""
    side = lines.shape[1]
    wide = np.pad(lines, ((0, 0), (1, 1), (1, 1)))
    return [wide[:, 1 + y : 1 + y + side, 1 + x : 1 + x + side] for y, x in _AROUND]


def _peel(lines: NDArray[np.uint8], first: bool) -> NDArray[np.uint8]:
    """One half step of Zhang and Suen's thinning: the pixels of one flank go."""
    around = _neighbours(lines)
    north, east, south, west = around[0], around[2], around[4], around[6]
    count = sum(around[1:], around[0])
    turns = np.zeros_like(lines)
    for one, other in zip(around, [*around[1:], around[0]], strict=True):
        turns += other & (1 - one)
    if first:
        flank = (north & east & south) | (east & south & west)
    else:
        flank = (north & east & west) | (north & south & west)
    goes = (count >= 2) & (count <= 6) & (turns == 1) & (flank == 0)
    kept: NDArray[np.uint8] = lines & (1 - goes.astype(np.uint8))
    return kept


def thin(shapes: NDArray[Any], chunk: int = 1000) -> NDArray[np.uint8]:
    """Centre lines, 1 on 0, of binary shapes (n, side, side); connected shapes stay so."""
    result = np.empty(shapes.shape, np.uint8)
    for start in range(0, len(shapes), chunk):
        lines = shapes[start : start + chunk].astype(np.uint8)
        while True:
            thinner = _peel(_peel(lines, True), False)
            if np.array_equal(thinner, lines):
                break
            lines = thinner
        result[start : start + chunk] = lines
    return result
