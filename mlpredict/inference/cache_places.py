"""Where what belongs in the cache is kept: in its folder, or in one that stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlpredict.support import scratch
from mlpredict.support.logs import get_logger
from mlpredict.support.private_files import is_open, make_private_folder

logger = get_logger(__name__)

SUFFIXES = (".json", ".tflite")
"""Of what is kept."""


def places_to_read(folder: Path) -> Iterator[Path]:
    """A folder of the cache, then the one that stands in for it.

    In one that others can write nothing is looked at: they could have moved files, if not made some.
    """
    for place in _places(folder, make=False):
        if is_open(place):
            logger.warning(f"warning: {place} is not used: other users can write it")
        else:
            yield place


def places_to_write(folder: Path) -> Iterator[Path]:
    """A folder of the cache, then the temporary one that is taken where that cannot be written."""
    return _places(folder, make=True)


def make_place(place: Path) -> None:
    """Make one of them, private; what lies in one that others could write until now is removed.

    Raises:
        NotPrivate: it is somebody else's.
        OSError: it cannot be made.
    """
    was_open = is_open(place)
    make_private_folder(place)
    if was_open:
        for path in place.iterdir():
            if path.suffix in SUFFIXES:
                path.unlink(missing_ok=True)


def _places(folder: Path, *, make: bool) -> Iterator[Path]:
    yield folder
    stand_in = scratch.private_scratch(scratch.CACHE, make=make)
    if stand_in is not None and stand_in != folder.parent:
        yield stand_in / folder.name
