"""Iterators that work in threads of their own, some items ahead of who uses them."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

ABANDONED_SECONDS = 0.5
"""How long an abandoned thread is waited for; it ends with the item it is making."""

TICK_SECONDS = 0.1
"""After which it is noticed that no more is wanted."""


def never() -> bool:
    """What is asked where nothing ends early."""
    return False


class Prefetched(Generic[Item]):
    """The items of an iterator, made in a thread of its own as long as a `with` block lasts.

    So many items may wait to be taken, and together they may be so large; one may be larger. With `held`
    those that were taken count until they are released. What
    the iterator raises is raised after the items before it. When `enough` comes true, what is ready
    by then is the last.
    """

    def __init__(
        self,
        items: Iterator[Item],
        most: int,
        room: int = sys.maxsize,
        size: Callable[[Item], int] = lambda _item: 1,
        enough: Callable[[], bool] = never,
        held: bool = False,
    ) -> None:
        self._items = items
        self._held = held
        self._most = most
        self._room = room
        self._size = size
        self._enough = enough
        self._ready: deque[Item] = deque()
        self._taken_up = 0
        self._ended = self._abandoned = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()
        self._thread.join(ABANDONED_SECONDS)

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                while not (self._ready or self._ended or self._enough()):
                    self._changed.wait(TICK_SECONDS)
                if not self._ready:
                    break
                item = self._ready.popleft()
                if not self._held:
                    self._taken_up -= self._size(item)
                self._changed.notify_all()
            yield item
            # It may be large, and the next one is waited for.
            del item
        if self._error is not None:
            raise self._error

    def release(self, size: int) -> None:
        """Make room for so much more: where items are `held`, they take it up until somebody says so."""
        with self._changed:
            self._taken_up -= size
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._ready.append(item)
                    self._taken_up += self._size(item)
                    del item
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._abandoned or self._has_room)
                    if self._abandoned or self._enough():
                        break
        except BaseException as error:  # noqa: BLE001 - the iterator raises it again
            self._error = error
        finally:
            # What a generator holds is given back by the thread that used it.
            del self._items
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    @property
    def _has_room(self) -> bool:
        return len(self._ready) < self._most and self._taken_up < self._room


def mapped_ahead(
    function: Callable[[Item], Result],
    items: Iterator[Item],
    helpers: int,
    enough: Callable[[], bool] = never,
) -> Iterator[tuple[Item, Result]]:
    """Every item with the function's result, in the items' order; results are made by so many threads.

    As many may wait to be taken, and another thread takes the items. What the function raises is raised
    here. When `enough` comes true, what waits by then is the last. When this generator is closed,
    the threads end with what they are working on.
    """
    pool = ThreadPoolExecutor(helpers, thread_name_prefix="ahead")

    def submitted() -> Iterator[tuple[Item, Future[Result]]]:
        for item in items:
            yield item, pool.submit(function, item)
            del item

    try:
        with Prefetched(submitted(), helpers, enough=enough) as pending:
            for item, result in pending:
                yield item, result.result()
                del item, result
    finally:
        pool.shutdown(cancel_futures=True)
