"""The names of all images of a run, in their order: held small, compared by hashes, and found by position."""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from mlpredict.domain import Rejected, Remote, Source
from mlpredict.domain.parts import NameBlock
from mlpredict.errors import UsageError, describe_os_error
from mlpredict.inputs.reading import NONBLOCKING

BLOCK_NAMES = 1024
LEVEL = 1
"""Of zlib: names of a folder become a tenth, and more effort hardly less."""

SAMPLES = 16
SAMPLE_BYTES = 1 << 16

END = b"\0"
"""What no name has in it."""
NOWHERE, UNREADABLE, IN_BUCKET = b"?", b"!", b"="
"""What stands before a reason, and tells whether there is a file at all; or before what a bucket says."""
REMOTE = "remote"
"""A bucket's list tells by itself whether an object is the same."""

IN_MEMORY = "--run-key is for files: what is in memory has no name by which another process finds it"


class NameList:
    """The names that sources have, from position 0 on; it takes a few bytes a name."""

    def __init__(self, found: Iterable[Source | Rejected]) -> None:
        """Go through all sources.

        Raises:
            UsageError: one is no file.
        """
        self.images = 0
        self._addresses: dict[int, str] = {}
        """Those of the web, whose query may be a key to an image, by position: no list has them."""
        self.leads_somewhere = False
        """Whether any name is that of a file."""
        self.blocks: list[NameBlock] = []
        whole = hashlib.sha256()
        entries: list[bytes] = []
        for position, item in enumerate(found):
            entries.append(_entry(item))
            if isinstance(item, Source) and item.remote is not None and item.remote.url != item.filename:
                self._addresses[position] = item.remote.url
            self.leads_somewhere |= isinstance(item, Source) or not item.nowhere
            if len(entries) == BLOCK_NAMES:
                self._close(entries, whole)
        if entries:
            self._close(entries, whole)
        self.sha256 = whole.digest()

    def _close(self, entries: list[bytes], whole: hashlib._Hash) -> None:
        text = b"".join(entries)
        whole.update(text)
        self.blocks.append(NameBlock(self.images, hashlib.sha256(text).digest(), zlib.compress(text, LEVEL)))
        self.images += len(entries)
        entries.clear()

    def items(self, first: int, last: int) -> Iterator[Source | Rejected]:
        """The sources from one position to another, both included."""
        position = first
        while position <= last:
            block = self.blocks[position // BLOCK_NAMES]
            for item in unpacked(block)[position - block.first : last - block.first + 1]:
                yield self._with_address(position, item)
                position += 1

    def _with_address(self, position: int, item: Source | Rejected) -> Source | Rejected:
        if isinstance(item, Rejected) or item.remote is None or position not in self._addresses:
            return item
        return replace(item, remote=item.remote._replace(url=self._addresses[position]))

    def __iter__(self) -> Iterator[Source | Rejected]:
        return self.items(0, self.images - 1)

    def samples(self) -> dict[str, str]:
        """What tells some files from others of the same names, by their positions."""
        count = min(SAMPLES, self.images)
        positions = {(self.images - 1) * place // max(count - 1, 1) for place in range(count)}
        return {str(position): self._sample(position) for position in sorted(positions)}

    def _sample(self, position: int) -> str:
        (item,) = self.items(position, position)
        if isinstance(item, Rejected):
            return item.reason
        return REMOTE if item.remote is not None else _told(item.path)

    def other_samples(self, others: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """The files that are others than theirs: name, what it is there, and what it is here."""
        for position, there in others.items():
            if (here := self._sample(int(position))) != there:
                (item,) = self.items(int(position), int(position))
                yield described(item), there, here


def unpacked(block: NameBlock) -> list[Source | Rejected]:
    """The sources of a block."""
    parts = zlib.decompress(block.names).split(END)
    pairs = zip(parts[0::2], parts[1::2], strict=False)
    return [_item(block.first + place, name, reason) for place, (name, reason) in enumerate(pairs)]


def first_difference(here: NameBlock | None, there: NameBlock | None) -> tuple[int, str | None, str | None]:
    """The first position at which two blocks differ that begin at the same one; what it is here and there."""
    own = [] if here is None else unpacked(here)
    other = [] if there is None else unpacked(there)
    place = 0
    while place < min(len(own), len(other)) and _entry(own[place]) == _entry(other[place]):
        place += 1
    first = (here or there or NameBlock(0, b"", b"")).first
    mine, theirs = (described(items[place]) if place < len(items) else None for items in (own, other))
    return first + place, mine, theirs


def described(item: Source | Rejected) -> str:
    """A source by its name, and why it cannot be read where that is known."""
    if isinstance(item, Rejected):
        return f"{item.source.filename} ({item.reason})"
    if item.remote is None or item.remote.etag is None:
        return item.filename
    return f"{item.filename} (ETag {item.remote.etag})"


def _entry(item: Source | Rejected) -> bytes:
    if isinstance(item, Source):
        if item.content is not None:
            raise UsageError(IN_MEMORY)
        return os.fsencode(item.path) + END + _of_bucket(item.remote) + END
    mark = NOWHERE if item.nowhere else UNREADABLE
    reason = item.reason.encode("utf-8", "surrogateescape")
    return os.fsencode(item.source.filename) + END + mark + reason + END


def _of_bucket(remote: Remote | None) -> bytes:
    if remote is None:
        return b""
    return IN_BUCKET + f"{'' if remote.size is None else remote.size} {remote.etag or ''}".encode()


def _item(position: int, name: bytes, reason: bytes) -> Source | Rejected:
    source = Source(os.fsdecode(name))
    if not reason:
        return source
    if reason.startswith(IN_BUCKET):
        size, _, etag = reason[1:].decode().partition(" ")
        return replace(source, remote=Remote(source.filename, int(size) if size else None, etag or None))
    text = reason[1:].decode("utf-8", "surrogateescape")
    return Rejected(position, source, text, nowhere=reason[:1] == NOWHERE)


def _told(path: str) -> str:
    """The size of a file and the SHA-256 of its beginning, or why it cannot be read.

    Raises:
        UsageError: it is none, and gives nothing to who reads it second.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | NONBLOCKING)
    except (OSError, ValueError) as error:
        return describe_os_error(error) if isinstance(error, OSError) else str(error)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path}: not a regular file, and no other process would find it")
        digest = hashlib.sha256(os.read(descriptor, SAMPLE_BYTES)).hexdigest()[:16]
    except OSError as error:
        return describe_os_error(error)
    finally:
        os.close(descriptor)
    return f"{status.st_size:,} bytes, SHA-256 {digest}…"
