"""Folders and all below them, each once and in sorted order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Folder(NamedTuple):
    """A folder with the sorted names of what is in it and is none, or why they cannot be told.

    `hidden` are the names of folders in it that are not walked, as they begin with a dot.
    """

    path: str
    files: list[str]
    error: OSError | None = None
    hidden: Sequence[str] = ()


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
            files, subfolders, linked, hidden = _listed(path)
        except OSError as error:
            yield Folder(path, [], error)
            continue
        seen.add(identity)
        yield Folder(path, files, hidden=hidden)
        waiting.extend(subfolders[::-1])
        links.extend(linked)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _listed(path: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """The names of what is no folder, the paths of folders and of links to folders, names of hidden ones."""
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    hidden: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if not _is_folder(entry):
                files.append(entry.name)
            elif entry.name.startswith("."):
                hidden.append(entry.name)
            elif entry.is_symlink():
                links.append(entry.path)
            else:
                folders.append(entry.path)
    return sorted(files), sorted(folders), sorted(links), sorted(hidden)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself: whoever reads it is told so.
        return False
