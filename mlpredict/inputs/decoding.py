"""Sources → samples, in order: here where they are few, by processes beside this one where they are many."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from mlpredict.ahead import mapped_ahead
from mlpredict.domain import ImageSpec, Rejected, Sample, Source
from mlpredict.inputs.decode import decode
from mlpredict.settings import available_cores

if TYPE_CHECKING:
    from mlpredict.inputs.decoders import Decoders

# With so many files, or so many bytes of them, decoding takes longer than starting a process for it.
MANY_FILES = 64
MANY_BYTES = 4 << 20
# Smaller files than this, on average, one process decodes as fast as the others store them.
LARGE_FILE_BYTES = 32 << 10
# What a process is given at a time.
CHUNK_FILES = 64
CHUNK_BYTES = 1 << 20

Numbered = tuple[int, "Source | Rejected"]


def decode_all(found: Iterator[Source | Rejected], spec: ImageSpec) -> Iterator[Sample | Rejected]:
    """Decode every source; what was rejected already stays in its place."""
    numbered = enumerate(found)
    first = list(islice(numbered, MANY_FILES))
    first_bytes = sum(_file_size(item) for _, item in first)
    if len(first) < MANY_FILES and first_bytes < MANY_BYTES:
        for position, item in first:
            yield decode(position, item, spec) if isinstance(item, Source) else item
        return

    from mlpredict.inputs.decoders import Decoders

    processes = available_cores() if first_bytes >= LARGE_FILE_BYTES * len(first) else 1
    with Decoders(processes) as decoders:
        chunks = _Chunks(decoders, spec)
        # Beside each chunk that a process decodes, another waits for it.
        for _, items in mapped_ahead(chunks.decode, chunks.of(chain(first, numbered)), 2 * processes):
            yield from items


def weight(item: Sample | Rejected) -> int:
    """Bytes of an image, as a file and as pixels."""
    return len(item.content) + item.pixels.nbytes if isinstance(item, Sample) else 0


def _file_size(item: Source | Rejected) -> int:
    try:
        return os.path.getsize(item.source.filename if isinstance(item, Rejected) else item.filename)
    except (OSError, ValueError):
        # Decoding will tell what is wrong with it, and standard input is no file.
        return 0


class _Chunks:
    """Sources by the chunk: many small files or a few large ones, as the last chunk had them."""

    def __init__(self, decoders: Decoders, spec: ImageSpec) -> None:
        self._decoders = decoders
        self._spec = spec
        self._size = 1

    def of(self, numbered: Iterator[Numbered]) -> Iterator[list[Numbered]]:
        while chunk := list(islice(numbered, self._size)):
            yield chunk

    def decode(self, chunk: Sequence[Numbered]) -> list[Sample | Rejected]:
        items = self._decoders.decode(chunk, self._spec)
        self._size = max(1, min(CHUNK_FILES, CHUNK_BYTES * len(chunk) // (1 + sum(map(weight, items)))))
        return items
