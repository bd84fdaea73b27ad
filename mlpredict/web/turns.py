"""Threads that are shared fairly: requests take turns, whatever each of them has to do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")


class Turns:
    """So many threads; where more is to be done, each request has one thing done in its turn.

    Whoever asks for a hundred things waits for them between those of others. Used from one event loop.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._loop = asyncio.get_running_loop()

    async def run(
        self,
        request: Hashable,
        work: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **options: Parameters.kwargs,
    ) -> Result:
        """What `work` gives, done in a thread when it is this request's turn."""
        await self._turn(request)
        try:
            job = self._threads.submit(work, *arguments, **options)
        except BaseException:
            self._next()
            raise
        # Not when whoever waits has gone, but when the thread is free again.
        job.add_done_callback(self._done)
        return await asyncio.wrap_future(job)

    def close(self) -> None:
        """Wait for what is being done."""
        self._threads.shutdown()

    async def _turn(self, request: Hashable) -> None:
        if self._free:
            self._free -= 1
            return
        mine = self._loop.create_future()
        self._waiting.setdefault(request, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()  # it had its turn just then
            raise

    def _done(self, _job: Future[Result]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._next)

    def _next(self) -> None:
        """Give a free thread to the request that has waited longest for its turn."""
        while self._waiting:
            request = next(iter(self._waiting))
            queue = self._waiting.pop(request)
            one = queue.popleft()
            if queue:
                self._waiting[request] = queue  # behind all others
            if not one.done():
                one.set_result(None)
                return
        self._free += 1
