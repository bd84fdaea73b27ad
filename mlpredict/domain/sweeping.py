"""What a sweep of a bucket takes away, and what it leaves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

USUAL_AGE = "1d"
"""So long an image without a row is left, if nobody says how long."""


class KeptObject(NamedTuple):
    """An image in a bucket, by the SHA-256 that is its name, and its size in bytes."""

    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Swept:
    """How many images are taken away, or would be, and what is left where it is.

    `bytes` is the size of what goes. `referred` have rows, `young` have none yet, `others` are objects that
    `--keep` does not write, and `refused` are images that the bucket keeps.
    """

    removed: int = 0
    bytes: int = 0
    referred: int = 0
    young: int = 0
    others: int = 0
    refused: int = 0

    def __add__(self, other: Swept) -> Swept:
        mine, its = self.counts(), other.counts()
        return Swept(**{name: mine[name] + its[name] for name in mine})

    def counts(self) -> dict[str, int]:
        """The numbers by their public names, in their order."""
        return asdict(self)
