"""What the tests start can be interrupted, and is gone in the end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import SIGNALS, default_signals, started


@pytest.fixture(params=SIGNALS)
def ignored(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that whoever started the tests has them ignore."""
    before = signal.signal(request.param, signal.SIG_IGN)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_that_is_ignored_here_ends_what_is_started(ignored: signal.Signals) -> None:
    with default_signals(), started(["sleep", "60"]) as process:
        process.send_signal(ignored)
        assert process.wait(60) == -ignored
    assert signal.getsignal(ignored) is signal.SIG_IGN


def fail_meanwhile(processes: list[Any]) -> None:
    with started(["sleep", "60"]) as process:
        processes.append(process)
        raise AssertionError


def test_a_test_that_fails_leaves_no_process() -> None:
    processes: list[Any] = []
    with pytest.raises(AssertionError):
        fail_meanwhile(processes)
    assert processes[0].returncode == -signal.SIGKILL
