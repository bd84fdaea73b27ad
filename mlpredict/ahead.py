"""Iterators that work in threads of their own, a few items ahead of who uses them."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# How often a thread that waits for room looks whether anybody still wants its items.
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Failure:
    """What ended the thread."""

    error: BaseException


class _End:
    """There are no more items."""


def made_ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """The same items, up to `depth` of them made before they are asked for.

    What the iterator raises is raised here. When this generator is closed, the thread ends with
    the item it is making.
    """
    ready: queue.Queue[Item | _Failure | _End] = queue.Queue(maxsize=depth)
    abandoned = threading.Event()

    def put(item: Item | _Failure | _End) -> None:
        while not abandoned.is_set():
            try:
                ready.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put(item)
                if abandoned.is_set():
                    return
            put(_End())
        except BaseException as error:  # noqa: BLE001 - the generator raises it again
            put(_Failure(error))

    threading.Thread(target=work, name="ahead", daemon=True).start()
    try:
        while not isinstance(item := ready.get(), _End):
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        abandoned.set()


def mapped_ahead(
    function: Callable[[Item], Result], items: Iterator[Item], helpers: Callable[[], int]
) -> Iterator[tuple[Item, Result]]:
    """Every item with the function's result, in the items' order; results are made by other threads.

    `helpers` is asked before every item how many may be worked on beside the one that is waited for.
    What the function raises is raised here. When this generator is closed, the threads end with
    what they are working on.
    """
    pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="ahead")
    pending: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(function, item)))
            while len(pending) > helpers():
                first, result = pending.popleft()
                yield first, result.result()
        while pending:
            first, result = pending.popleft()
            yield first, result.result()
    finally:
        pool.shutdown(cancel_futures=True)
