"""An iterator that works in a thread of its own, a few items ahead of who uses them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

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
