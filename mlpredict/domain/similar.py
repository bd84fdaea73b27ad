"""Pictures that look like another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.domain.predictions import PredictionRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Look(NamedTuple):
    """What a picture looks like, and what it is known by where it is stored.

    `difference_hash` is None where nobody has looked yet. `grey` is the picture as 16 × 16 levels of grey
    (uint8), or None where the picture itself cannot be had.
    """

    difference_hash: int | None
    sha256: bytes | None = None
    input_id: int | None = None
    prediction_id: int | None = None
    grey: NDArray[np.uint8] | None = None


class Alike(NamedTuple):
    """A near duplicate, by the newest prediction of it.

    `distance` is how many of the 64 bits of its hash are different. `likeness` is 1 for the same picture
    and 0 for one that has nothing to do with it; None where the picture itself cannot be had.
    """

    record: PredictionRecord
    distance: int
    likeness: float | None


class Similar(NamedTuple):
    """The near duplicates of a picture, the likest first."""

    look: Look
    alike: Sequence[Alike]
    total: int
    """How many there are, where they were limited."""
    near: int
    """How many pictures were near enough by their hashes."""
    compared: int
    """How many of them were compared, the nearest first."""
    without_hash: int
    """Stored images that nobody has looked at, which may be near duplicates, too."""

    @property
    def ids(self) -> list[int]:
        """The predictions of all of them, with that of the picture itself first."""
        own = [] if self.look.prediction_id is None else [self.look.prediction_id]
        return own + [one.record.prediction_id for one in self.alike if one.record.prediction_id is not None]
