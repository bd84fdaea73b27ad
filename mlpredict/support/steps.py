"""What goes on while something takes seconds, for whoever shows it meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[str], None]] = []


def tell(step: str) -> None:
    """Say what is done from now on, in words that follow "mlpredict is"; nobody may listen."""
    for listener in _listeners:
        listener(step)


@contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[None]:
    """Have a function called with each step, by the thread that does it, until the block ends."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
