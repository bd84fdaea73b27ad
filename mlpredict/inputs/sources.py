"""Paths on the command line → sources, lazily and in a fixed order."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from mlpredict.domain import Rejected, Source
from mlpredict.errors import describe_os_error
from mlpredict.inputs.folders import walk
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.passed_over import HIDDEN, PassedOver, why_passed_over
from mlpredict.inputs.reading import READ_BYTES, too_many_bytes
from mlpredict.inputs.remote.names import safe_name
from mlpredict.support.addresses import is_remote

if TYPE_CHECKING:
    from mlpredict.inputs.remote.versions import KnownVersions

STDIN = "-"

WEIGHED_ALL = 1000
WEIGHED_OF_MORE = 16
"""Beyond so many files only each of so many is asked for its size, which takes most of the time."""


class Nowhere(str):
    """Why a name gives no source where there is nothing at all, not even a file that could be at fault."""

    __slots__ = ()


def discover(
    names: Iterable[str | Source],
    limits: Limits = USUAL_LIMITS,
    passed_over: PassedOver | None = None,
    known: KnownVersions | None = None,
) -> Iterator[Source | Rejected]:
    """The sources that files, folders and `-` name, numbered from 0 in the order they are found.

    A source that is there already stays in its place. Folders are walked recursively in sorted order, and
    prefixes of buckets in that of the bucket; what in them is no image is counted in `passed_over`. What
    is remote is given when it has been fetched. A name that leads nowhere is a `Rejected`, and
    so is standard input when it is larger than a file may be. Objects of a listing that are `known` are not
    fetched: see `Rejected.predicted`.
    """
    counted = passed_over or PassedOver()
    yield from _numbered(with_remote(_found(names, limits, counted, known), limits, counted))


def listed(
    names: Iterable[str | Source], limits: Limits = USUAL_LIMITS, passed_over: PassedOver | None = None
) -> Iterator[Source | Rejected]:
    """The same, without fetching what is remote.

    An object of a bucket whose name does not tell what it is counts as an image here.
    """
    yield from _numbered(_found(names, limits, passed_over or PassedOver()))


def _numbered(items: Iterable[Source | Rejected]) -> Iterator[Source | Rejected]:
    for position, item in enumerate(items):
        yield item if isinstance(item, Source) else item._replace(position=position)


def _found(
    names: Iterable[str | Source],
    limits: Limits,
    passed_over: PassedOver,
    known: KnownVersions | None = None,
) -> Iterator[Source | Rejected]:
    for name in names:
        if isinstance(name, Source):
            yield name
            continue
        for found in _sources(name, limits.max_bytes, passed_over, known):
            if isinstance(found, str):
                source = Source(safe_name(name))
                yield Rejected(0, source, str(found), nowhere=isinstance(found, Nowhere))
            else:
                yield found


def with_remote(
    found: Iterator[Source | Rejected], limits: Limits, passed_over: PassedOver
) -> Iterator[Source | Rejected]:
    """The same, with what is remote fetched, which is prepared for when the first one comes."""
    for item in found:
        if isinstance(item, Source) and item.remote is not None:
            from mlpredict.inputs.remote.fetching import fetched

            yield from fetched(chain([item], found), limits.max_bytes, passed_over)
            return
        yield item


def _sources(
    name: str, max_bytes: int, passed_over: PassedOver, known: KnownVersions | None
) -> Iterator[Source | Rejected | str]:
    """Sources, or in their stead the reason why there are none."""
    if name == STDIN:
        yield _standard_input(max_bytes)
    elif is_remote(name):
        from mlpredict.inputs.remote.listing import remote_sources

        yield from remote_sources(name, passed_over, known)
    elif os.path.isdir(name):
        yield from _images_in(name, passed_over)
    elif os.path.lexists(name):
        yield Source(name)
    else:
        yield Nowhere("no such file or folder")


def _standard_input(max_bytes: int) -> Source | str:
    parts, length = [], 0
    while part := sys.stdin.buffer.read(min(READ_BYTES, max_bytes + 1 - length)):
        parts.append(part)
        length += len(part)
    return Source(STDIN, b"".join(parts)) if length <= max_bytes else too_many_bytes(None, max_bytes)


def _images_in(top: str, passed_over: PassedOver) -> Iterator[Source | str]:
    empty = True
    for folder in walk(top):
        if folder.error is not None:
            empty = False
            yield f"folder {folder.path}: {describe_os_error(folder.error)}"
        for name in folder.hidden:
            passed_over.add(os.path.join(folder.path, name, ""), HIDDEN)
        for name in folder.files:
            path = os.path.join(folder.path, name)
            if (kind := why_passed_over(path, name)) is not None:
                passed_over.add(path, kind)
                continue
            empty = False
            yield Source(path)
    if empty:
        yield Nowhere("no images in this folder")


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
        paths = ((os.path.join(folder.path, name), name) for name in folder.files)
        yield from (path for path, name in paths if why_passed_over(path, name) is None)
