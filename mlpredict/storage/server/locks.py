"""Locks between processes, on files: the kernel frees them however their holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mlpredict.storage.server.own_files import open_own

POLL_SECONDS = 0.005
PROC_LOCKS = Path("/proc/locks")


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[int | None]:
    """Hold a lock file, open for a child to inherit; None when it is taken and `wait` is off."""
    file = open_own(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(file)
        yield None
        return
    try:
        yield file
    finally:
        os.close(file)


def take(path: Path, operation: int, patience: Callable[[float], bool]) -> int | None:
    """Open a lock file and lock it, shared or exclusively; None when patience has run out.

    `patience` is told how many seconds the lock has been waited for, and says whether to go on.
    A file that was deleted while it was waited for locks nothing: the one in its place is taken.
    """
    started = time.monotonic()
    while True:
        file = open_own(path, os.O_RDWR)
        while not try_lock(file, operation):
            if not patience(time.monotonic() - started):
                os.close(file)
                return None
            time.sleep(POLL_SECONDS)
        if _is_at(file, path):
            return file
        os.close(file)


def try_lock(file: int, operation: int) -> bool:
    """Lock an open file if that is possible at once; a lock of the other kind it had is lost."""
    try:
        fcntl.flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder(path: Path) -> int | None:
    """The process that has a file locked for itself; None where nobody has, or nobody can tell."""
    try:
        inode = path.stat().st_ino
        held = re.findall(rf"^\d+: FLOCK +ADVISORY +WRITE (\d+) \S+:{inode} ", PROC_LOCKS.read_text(), re.M)
    except OSError:
        return None
    return int(held[0]) if held and int(held[0]) > 0 else None


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False
