"""The space there is for the local database, and what is said when it runs out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from mlpredict.domain import Keep
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import DatabaseError, NoSpace
from mlpredict.support.units import in_bytes

LEAST_FREE_BYTES = 1 << 30
LEAST_FREE_SHARE = 0.1

# Measured on 10,000 digits of 150 bytes and 60 photos of 0.8 MB, their indexes included.
INPUT_BYTES = 260
PREDICTION_BYTES = 380
OUTPUT_BYTES = 12
STORED_PER_FILE_BYTE = 1.39
"""Base64 makes four of three, and pages are not quite full."""

REFERENCE_BYTES = 150
LOG_BYTES = 128 << 20
"""What is stored is written to the log of changes first, and that is kept up to this (`max_wal_size`)."""

SCRAPE_BYTES = 32 << 20
"""With less than two files of that log a server cannot go on, whatever it says itself."""

FULL = ("No space left on device", "Disk quota exceeded", "wrote only")


class Space(NamedTuple):
    """A file system as an ordinary user may use it, in bytes; `files` is how many more it may hold."""

    free: int
    total: int
    files: int | None

    @property
    def is_full(self) -> bool:
        """Whether a server can do no more with it."""
        return self.free < SCRAPE_BYTES or self.files == 0


def space_at(place: Path) -> Space:
    """The space where `place` is or would be."""
    existing = next(path for path in (place, *place.parents) if path.exists())
    status = os.statvfs(existing)
    # Some file systems make room for files as they go, and say that they hold none.
    files = status.f_favail if status.f_files else None
    return Space(status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize, files)


def growth(
    images: int, file_bytes: int, keep: Keep | KeepIn, *, pixel_bytes: int | None, outputs: int
) -> int:
    """The bytes by which the database may grow; less where images are stored already.

    `file_bytes` is the size of all files together, `pixel_bytes` that of a model's input, `outputs`
    how many numbers a prediction has.
    """
    rows = images * (INPUT_BYTES + PREDICTION_BYTES + OUTPUT_BYTES * outputs)
    match keep:
        case Keep.REFERENCE | KeepIn():
            kept = float(images * REFERENCE_BYTES)
        case Keep.MODEL_INPUT if pixel_bytes is not None:
            kept = STORED_PER_FILE_BYTE * images * pixel_bytes
        case _:
            kept = STORED_PER_FILE_BYTE * file_bytes
    stored = rows + int(kept)
    return stored + min(stored, LOG_BYTES)


def warning(place: Path, grows: int) -> str | None:
    """What to say before `grows` bytes are stored at `place`; None where there is space enough."""
    space = space_at(place)
    left = space.free - grows
    if left >= max(LEAST_FREE_BYTES, LEAST_FREE_SHARE * space.total):
        return None
    return (
        f"storing up to {in_bytes(grows)} leaves {in_bytes(max(left, 0))} of {in_bytes(space.total)} "
        f"free in {place}"
    )


def full_error(error: DatabaseError, place: Path, said: str = "") -> NoSpace | None:
    """A better error where the disk at `place` is full; None where an error has another reason.

    `said` is what the server has said meanwhile.
    """
    told = any(words in text for text in (error.message, said) for words in FULL)
    space = space_at(place)
    if not told and not (_lost_the_server(error) and space.is_full):
        return None
    return _no_space(space, place)


def require(place: Path, batch_bytes: int) -> None:
    """Raise DatabaseError where a batch would leave the server without the space it needs to go on.

    It would stop, and not start again, if its log of changes could not be written.
    """
    space = space_at(place)
    if space.free < SCRAPE_BYTES + 2 * batch_bytes or space.files == 0:
        raise _no_space(space, place)


def _no_space(space: Space, place: Path) -> NoSpace:
    return NoSpace(
        f"no space left for the database: {in_bytes(space.free)} free in {place}",
        hint="make room; what was printed is stored, and predict --skip-existing goes on from there",
    )


def _lost_the_server(error: DatabaseError) -> bool:
    import psycopg

    return isinstance(error.__cause__, psycopg.OperationalError)
