"""Which thread does a batch, and when it begins."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from mlpredict.domain import Rejected, Source
from mlpredict.web.batches import Batcher, Job, Results
from mlpredict.web.errors import Busy

ITEM = Rejected(0, Source("x", b""), "nothing")


@dataclass
class Work:
    """Answers with what was asked, once the `gate` is open, and tells which threads had how much to do."""

    gate: threading.Event = field(default_factory=threading.Event)
    done: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, jobs: Sequence[Job]) -> Results:
        self.done.append((threading.get_ident(), sum(len(job.items) for job in jobs)))
        assert self.gate.wait(60)
        return [[item for item in job.items if isinstance(item, Rejected)] for job in jobs]


def run(work: Work, asking: Any, *, threads: int = 3, most: int = 4) -> None:
    async def main() -> None:
        batcher = Batcher(work, threads=threads, most=most)
        try:
            await asyncio.wait_for(asking(batcher), 30)
        finally:
            work.gate.set()
            batcher.close()

    asyncio.run(main())


async def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_one_thread_does_what_comes_one_after_the_other() -> None:
    work = Work()
    work.gate.set()

    async def asking(batcher: Batcher) -> None:
        for _ in range(20):
            assert await batcher.outcomes([ITEM], 1) == [ITEM]
            await asyncio.sleep(0.002)

    run(work, asking)
    assert len({thread for thread, _ in work.done}) == 1
    assert [images for _, images in work.done] == [1] * 20


def test_another_thread_begins_when_a_batch_is_full() -> None:
    work = Work()

    async def asking(batcher: Batcher) -> None:
        tasks = [asyncio.create_task(batcher.outcomes([ITEM], 1))]
        await until(lambda: len(work.done) == 1)
        tasks += [asyncio.create_task(batcher.outcomes([ITEM], 1)) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert len(work.done) == 1
        tasks += [asyncio.create_task(batcher.outcomes([ITEM], 1)) for _ in range(2)]
        await until(lambda: len(work.done) == 2)
        await asyncio.sleep(0.1)
        work.gate.set()
        assert await asyncio.gather(*tasks) == [[ITEM]] * 6

    run(work, asking)
    assert [images for _, images in work.done] == [1, 4, 1]
    assert work.done[0][0] != work.done[1][0]


def test_what_fills_several_batches_at_once_has_several_threads() -> None:
    work = Work()

    async def asking(batcher: Batcher) -> None:
        tasks = [asyncio.create_task(batcher.outcomes([ITEM] * 4, 1)) for _ in range(3)]
        await until(lambda: len(work.done) == 3)
        work.gate.set()
        await asyncio.gather(*tasks)

    run(work, asking)
    assert len({thread for thread, _ in work.done}) == 3


@pytest.mark.parametrize("threads", [1, 3])
def test_what_waits_is_done_before_it_is_closed(threads: int) -> None:
    work = Work()

    async def asking(batcher: Batcher) -> None:
        tasks = [asyncio.create_task(batcher.outcomes([ITEM], 1)) for _ in range(3)]
        await until(lambda: work.done)
        closing = asyncio.create_task(asyncio.to_thread(batcher.close))
        await asyncio.sleep(0.1)
        work.gate.set()
        assert await asyncio.gather(*tasks) == [[ITEM]] * 3
        await closing
        with pytest.raises(Busy):
            await batcher.outcomes([ITEM], 1)

    run(work, asking, threads=threads)
