"""Folders and all below them, each once and in sorted order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mlpredict.support.sorting import SortedNames


class Folder(NamedTuple):
    """A folder with the sorted names of what is in it and is none, or why they cannot be told.

    `files` can be gone through once, and are not all held. `hidden` are the names of folders in it that are
    not walked, as they begin with a dot.
    """

    path: str
    files: Iterable[str]
    error: OSError | None = None
    hidden: Sequence[str] = ()


def walk(top: str) -> Iterator[Folder]:
    """A folder and all below it, in sorted order, each before those in it.

    Links to folders are followed when everything else is through: a folder that can be reached
    without them keeps its own name, and one that was walked already is not walked again.
    """
    seen: set[tuple[int, int]] = set()
    links: list[str] = []
    waiting: list[Iterator[str]] = [iter([top])]
    while waiting or links:
        if not waiting:
            waiting, links = [iter(links)], []
        path = next(waiting[-1], None)
        if path is None:
            waiting.pop()
            continue
        try:
            identity = _identity(path)
            if identity in seen:
                continue
            found = _listed(path)
        except OSError as error:
            yield Folder(path, [], error)
            continue
        seen.add(identity)
        yield Folder(path, found.files, hidden=sorted(found.hidden))
        waiting.append(iter(found.folders))
        links += sorted(found.links)
        del found


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


class _Listed:
    """What is in a folder: names of files and hidden folders, paths of other folders and of links to such."""

    def __init__(self) -> None:
        self.files = SortedNames()
        self.folders = SortedNames()
        self.links: list[str] = []
        self.hidden: list[str] = []


def _listed(path: str) -> _Listed:
    listed = _Listed()
    with os.scandir(path) as entries:
        for entry in entries:
            if not _is_folder(entry):
                listed.files.add(entry.name)
            elif entry.name.startswith("."):
                listed.hidden.append(entry.name)
            elif entry.is_symlink():
                listed.links.append(entry.path)
            else:
                listed.folders.add(entry.path)
    return listed


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself: whoever reads it is told so.
        return False
