"""Signals that mean something for as long as a block lasts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATION = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What ends a process in order; Windows has no SIGHUP."""


@contextmanager
def handled(numbers: Iterable[int], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Signals are handled until the block ends; one that is ignored, as nohup does, stays so."""
    previous = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number in previous if previous[number] is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, previous[number])


@contextmanager
def interrupted_by_termination() -> Iterator[None]:
    """SIGTERM and a closed terminal end the block as Ctrl-C does: what it has begun is cleared away."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with handled(TERMINATION, interrupt):
        yield
