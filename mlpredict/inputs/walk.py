"""A folder → the folders in it, each real one once, however links lead round in circles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple


class Folder(NamedTuple):
    """A folder with the sorted names of what is in it and is none, or why they cannot be told."""

    path: str
    files: list[str]
    error: OSError | None = None


def walk(top: str) -> Iterator[Folder]:
    """A folder and all below it, in sorted order, each before those in it.

    Links to folders are followed when everything else is through: a folder that can be reached
    without them keeps its own name, and one that was walked already is not walked again.
    """
    seen: set[tuple[int, int]] = set()
    links: list[str] = []
    waiting = [top]
    while waiting or links:
        if not waiting:
            waiting, links = links[::-1], []
        path = waiting.pop()
        try:
            identity = _identity(path)
            if identity in seen:
                continue
            files, subfolders, linked = _listed(path)
        except OSError as error:
            yield Folder(path, [], error)
            continue
        seen.add(identity)
        yield Folder(path, files)
        waiting.extend(subfolders[::-1])
        links.extend(linked)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _listed(path: str) -> tuple[list[str], list[str], list[str]]:
    """The names of what is no folder, and the paths of folders and of links to folders."""
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if not _is_folder(entry):
                files.append(entry.name)
            elif entry.is_symlink():
                links.append(entry.path)
            else:
                folders.append(entry.path)
    return sorted(files), sorted(folders), sorted(links)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself: whoever reads it is told so.
        return False
