"""Many files decoded at once: by processes, as Python runs one thread of a process at a time.

A process of its own also bounds the damage of a file that a decoder's library dies of, or that takes
too much time or memory.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlpredict.domain import ImageSpec, Rejected, Sample, Source
from mlpredict.inputs.decoding import Asked, Item
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.started_decoder import COMMAND, File, Question, StartedDecoder

if TYPE_CHECKING:
    from mlpredict.inputs.image import Decoded


# Files that are to be decoded, with their positions, among what needs no decoding any more.
Chunk = Sequence[Item]
# A file of so many bytes is decoded when those before it are through.
HEAVY_BYTES = 16 << 20
# While a process decodes one chunk, others lie ready for it.
CHUNKS_EACH = 3
# What a question takes beside names and contents, at most: by itself, and for each of its files.
QUESTION_BYTES = 1 << 10
FILE_BYTES = 32


class Decoders:
    """Processes that decode; use it in a `with` statement, which ends them."""

    def __init__(self, count: int, command: Sequence[str] = COMMAND) -> None:
        """Start so many processes; they come up while this one goes on."""
        self._command = command
        self._processes: list[StartedDecoder] = []
        self.grow(count)

    def grow(self, count: int) -> None:
        """Have at least so many processes."""
        while len(self._processes) < count:
            self._processes.append(StartedDecoder(self._command))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for process in self._processes:
            process.end()

    def decode(
        self, chunks: Iterator[Chunk], spec: ImageSpec, limits: Limits = USUAL_LIMITS
    ) -> Iterator[list[Sample | Rejected]]:
        """Decode the files of every chunk, in order; a file that ends its process is a `Rejected`."""
        asked: deque[tuple[StartedDecoder, Chunk]] = deque()
        processes = cycle(self._processes)
        for chunk in chunks:
            process, heavy = next(processes), _is_heavy(chunk)
            size = _size(chunk)
            while asked and (heavy or not process.has_room(size)):
                yield from _results_of(*asked.popleft())
            process.ask(_question(chunk, spec, limits), size)
            asked.append((process, chunk))
            # It may be large, and the next one is waited for.
            del chunk
            if heavy or len(asked) >= CHUNKS_EACH * len(self._processes):
                yield from _results_of(*asked.popleft())
        while asked:
            yield from _results_of(*asked.popleft())

    def decode_one(self, position: int, source: Source, spec: ImageSpec, limits: Limits) -> Sample | Rejected:
        """Decode a source, with content or without, while nothing else is asked for."""
        (process, *_) = self._processes
        chunk = [Asked(position, source)]
        process.ask(_question(chunk, spec, limits), _size(chunk))
        ((item,),) = _results_of(process, chunk)
        return item


def _is_heavy(chunk: Chunk) -> bool:
    """Whether a chunk is one large file, of which no two should be there at once."""
    if len(chunk) != 1 or not isinstance(chunk[0], Asked):
        return False
    source = chunk[0].source
    try:
        size = os.path.getsize(source.path) if source.content is None else len(source.content)
        return size >= HEAVY_BYTES
    except (OSError, ValueError):
        return False


def _question(chunk: Chunk, spec: ImageSpec, limits: Limits) -> Question:
    return [_file(item.source) for item in chunk if isinstance(item, Asked)], spec, limits


def _file(source: Source) -> File:
    what = source.path if source.content is None else source.content
    return what, source.page, source.prepared, source.miniature


def _size(chunk: Chunk) -> int:
    """How many bytes a question takes on its way, at most."""
    return QUESTION_BYTES + sum(FILE_BYTES + item.bytes_to_send for item in chunk if isinstance(item, Asked))


def _results_of(process: StartedDecoder, chunk: Chunk) -> Iterator[list[Sample | Rejected]]:
    """The items of a chunk, decoded, in the parts they come in."""
    waiting = iter(chunk)
    for part in process.results():
        items = _with_pixels(part, waiting)
        del part
        yield items
        del items
    if rest := [item for item in waiting if not isinstance(item, Asked)]:
        yield rest


def _with_pixels(part: list[Decoded | str], waiting: Iterator[Item]) -> list[Sample | Rejected]:
    from mlpredict.inputs.image import as_sample

    items: list[Sample | Rejected] = []
    for decoded in part:
        while not isinstance(item := next(waiting), Asked):
            items.append(item)
        items.append(as_sample(*item, decoded))
    return items
