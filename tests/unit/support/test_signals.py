"""Signals that are handled for a while."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from mlpredict.support.signals import handled, interrupted_by_termination


@pytest.fixture(autouse=True)
def _unchanged() -> Iterator[None]:
    """The test's process has the handlers it had."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def mark(number: int, _frame: object) -> None:
    """A handler that was there before."""


def test_a_signal_is_handled_in_the_block_and_as_before_after_it() -> None:
    signal.signal(signal.SIGUSR1, mark)
    heard: list[int] = []
    with handled([signal.SIGUSR1], lambda number, _frame: heard.append(number)):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert heard == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) is mark


def test_handlers_come_back_after_an_exception() -> None:
    signal.signal(signal.SIGUSR1, mark)
    with pytest.raises(ValueError, match="in the block"), handled([signal.SIGUSR1], lambda *_: None):
        raise ValueError("in the block")
    assert signal.getsignal(signal.SIGUSR1) is mark


def test_what_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with handled([signal.SIGUSR1], lambda *_: pytest.fail("it was ignored")):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_termination_is_an_interrupt(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt), interrupted_by_termination():
        os.kill(os.getpid(), number)
