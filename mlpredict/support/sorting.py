"""More names than should be held, in sorted order."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import IO

from mlpredict.support.logs import get_logger
from mlpredict.support.scratch import scratch_folder

logger = get_logger(__name__)

HELD = 1 << 14
"""So many names are sorted at a time: they take about 2 MB."""

READ_BYTES = 1 << 12
"""So much of every sorted part is read at a time."""

END = b"\0"
"""What no name has in it."""


class SortedNames:
    """File names, gone through once in sorted order; those beyond `most`, usually `HELD`, lie on the disk.

    Where no temporary file can be written all of them are held.

    Example:
        >>> names = SortedNames()
        >>> names.add("b.png")
        >>> names.add("a.png")
        >>> list(names)
        ['a.png', 'b.png']
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most or HELD
        self._held: list[str] = []
        self._file: IO[bytes] | None = None
        self._ends = [0]
        """Where the sorted parts of the file end, the first of which begins at 0."""

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, name: str) -> None:
        """One more name."""
        self._held.append(name)
        if len(self._held) >= self._most:
            self._set_down()

    def __iter__(self) -> Iterator[str]:
        held, self._held = self._held, []
        held.sort()
        if self._file is None:
            return iter(held)
        parts: list[Iterable[str]] = [
            self._part(self._file, *bounds) for bounds in zip(self._ends, self._ends[1:], strict=False)
        ]
        return merge(*parts, held)

    def _set_down(self) -> None:
        """Sort what is held, and have it lie on the disk."""
        self._held.sort()
        try:
            if self._file is None:
                self._file = _temporary_file()
            content = b"".join(os.fsencode(name) + END for name in self._held)
            self._file.seek(self._ends[-1])
            _write(self._file, content)
        except OSError as error:
            logger.debug("names of a large folder are held in memory: %s", error)
            self._most = sys.maxsize
            return
        self._ends.append(self._ends[-1] + len(content))
        self._held.clear()

    def _part(self, file: IO[bytes], begin: int, end: int) -> Iterator[str]:
        """The names from one place in the file to another; `self` keeps it open."""
        rest = b""
        while begin < end:
            file.seek(begin)
            block = file.read(min(READ_BYTES, end - begin))
            begin += len(block)
            *complete, rest = (rest + block).split(END)
            yield from map(os.fsdecode, complete)


def _temporary_file() -> IO[bytes]:
    """A file on the disk, without a buffer: what could not be written is not tried again at its end.

    Raises:
        OSError: there is no place for it.
    """
    import tempfile

    folder = scratch_folder()
    if folder is None:
        raise FileNotFoundError("no folder for temporary files can be written")
    file: IO[bytes] = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - closed by who has it
    return file


def _write(file: IO[bytes], content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]
