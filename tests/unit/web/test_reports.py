"""Reports are made one at a time, once for all that ask the same, and given up when nobody waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from mlpredict.errors import Cancelled
from mlpredict.storage.history_reads import HistoryReads
from mlpredict.storage.pool import ReadPool
from mlpredict.storage.repository import Repository
from mlpredict.web import reports as reports_module
from mlpredict.web.errors import ClientGone, ReportsWait
from mlpredict.web.reports import Reports

SECONDS = 60.0


class FakeRepository:
    """Works until it is told to go on, or to give up."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


class FakePool:
    """Counts the repositories that are used, and how many at a time."""

    def __init__(self) -> None:
        self.used: list[FakeRepository] = []
        self.now = self.most = 0

    @contextmanager
    def repository(self, **_options: Any) -> Iterator[FakeRepository]:
        self.used.append(FakeRepository())
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            yield self.used[-1]
        finally:
            self.now -= 1


class Bench:
    """Reports over a fake pool, whose making waits for `go`."""

    def __init__(self) -> None:
        self.pool = FakePool()
        self.reports = Reports(HistoryReads(cast(ReadPool, self.pool)))
        self.go = threading.Event()

    def make(self, repository: Repository) -> bytes:
        fake = cast(FakeRepository, repository)
        while not self.go.wait(0.01):
            if fake.cancelled.is_set():
                raise Cancelled
        return b"made"

    def ask(self, asked: str, gone: asyncio.Event | None = None) -> Awaitable[bytes]:
        leaving = gone or asyncio.Event()

        async def receive() -> dict[str, str]:
            await leaving.wait()
            return {"type": "http.disconnect"}

        return asyncio.ensure_future(self.reports.report(asked, self.make, receive))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not true():
                await asyncio.sleep(0.005)


def run(test: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        bench = Bench()
        try:
            await test(bench)
        finally:
            await bench.reports.close()

    asyncio.run(main())


def test_the_same_question_is_answered_once_for_all() -> None:
    async def test(bench: Bench) -> None:
        asked = [bench.ask("same") for _ in range(10)]
        await bench.until(lambda: len(bench.pool.used) == 1)
        bench.go.set()
        assert await asyncio.gather(*asked) == [b"made"] * 10
        assert len(bench.pool.used) == 1
        assert await bench.ask("same") == b"made"
        assert len(bench.pool.used) == 2

    run(test)


def test_others_take_turns_and_too_many_are_refused() -> None:
    async def test(bench: Bench) -> None:
        asked = [bench.ask(str(number)) for number in range(reports_module.MOST)]
        await asyncio.sleep(0)
        with pytest.raises(ReportsWait):
            await bench.ask("one more")
        bench.go.set()
        assert await asyncio.gather(*asked) == [b"made"] * reports_module.MOST
        assert bench.pool.most == 1

    run(test)


def test_what_nobody_waits_for_is_given_up() -> None:
    async def test(bench: Bench) -> None:
        gone = [asyncio.Event(), asyncio.Event()]
        first, second = (bench.ask("same", one) for one in gone)
        waiting = bench.ask("waiting", gone[1])
        await bench.until(lambda: len(bench.pool.used) == 1)
        gone[0].set()
        with pytest.raises(ClientGone):
            await first
        await asyncio.sleep(0.05)
        assert not bench.pool.used[0].cancelled.is_set()
        gone[1].set()
        for left in (second, waiting):
            with pytest.raises(ClientGone):
                await left
        await bench.until(bench.pool.used[0].cancelled.is_set)
        await bench.until(lambda: bench.pool.now == 0)
        bench.go.set()
        assert await bench.ask("same") == b"made"
        assert len(bench.pool.used) == 2  # what only waited was never begun

    run(test)


def test_what_takes_too_long_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_module, "SECONDS", 0.05)

    async def test(bench: Bench) -> None:
        with pytest.raises(Cancelled):
            await bench.ask("long")
        bench.go.set()
        assert await bench.ask("short") == b"made"

    run(test)


def test_a_server_that_ends_gives_up_its_reports() -> None:
    async def main() -> None:
        bench = Bench()
        asked = bench.ask("long")
        await bench.until(lambda: len(bench.pool.used) == 1)
        async with asyncio.timeout(SECONDS):
            await bench.reports.close()
        with pytest.raises(Cancelled):
            await asked

    asyncio.run(main())
