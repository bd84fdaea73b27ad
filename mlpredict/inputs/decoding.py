"""Sources → samples, in order: here where they are few, by processes beside this one where they are many."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from mlpredict.domain import ImageSpec, Pages, Rejected, Sample, Source
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.remote.names import may_be_many
from mlpredict.settings import available_cores

if TYPE_CHECKING:
    from mlpredict.inputs.decoder_pool import Decoders


# With so many files, or so many bytes of them, decoding takes longer than starting a process for it.
MANY_FILES = 64
MANY_BYTES = 4 << 20
# Smaller files than this, on average, one process decodes as fast as the others store them.
LARGE_FILE_BYTES = 32 << 10
# Larger files than this, on average, are decoded one after another: memory is less than there are cores.
HEAVY_FILE_BYTES = 16 << 20
# What a process is given at a time: a result should fit into a pipe.
CHUNK_FILES = 64
CHUNK_BYTES = 1 << 19
# What the names of a chunk may add up to, in bytes, and what has no name: chunks that wait fit into a pipe
# then.
CHUNK_NAMES = 1 << 13
CHUNK_CONTENTS = 1 << 18
# What of names' characters none takes more of.
CHARACTER_BYTES = 4
# No file system has a longer path.
LONGEST_NAME = 4096


class Asked(NamedTuple):
    """A file that a process is asked to decode."""

    position: int
    source: Source

    @property
    def bytes_to_send(self) -> int:
        """What is sent to the process: a name, or what has none."""
        content = self.source.content
        return CHARACTER_BYTES * len(self.source.path) if content is None else len(content)


Item = Asked | Sample | Rejected


def decode_all(
    found: Iterator[Source | Rejected],
    spec: ImageSpec,
    started: Decoders | None = None,
    limits: Limits = USUAL_LIMITS,
    pages: Pages = Pages.FIRST,
) -> Iterator[Sample | Rejected]:
    """Decode every source, or every page of it; what was rejected already stays in its place.

    Processes that have been `started` already are used, and not ended here.
    """
    if pages is Pages.FIRST:
        yield from _decoded(found, spec, started, limits)
        return
    from mlpredict.inputs.pages import first_pages, with_all_pages

    with SafeDecoder(spec, limits) as decoder:
        yield from with_all_pages(_decoded(first_pages(found), spec, started, limits), decoder.decode)


def _decoded(
    found: Iterator[Source | Rejected], spec: ImageSpec, started: Decoders | None, limits: Limits
) -> Iterator[Sample | Rejected]:
    numbered = enumerate(found)
    first, first_bytes = _first_of(numbered)
    with SafeDecoder(spec, limits) as here:
        if started is None and len(first) < MANY_FILES and first_bytes < MANY_BYTES:
            for position, item in first:
                yield here.decode(position, item) if isinstance(item, Source) else item
            return

        from mlpredict.inputs.decoder_pool import Decoders

        large = LARGE_FILE_BYTES * len(first) <= first_bytes < HEAVY_FILE_BYTES * len(first)
        processes = available_cores() if large else 1
        with nullcontext(started) if started else Decoders(processes) as decoders:
            decoders.grow(processes)
            chunks = _Chunks(_files(chain(_taken(first), numbered), here))
            for items in decoders.decode(chunks.of_equal_weight(), spec, limits):
                chunks.learn(items)
                yield from items
                # They may be large, and others are waited for.
                del items


def _first_of(
    numbered: Iterator[tuple[int, Source | Rejected]],
) -> tuple[deque[tuple[int, Source | Rejected]], int]:
    """As many items as it takes to know that they are many, and how many bytes they have."""
    first: deque[tuple[int, Source | Rejected]] = deque()
    size = held = 0
    while len(first) < MANY_FILES and held < MANY_BYTES and (item := next(numbered, None)) is not None:
        first.append(item)
        size += _file_size(item[1])
        # What is there already takes up memory until its turn comes.
        held += len(item[1].content or b"") if isinstance(item[1], Source) else 0
    return first, size


def _taken(first: deque[tuple[int, Source | Rejected]]) -> Iterator[tuple[int, Source | Rejected]]:
    """The first items, each given away for good."""
    while first:
        yield first.popleft()


def start_decoders(names: Sequence[str]) -> AbstractContextManager[Decoders | None]:
    """A process that decodes, where names promise many files: it comes up while a model is loaded."""
    if not _promise_many(names):
        return nullcontext()
    from mlpredict.inputs.decoder_pool import Decoders

    return Decoders(1)


def _promise_many(names: Sequence[str]) -> bool:
    count = 0
    for name in names:
        if may_be_many(name):
            return True
        count += _entries(name) if os.path.isdir(name) else 1
        if count >= MANY_FILES:
            return True
    return False


def _entries(folder: str) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(1 for _ in islice(entries, MANY_FILES))
    except OSError:
        return 0


def weight(item: Sample | Rejected) -> int:
    """Bytes of an image, as a file and as pixels."""
    return len(item.content) + item.pixels.nbytes if isinstance(item, Sample) else 0


def _file_size(item: Source | Rejected) -> int:
    source = item.source if isinstance(item, Rejected) else item
    try:
        return os.path.getsize(source.path) if source.content is None else len(source.content)
    except (OSError, ValueError):
        # Decoding will tell what is wrong with it.
        return 0


def _files(numbered: Iterator[tuple[int, Source | Rejected]], here: SafeDecoder) -> Iterator[Item]:
    """Files that a process can be asked for; anything else is decoded now."""
    for position, item in numbered:
        if isinstance(item, Rejected):
            yield item
        elif item.content is not None or len(item.path) < LONGEST_NAME:
            yield Asked(position, item)
        else:
            yield here.decode(position, item)


class _Chunks:
    """Items by the chunk: many small files or a few large ones, as large as the last ones were."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._size = 1

    def of_equal_weight(self) -> Iterator[list[Item]]:
        chunk: list[Item] = []
        names = contents = 0
        for item in self._items:
            chunk.append(item)
            if isinstance(item, Asked):
                has_name = item.source.content is None
                names += item.bytes_to_send if has_name else 0
                contents += 0 if has_name else item.bytes_to_send
            del item
            if len(chunk) >= self._size or names >= CHUNK_NAMES or contents >= CHUNK_CONTENTS:
                yield chunk
                chunk, names, contents = [], 0, 0
        if chunk:
            yield chunk

    def learn(self, decoded: list[Sample | Rejected]) -> None:
        """How large files are, from a chunk of them."""
        mean = sum(map(weight, decoded)) // len(decoded)
        self._size = max(1, min(CHUNK_FILES, CHUNK_BYTES // (1 + mean)))


class SafeDecoder:
    """Decodes what is harmless in this process, and anything else in one that it starts for it.

    Any thread may use it; what is not harmless is decoded one at a time. Use it in a `with` statement,
    or close it: that ends the process.
    """

    def __init__(self, spec: ImageSpec, limits: Limits = USUAL_LIMITS) -> None:
        self._spec = spec
        self._limits = limits
        self._decoders: Decoders | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that was started."""
        if self._decoders is not None:
            self._decoders.close()

    def decode(self, position: int, source: Source) -> Sample | Rejected:
        """Decode a source."""
        return self.decode_here(position, source) or self.decode_apart(position, source)

    def decode_here(self, position: int, source: Source) -> Sample | Rejected | None:
        """Decode a source if its header says that it takes little time and memory; None for any other."""
        from mlpredict.inputs.image import decode_if_harmless

        return decode_if_harmless(position, source, self._spec, self._limits)

    def decode_apart(self, position: int, source: Source) -> Sample | Rejected:
        """Decode a source in the process beside this one, when it is done with others."""
        with self._lock:
            if self._decoders is None:
                from mlpredict.inputs.decoder_pool import Decoders

                self._decoders = Decoders(1)
            return self._decoders.decode_one(position, source, self._spec, self._limits)
