"""Private files, whatever the umask: nobody else writes them, and what somebody else wrote is not read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

# Neither a link nor a pipe that somebody has put in its place is followed, or waited for.
READING = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


class NotPrivate(PermissionError):
    """A file or folder that somebody else has written, or could write."""


def make_private_folder(folder: Path) -> None:
    """Make a folder that its owner alone may enter, and those above it where they are missing.

    One of one's own that others may write is closed to them.

    Raises:
        NotPrivate: it is somebody else's.
        OSError: it cannot be made.
    """
    if not folder.parent.exists():
        make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat()
    if _is_strange(found):
        raise NotPrivate(0, "it belongs to another user", str(folder))
    if _is_open(found) and found.st_uid == os.geteuid():
        folder.chmod(0o700)


def is_open(folder: Path) -> bool:
    """Whether others than its owner may put files into a folder, or take some out; not if there is none."""
    try:
        return _is_open(folder.stat())
    except OSError:
        return False


def read_private(path: Path) -> bytes:
    """The content of a file that only its owner, or root, can have written.

    Raises:
        NotPrivate: somebody else could have.
        OSError: it cannot be read.
    """
    with open(os.open(path, READING), "rb") as file:
        found = os.fstat(file.fileno())
        if _is_strange(found) or _is_open(found) or not stat.S_ISREG(found.st_mode):
            raise NotPrivate(0, "another user can write it", str(path))
        return file.read()


def _is_strange(found: os.stat_result) -> bool:
    return hasattr(os, "geteuid") and found.st_uid not in (os.geteuid(), 0)


def _is_open(found: os.stat_result) -> bool:
    return os.name == "posix" and bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
