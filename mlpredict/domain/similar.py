"""Pictures that look like another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mlpredict.domain.predictions import PredictionRecord

BITS = 64
"""Of a difference hash."""


class Look(NamedTuple):
    """What a picture looks like, and what it is known by where it is stored.

    `difference_hash` is None where nobody has looked at it yet, `kept` says what the input holds of it.
    """

    difference_hash: int | None
    sha256: bytes | None = None
    input_id: int | None = None
    prediction_id: int | None = None
    filename: str | None = None
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class Alike:
    """A near duplicate: the newest prediction of it, and how many bits of its hash are different."""

    record: PredictionRecord
    distance: int


@dataclass(frozen=True, slots=True)
class Similar:
    """The near duplicates of a picture, the nearest first; some of them, where there are many."""

    look: Look
    alike: Sequence[Alike]
    count: int
    """How many there are."""
    without_hash: int
    """Stored images that nobody has looked at, and that may be near duplicates, too."""
    is_plain: bool
    """The picture shows so little that its hash does not tell it from others."""

    def __iter__(self) -> Iterator[Alike]:
        return iter(self.alike)

    def __len__(self) -> int:
        return len(self.alike)
