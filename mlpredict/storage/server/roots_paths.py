"""Which paths only root can change: what root makes or opens elsewhere, somebody else may swap."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MOST_LINKS = 40
"""The limit of Linux (`path_resolution(7)`)."""


def foreign_part(path: Path) -> Path | None:
    """The first part of an absolute path that others than root can change or replace; None without one.

    Links are walked, as what they lead to can be changed as well. In a directory with the sticky
    bit, such as /tmp, others cannot replace what is root's. What does not exist yet is nobody's.
    """
    place, left = Path("/"), list(path.parts[1:])
    links = 0
    while left:
        name = left.pop(0)
        if name == "..":
            place = place.parent
            continue
        part = place / name
        try:
            status = part.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if status.st_uid != 0:
            return part
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > MOST_LINKS:
                return part
            target = Path(os.readlink(part))
            place = Path("/") if target.is_absolute() else place
            left = [one for one in target.parts if one != "/"] + left
            continue
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX:
            return part
        place = part
    return None
