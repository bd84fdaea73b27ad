"""Paths on the command line → sources, lazily and in a fixed order."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mlpredict.domain import Rejected, Source
from mlpredict.errors import UsageError, describe_os_error
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.reading import READ_BYTES, too_many_bytes

STDIN = "-"
# What looks like an image inside a folder. A file that is named is tried whatever it is called.
IMAGE_SUFFIXES = frozenset(
    [
        ".apng",
        ".avif",
        ".bmp",
        ".dib",
        ".gif",
        ".ico",
        ".j2k",
        ".jfif",
        ".jp2",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pcx",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".sgi",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    ]
)

WEIGHED_ALL = 1000
WEIGHED_OF_MORE = 16
"""Beyond so many files only each of so many is asked for its size, which takes most of the time."""


def discover(names: Iterable[str | Source], limits: Limits = USUAL_LIMITS) -> Iterator[Source | Rejected]:
    """The sources that files, folders and `-` name, numbered from 0 in the order they are found.

    A source that is there already stays in its place. Folders are walked recursively in sorted order.
    A name that leads nowhere is a `Rejected`, and so is standard input when it is larger than a file
    may be.
    """
    position = 0
    for name in names:
        if isinstance(name, Source):
            yield name
            position += 1
            continue
        for found in _sources(name, limits.max_bytes):
            if isinstance(found, Source):
                yield found
            else:
                yield Rejected(position, Source(name), found)
            position += 1


def read_names(listing: BinaryIO, *, separator: bytes) -> Iterator[str]:
    """File names from a list, one a line or one before each NUL; empty ones are passed over."""
    rest = b""
    while block := listing.read1(65536) if hasattr(listing, "read1") else listing.read(65536):
        *complete, rest = (rest + block).split(separator)
        yield from (os.fsdecode(name) for name in complete if name)
    if rest:
        yield os.fsdecode(rest)


def names_from(listing: str, *, separator: bytes) -> Iterator[str]:
    """File names from the file `listing`, or from stdin where it is `-`.

    Raises:
        UsageError: the list cannot be read.
    """
    # Inside a list a dash is a file like any other: stdin may be the list itself.
    if listing == STDIN:
        for name in read_names(sys.stdin.buffer, separator=separator):
            yield _file_name(name)
        return
    try:
        with Path(listing).open("rb") as file:
            for name in read_names(file, separator=separator):
                yield _file_name(name)
    except OSError as error:
        raise UsageError(f"--files-from {listing}: {describe_os_error(error)}") from error


def _file_name(name: str) -> str:
    return os.path.join(os.curdir, name) if name == STDIN else name


def _sources(name: str, max_bytes: int) -> Iterator[Source | str]:
    """Sources, or in their stead the reason why there are none."""
    if name == STDIN:
        yield _standard_input(max_bytes)
    elif os.path.isdir(name):
        yield from _images_in(name)
    elif os.path.lexists(name):
        yield Source(name)
    else:
        yield "no such file or folder"


def _standard_input(max_bytes: int) -> Source | str:
    parts, length = [], 0
    while part := sys.stdin.buffer.read(min(READ_BYTES, max_bytes + 1 - length)):
        parts.append(part)
        length += len(part)
    return Source(STDIN, b"".join(parts)) if length <= max_bytes else too_many_bytes(None, max_bytes)


def _images_in(top: str) -> Iterator[Source | str]:
    empty = True
    for folder in walk(top):
        if folder.error is not None:
            empty = False
            yield f"folder {folder.path}: {describe_os_error(folder.error)}"
        for name in folder.files:
            if looks_like_an_image(name):
                empty = False
                yield Source(os.path.join(folder.path, name))
    if empty:
        yield "no images in this folder"


def looks_like_an_image(name: str) -> bool:
    """Whether a file in a folder is predicted, by its name."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def volume_of(names: Iterable[str], limits: Limits = USUAL_LIMITS) -> tuple[int, int]:
    """How many images files and folders hold, and about how many bytes.

    What is unreadable is not counted, and what is too large to be read weighs nothing.
    """
    images = weighed = 0
    size = 0
    for path in _files_of(names):
        images += 1
        if images <= WEIGHED_ALL or images % WEIGHED_OF_MORE == 0:
            try:
                file_size = os.stat(path).st_size
            except OSError:
                continue  # it will be rejected with this reason
            size += file_size if file_size <= limits.max_bytes else 0
            weighed += 1
    return images, size * images // weighed if weighed else 0


def _files_of(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if os.path.isdir(name):
            yield from _image_paths_in(name)
        else:
            yield name


def _image_paths_in(top: str) -> Iterator[str]:
    for folder in walk(top):
        for name in folder.files:
            if looks_like_an_image(name):
                yield os.path.join(folder.path, name)


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
