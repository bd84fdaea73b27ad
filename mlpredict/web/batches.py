"""Requests that arrive together become one batch."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlpredict.domain import KeyedRequest, PredictionRecord, Rejected, Sample, Source
from mlpredict.errors import AlreadyAnswered
from mlpredict.web.errors import Busy

# A batch travels to the database in one piece.
BATCH_BYTES = 32 << 20

Outcome = PredictionRecord | Rejected
"""Nothing is skipped here: whoever sends an image wants its prediction."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An image that is yet to be decoded."""

    position: int
    source: Source


Item = Pending | Sample | Rejected


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """The images of one request, and who waits for their outcomes, which come in the same order."""

    items: Sequence[Item]
    weight: int
    """In bytes."""
    answer: asyncio.Future[list[Outcome]]
    request: KeyedRequest | None = None
    """Where it may be repeated."""


Results = list[list[Outcome] | AlreadyAnswered]
"""What became of jobs; of a request that was answered elsewhere meanwhile, just that."""

Work = Callable[[Sequence[Job]], Results]


class Batcher:
    """Threads that take all the jobs there are, at once, and do them as one batch.

    A job that comes while nobody works is begun at once. While a thread works, jobs gather, and
    another begins when they fill a batch: small batches of several threads take longer than a larger
    one of one. Used from one event loop.
    """

    def __init__(self, work: Work, *, threads: int, most: int) -> None:
        """`most` is how many images a batch has at most, unless one job has more."""
        self._work = work
        self._most = most
        self._jobs: deque[Job] = deque()
        self._images = self._working = self._waking = 0
        self._closed = False
        self._lock = threading.Lock()
        self._idle: list[threading.Condition] = []
        """What the threads wait for that have nothing to do; the last one is that which worked last."""
        self._loop = asyncio.get_running_loop()
        self._threads = [
            threading.Thread(target=self._run, name="batches", daemon=True) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def outcomes(
        self, items: Sequence[Item], weight: int, request: KeyedRequest | None = None
    ) -> list[Outcome]:
        """Have images predicted that weigh so many bytes.

        Raises:
            Busy: this is closed.
            AlreadyAnswered: the request was answered elsewhere meanwhile.
            Exception: whatever the work raises.
        """
        job = Job(items, weight, self._loop.create_future(), request)
        with self._lock:
            if self._closed:
                raise Busy("The server is being stopped.")
            self._jobs.append(job)
            self._images += len(items)
            self._wake_where_due()
        return await job.answer

    def close(self) -> None:
        """Let the threads do what waits, and wait for them."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._wake()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        woken = threading.Condition(self._lock)
        while batch := self._take(woken):
            result: Results | BaseException
            try:
                result = self._work(batch)
            except BaseException as error:  # noqa: BLE001 - those who wait raise it
                result = error
            self._loop.call_soon_threadsafe(_answer, batch, result)
            with self._lock:
                self._working -= 1

    def _take(self, woken: threading.Condition) -> list[Job]:
        with self._lock:
            while not (self._is_due or self._closed):
                self._idle.append(woken)
                woken.wait()
                self._waking -= 1
            batch = self._first_jobs()
            self._images -= sum(len(job.items) for job in batch)
            self._working += bool(batch)
            self._wake_where_due()
            return batch

    def _first_jobs(self) -> list[Job]:
        """As many of those that wait as a batch takes."""
        batch: list[Job] = []
        images = weight = 0
        while self._jobs:
            images += len(self._jobs[0].items)
            weight += self._jobs[0].weight
            if batch and (images > self._most or weight > BATCH_BYTES):
                break
            batch.append(self._jobs.popleft())
        return batch

    def _wake_where_due(self) -> None:
        """Have a batch begun, if it is time and nobody is about to."""
        if self._idle and not self._waking and self._is_due:
            self._wake()

    def _wake(self) -> None:
        """Wake the thread that worked last: the processor's cache has what it needs."""
        self._waking += 1
        self._idle.pop().notify()

    @property
    def _is_due(self) -> bool:
        """Whether a batch is to be begun."""
        return self._images > 0 and (not self._working or self._images >= self._most)


def _answer(batch: Sequence[Job], results: Results | BaseException) -> None:
    for number, job in enumerate(batch):
        if job.answer.done():  # whoever asked has gone
            continue
        result = results if isinstance(results, BaseException) else results[number]
        if isinstance(result, BaseException):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result)
