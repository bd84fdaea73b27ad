"""Where what belongs in the cache is kept: in its folder, or in one that stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlpredict.support import scratch


def places_for(folder: Path, *, make: bool = False) -> Iterator[Path]:
    """A folder of the cache, then the one among the temporary files that is taken where it cannot be written.

    That is made only to be written.
    """
    yield folder
    stand_in = scratch.private_scratch(scratch.CACHE, make=make)
    if stand_in is not None and stand_in != folder.parent:
        yield stand_in / folder.name
