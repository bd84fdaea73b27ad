"""What a picture looks like, in 64 bits: whether each of 8 × 8 places is brighter than its left neighbour.

That is the difference hash (Krawetz, 2013), row by row, the upper left place first. Encoding a picture anew,
or in another size, changes few of the bits: how many are different tells near duplicates from other pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 9, 8
"""Of a miniature: eight differences a row."""

STEP = 2
"""So many levels of 255 a place has to be brighter than its neighbour: less is what compression leaves."""


def hashes_of(miniatures: Sequence[bytes]) -> list[int | None]:
    """The hashes of miniatures, in the 64 bits of PostgreSQL's bigint; None of an empty one.

    Example:
        >>> hashes_of([bytes(72), bytes([*range(0, 90, 10)]) * 8, b""])
        [0, -1, None]
    """
    import numpy as np

    known = b"".join(miniatures)
    if not known:
        return [None] * len(miniatures)
    levels = np.frombuffer(known, np.uint8).reshape(-1, HEIGHT, WIDTH).astype(np.int16)
    brighter = levels[:, :, 1:] - levels[:, :, :-1] >= STEP
    packed = np.packbits(brighter.reshape(len(levels), -1), axis=1).view(">i8").ravel().tolist()
    if len(packed) == len(miniatures):
        return list(packed)
    found = iter(packed)
    return [next(found) if one else None for one in miniatures]
