"""Remote sources → the same with their bytes: many requests at once, in order, in bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from mlpredict.domain import Rejected, Source
from mlpredict.inputs.passed_over import PassedOver
from mlpredict.inputs.reading import Unusable
from mlpredict.inputs.remote.reading import NoImage, read_remote

Found = Source | Rejected

REQUESTS = 32
"""In flight at once: a bucket answers each after some hundredths of a second."""
AHEAD = 2 * REQUESTS
"""What may be there, or on its way, before it is taken."""
ROOM_BYTES = 48 << 20
"""What all of them may take up together; one by itself may be larger."""


class _Abandoned(Exception):
    """Nobody wants it any more."""


class Room:
    """Bytes for what is on its way. Whoever is first in the row always gets some: nobody waits for ever."""

    def __init__(self, most: int = ROOM_BYTES) -> None:
        self._most = most
        self._taken: dict[int, int] = {}
        self._first = 0
        self._abandoned = False
        self._changed = threading.Condition()

    def take(self, turn: int, size: int) -> None:
        """Wait until there is room for so many bytes; what the same turn had before is given back."""
        with self._changed:
            self._taken.pop(turn, None)
            self._changed.wait_for(
                lambda: self._abandoned or turn == self._first or self._total() + size <= self._most
            )
            if self._abandoned:
                raise _Abandoned
            self._taken[turn] = size

    def give_back(self, turn: int) -> None:
        """What was taken by a turn, and whose turn is next."""
        with self._changed:
            self._taken.pop(turn, None)
            self._first = turn + 1
            self._changed.notify_all()

    def abandon(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody wants anything any more."""
        return self._abandoned

    def _total(self) -> int:
        return sum(self._taken.values())


class _Fetch:
    """A source on its way; a result, or an error of the program's own, is there when `done` is set."""

    __slots__ = ("done", "error", "result", "source", "turn")

    def __init__(self, turn: int, source: Found) -> None:
        self.turn = turn
        self.source = source
        self.result: Found | NoImage | None = None
        self.error: BaseException | None = None
        self.done = threading.Event()


def fetched(found: Iterator[Found], max_bytes: int, passed_over: PassedOver) -> Iterator[Found]:
    """Sources and what was rejected, in their order; what is remote has its bytes, or is rejected.

    What turns out to be no image where nobody has said so is counted in `passed_over`.
    """
    with Downloads(max_bytes) as downloads:
        row: deque[_Fetch] = deque()
        for turn, item in enumerate(found):
            row.append(downloads.start(turn, item))
            while row and (len(row) >= AHEAD or row[0].done.is_set()):
                yield from downloads.taken(row.popleft(), passed_over)
        while row:
            yield from downloads.taken(row.popleft(), passed_over)


class Downloads:
    """Threads that fetch; use it in a `with` statement, after which they end with what they are fetching."""

    def __init__(self, max_bytes: int, room: Room | None = None) -> None:
        self._max_bytes = max_bytes
        self._room = room or Room()
        self._waiting: SimpleQueue[_Fetch | None] = SimpleQueue()
        self._threads = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.abandon()
        for _ in range(self._threads):
            self._waiting.put(None)

    def start(self, turn: int, source: Found) -> _Fetch:
        """Have a source fetched, if it is remote; anything else is there already."""
        fetch = _Fetch(turn, source)
        if isinstance(source, Rejected) or source.remote is None or source.content is not None:
            fetch.result = source
            fetch.done.set()
            return fetch
        self._waiting.put(fetch)
        if self._threads < REQUESTS:
            self._threads += 1
            threading.Thread(target=self._work, name="fetch", daemon=True).start()
        return fetch

    def taken(self, fetch: _Fetch, passed_over: PassedOver) -> Iterator[Found]:
        """What became of a source, waited for; its memory is another's when the next one is asked for."""
        fetch.done.wait()
        if fetch.error is not None:
            raise fetch.error
        result, fetch.result = fetch.result, None
        if isinstance(result, NoImage):
            assert isinstance(fetch.source, Source)
            passed_over.add(fetch.source.filename, str(result))
        elif result is not None:
            yield result
        del result
        self._room.give_back(fetch.turn)

    def _work(self) -> None:
        while (fetch := self._waiting.get()) is not None and not self._room.is_abandoned:
            try:
                fetch.result = self._result(fetch)
            except _Abandoned:
                return
            except BaseException as error:  # noqa: BLE001 - whoever waits raises it
                fetch.error = error
            fetch.done.set()
            del fetch

    def _result(self, fetch: _Fetch) -> Found | NoImage:
        source = fetch.source
        assert isinstance(source, Source)
        assert source.remote is not None
        try:
            take_room = partial(self._room.take, fetch.turn)
            got = read_remote(source.remote, self._max_bytes, take_room)
            return replace(source, content=got.content, remote=got.remote)
        except Unusable as reason:
            return Rejected(0, source, str(reason))
        except NoImage as kind:
            return kind
