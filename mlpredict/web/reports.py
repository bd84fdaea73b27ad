"""Questions over many predictions, one at a time: a million of them take a quarter of a minute."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive

from mlpredict.errors import Cancelled
from mlpredict.storage.history_reads import HistoryReads
from mlpredict.storage.repository import Repository
from mlpredict.web.errors import ClientGone, ReportsWait

SECONDS = 120
"""So long a report may take, the waiting for others not included."""

MOST = 8
"""So many different ones wait, the one that is being made included."""

CANCEL_AGAIN_SECONDS = 0.2
"""A cancellation may come between two statements, and then ends neither."""

Make = Callable[[Repository], bytes]


class Job:
    """A report that is asked for, and how many wait for it."""

    def __init__(self, make: Make) -> None:
        self.waiting = 0
        self.given_up = False
        self._make = make
        self._repository: Repository | None = None
        self._lock = threading.Lock()

    def run(self, reads: HistoryReads) -> bytes:
        """Make it, on a connection that can be told to give up."""

        def make(repository: Repository) -> bytes:
            with self._cancellable(repository):
                return self._make(repository)

        return reads.read(make, isolation="repeatable read", seconds=SECONDS)

    def cancel(self) -> None:
        """Have it end with Cancelled."""
        with self._lock:
            self.given_up = True
            if self._repository is not None:
                self._repository.cancel()

    @contextmanager
    def _cancellable(self, repository: Repository) -> Iterator[None]:
        with self._lock:
            if self.given_up:
                raise Cancelled
            self._repository = repository
        try:
            yield
        finally:
            # From here on the connection may be another request's.
            with self._lock:
                self._repository = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A job in its thread, or on its way there."""

    job: Job
    working: Future[bytes]
    made: asyncio.Future[bytes]
    """The same for the event loop."""


class Reports:
    """Has reports made by one thread; made within the event loop that uses it.

    Whoever asks for what is being made, or waits to be, gets the same one. One that nobody waits for any
    more is given up.
    """

    def __init__(self, reads: HistoryReads) -> None:
        self._reads = reads
        self._threads = ThreadPoolExecutor(1, "report")
        self._loop = asyncio.get_running_loop()
        self._begun: dict[Hashable, Begun] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def report(self, asked: Hashable, make: Make, receive: Receive) -> bytes:
        """What `make` gives; `asked` tells one question from another, and `receive` when its client leaves.

        Raises:
            ReportsWait: too many others wait.
            Cancelled: it takes too long.
            ClientGone: nobody waits for it.
        """
        begun = self._begun.get(asked)
        if begun is None:
            if len(self._begun) >= MOST:
                raise ReportsWait
            begun = self._begin(asked, make)
        begun.job.waiting += 1
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            either: set[asyncio.Future[Any]] = {begun.made, leaving}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not begun.made.done():
                raise ClientGone
            return begun.made.result()
        finally:
            leaving.cancel()
            begun.job.waiting -= 1
            if not begun.job.waiting:
                self._give_up(asked, begun)

    async def close(self) -> None:
        """Give up what is being made, and wait until it has ended."""
        for asked, begun in [*self._begun.items()]:
            self._give_up(asked, begun)
        if self._ending:
            await asyncio.wait(self._ending)
        await asyncio.to_thread(self._threads.shutdown)

    def _begin(self, asked: Hashable, make: Make) -> Begun:
        job = Job(make)

        def run() -> bytes:
            self._loop.call_soon_threadsafe(lambda: self._limit(asked, begun))
            return job.run(self._reads)

        working = self._threads.submit(run)
        begun = Begun(job, working, asyncio.wrap_future(working))
        begun.made.add_done_callback(lambda made: self._done(asked, begun, made))
        self._begun[asked] = begun
        return begun

    def _limit(self, asked: Hashable, begun: Begun) -> None:
        timer = self._loop.call_later(SECONDS, self._give_up, asked, begun)
        begun.made.add_done_callback(lambda _: timer.cancel())

    def _done(self, asked: Hashable, begun: Begun, made: asyncio.Future[bytes]) -> None:
        self._forget(asked, begun)
        if not made.cancelled():
            made.exception()  # looked at, where nobody waits for it any more

    def _forget(self, asked: Hashable, begun: Begun) -> None:
        if self._begun.get(asked) is begun:
            del self._begun[asked]

    def _give_up(self, asked: Hashable, begun: Begun) -> None:
        if begun.made.done() or begun.job.given_up:
            return
        self._forget(asked, begun)
        if begun.working.cancel():  # its turn has not come
            return
        task = asyncio.ensure_future(_ended(begun))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _ended(begun: Begun) -> None:
    while not begun.made.done():
        await asyncio.to_thread(begun.job.cancel)
        await asyncio.wait({begun.made}, timeout=CANCEL_AGAIN_SECONDS)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
