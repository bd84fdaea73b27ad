"""One run that several processes do in parts: which there are, and what of them is whose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

MOST_PARTS = 100_000
AUTO = "auto"

LEAST_IMAGES = 32
MOST_IMAGES = 1024
USUAL_PARTS = 64
"""Where nobody says how many: about so many parts, of so few images that the last ones end at about the same
time, and of so many that taking one costs little beside them."""


class WantedPart(NamedTuple):
    """Which part a process is to do: of so many `parts` that of `number`, from 0; else whichever is free."""

    number: int | None = None
    parts: int | None = None

    def __str__(self) -> str:
        """As it is written on the command line."""
        return AUTO if self.number is None else f"{self.number}/{self.parts}"


class Sharing(NamedTuple):
    """The run that a process takes part in, by its key, and which part it does."""

    key: str
    wanted: WantedPart = WantedPart()


def spans(images: int, parts: int) -> list[tuple[int, int]]:
    """The first and the last position of each part; of one without images the last is before the first.

    Example:
        >>> spans(5, 2)
        [(0, 1), (2, 4)]
    """
    return [(images * part // parts, images * (part + 1) // parts - 1) for part in range(parts)]


def usual_parts(images: int) -> int:
    """How many parts a run has where nobody says so."""
    size = max(LEAST_IMAGES, min(MOST_IMAGES, -(-images // USUAL_PARTS)))
    return min(MOST_PARTS, max(1, -(-images // size)))


class Claim(NamedTuple):
    """A part that a process is at, by its first and last position."""

    part: int
    first: int
    last: int

    @property
    def images(self) -> int:
        return self.last - self.first + 1


class Worker(NamedTuple):
    """A process that takes part: where it runs, and a name that no other process has."""

    host: str
    attempt: str


class NameBlock(NamedTuple):
    """Names of images from the position `first` on, compressed, and the SHA-256 of them before that."""

    first: int
    sha256: bytes
    names: bytes


class Plan(NamedTuple):
    """What all processes of a run have in common.

    `sha256` is that of all names, `samples` tells some files by their positions, `options` are those that
    what is stored depends on.
    """

    key: str
    images: int
    parts: int
    sha256: bytes
    samples: Mapping[str, str]
    options: Mapping[str, str]


class PlannedRun(NamedTuple):
    """A run in parts as the database knows it; `model` by its name, `directory` where names start from."""

    run_id: int
    model_id: int
    model: str
    fingerprint: str
    engine: str
    directory: str
    started_at: datetime
    plan: Plan


class Waiting(NamedTuple):
    """What is left of a run: so many parts, at which there are others on these hosts."""

    parts: int
    hosts: tuple[str, ...]
    seconds: float
    """Until the first of them may be taken over."""


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A part as it is listed: how many images it has, and what of it is stored by whom.

    `state` is "done", "at work", "silent" where nothing was heard for long of who took it, or "free".
    """

    part: int
    first: int
    last: int
    images: int
    missing: int
    state: str
    host: str | None
    by: Mapping[str, int]
    """How many images each host has stored."""
    stored_at: datetime | None

    def as_fields(self) -> dict[str, Any]:
        """By their public names."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
