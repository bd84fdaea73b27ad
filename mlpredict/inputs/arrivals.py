"""What appears in folders: each file once it is complete, and again when it has changed."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from mlpredict.domain import Rejected, Sample, Source
from mlpredict.errors import describe_os_error
from mlpredict.inputs.folders import walk
from mlpredict.inputs.open_files import is_being_written
from mlpredict.inputs.passed_over import why_passed_over
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

OLD_SECONDS = 60.0
"""A file that nobody has touched for so long is complete, however new it is to this program."""

DOUBT_SECONDS = 10.0
"""What cannot be decoded may be half there yet: after so long it is tried once more."""

TAKEN_AT_ONCE = 500

WATCHING_SHARE = 200
"""Looking through the folders takes one part in so many of the time at most."""


class _Waiting(NamedTuple):
    """A file that may be incomplete: what it was like, and from when on that counts."""

    stamp: int
    since: float


class Arrivals:
    """The files of folders that are new or changed, as soon as nobody seems to write to them any more.

    A file is taken when its size and times have not changed for `settle` seconds and, where the system
    tells, nobody has it open for writing. `notice` is told what has changed; what is not told of is found by
    looking, every `poll` seconds or less often where that takes long.
    """

    def __init__(
        self,
        folders: Sequence[str],
        settle: float,
        poll: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = folders
        self._settle, self._poll, self._now = settle, poll, now
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._doubted: set[str] = set()
        self._next_look = 0.0
        self._unreadable: set[str] = set()

    def notice(self, paths: Iterable[str]) -> None:
        """Look at files, or at folders that may be new."""
        for path in paths:
            if os.path.isdir(path):
                self._look_into(path, set(), set())
            else:
                self._see(path)

    def look(self) -> None:
        """Look through all folders, if it is time to."""
        began = self._now()
        if began < self._next_look:
            return
        seen: set[str] = set()
        unreadable: set[str] = set()
        for folder in self._folders:
            self._look_into(folder, seen, unreadable)
        self._unreadable &= unreadable
        # What is gone is not remembered; where a folder could not be read, nobody knows.
        if not unreadable:
            self._taken = {path: stamp for path, stamp in self._taken.items() if path in seen}
            self._doubted &= seen
        self._next_look = self._now() + max(self._poll, WATCHING_SHARE * (self._now() - began))

    @property
    def patience(self) -> float:
        """For how many seconds there is nothing to do, if nothing is noticed meanwhile."""
        due = self._next_look
        if self._waiting:
            due = min(due, min(one.since for one in self._waiting.values()) + self._settle)
        return max(0.0, due - self._now())

    def take(self) -> list[Source]:
        """Some of the files that are complete, the ones that have waited longest first."""
        now = self._now()
        taken: list[Source] = []
        for path, waiting in list(self._due(now)):
            stamp = _stamp(path)
            if stamp is None:
                del self._waiting[path]
            elif stamp != waiting.stamp or is_being_written(path):
                self._waiting[path] = _Waiting(stamp, now)
            else:
                del self._waiting[path]
                self._taken[path] = stamp
                if why_passed_over(path, os.path.basename(path)) is None:
                    taken.append(Source(path))
        return taken

    def is_final(self, item: Sample | Rejected) -> bool:
        """Whether what came of a file that was taken is the last word; else it is taken again.

        It is not where the file has changed or gone while it was read, nor where what cannot be decoded may
        not be complete.
        """
        path, now = item.source.path, self._now()
        stamp = _stamp(path)
        if stamp is None:
            self._taken.pop(path, None)
            logger.debug("%s: gone before it was read", path)
            return False
        if stamp != self._taken.get(path):
            self._wait_again(path, stamp, now)
            return False
        if isinstance(item, Rejected) and path not in self._doubted and not _is_old(path):
            self._doubted.add(path)
            self._wait_again(path, stamp, now + DOUBT_SECONDS - self._settle)
            return False
        self._doubted.discard(path)
        return True

    def _wait_again(self, path: str, stamp: int, since: float) -> None:
        self._taken.pop(path, None)
        self._waiting[path] = _Waiting(stamp, since)

    def _due(self, now: float) -> Iterator[tuple[str, _Waiting]]:
        count = 0
        for path, waiting in self._waiting.items():
            if now - waiting.since >= self._settle:
                yield path, waiting
                count += 1
                if count == TAKEN_AT_ONCE:
                    return

    def _look_into(self, top: str, seen: set[str], unreadable: set[str]) -> None:
        for folder in walk(top):
            if folder.error is not None:
                unreadable.add(folder.path)
                if folder.path not in self._unreadable:
                    self._unreadable.add(folder.path)
                    logger.warning("folder %s: %s", folder.path, describe_os_error(folder.error))
            for name in folder.files:
                path = os.path.join(folder.path, name)
                seen.add(path)
                self._see(path)

    def _see(self, path: str) -> None:
        stamp = _stamp(path)
        if stamp is None:
            self._waiting.pop(path, None)
            return
        waiting = self._waiting.get(path)
        if stamp == (self._taken.get(path) if waiting is None else waiting.stamp):
            return
        known = path in self._taken or waiting is not None
        self._taken.pop(path, None)
        self._waiting[path] = _Waiting(stamp, 0.0 if not known and _is_old(path) else self._now())


def _stamp(path: str) -> int | None:
    """A number that changes when a file does; None where there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return hash((status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))


def _is_old(path: str) -> bool:
    """Whether nobody has touched a file for long, by the clocks of this machine and of the file's."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return time.time() - max(status.st_mtime, status.st_ctime) >= OLD_SECONDS
