"""What the first and the second signal do, and what is said of how to go on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from mlpredict.cli import interruption as module
from mlpredict.cli.interruption import LONGEST_COMMAND, how_to_resume, interruption
from mlpredict.errors import Interrupted, Terminated
from mlpredict.support.ahead import Prefetched, mapped_ahead

SAME = "the same command with --skip-existing"


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [(signal.SIGINT, Interrupted, "interrupted"), (signal.SIGTERM, Terminated, "terminated")],
)
def test_a_signal_is_a_request(number: signal.Signals, kind: type[Interrupted], word: str) -> None:
    before = signal.getsignal(number)
    with interruption() as heard:
        assert not heard.is_requested()
        os.kill(os.getpid(), number)
        assert heard.is_requested()
    assert signal.getsignal(number) is before
    error = heard.as_error("3 predicted", "go on")
    assert (type(error), error.message, error.hint) == (kind, f"{word}: 3 predicted", "go on")


def test_patience_is_asked_for_when_the_end_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "NOTICE_SECONDS", 0.05)
    with interruption():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
    assert capsys.readouterr().err == (
        "mlpredict: ending after the batch in flight; once more to end at once\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["predict", "a b.png"], "mlpredict predict 'a b.png' --skip-existing"),
        (["predict", "--skip-existing", "x"], "mlpredict predict --skip-existing x"),
        (["predict", "x", "--dsn", "postgresql://me:secret@host/db"], SAME),
        (["predict", "x", "--dsn=postgresql://me:secret@host/db"], SAME),
        (["predict", "x" * LONGEST_COMMAND], SAME),
    ],
)
def test_how_to_resume(arguments: list[str], told: str) -> None:
    assert how_to_resume(arguments) == f"go on with {told}"


def test_what_is_ready_when_it_is_enough_is_the_last() -> None:
    taken: list[int] = []
    over = threading.Event()

    def numbers() -> Iterator[int]:
        yield from range(3)
        over.wait(60)  # as for a pipe that nobody writes to

    with Prefetched(numbers(), 5, enough=lambda: len(taken) == 3) as items:
        for item in items:
            taken.append(item)
    over.set()
    assert taken == [0, 1, 2]


def test_nothing_more_is_begun_when_it_is_enough() -> None:
    begun: list[int] = []
    done: list[tuple[int, int]] = []

    def work(number: int) -> int:
        begun.append(number)
        return -number

    for pair in mapped_ahead(work, iter(range(10**9)), 2, lambda: len(done) >= 3):
        done.append(pair)
    assert done == [(number, -number) for number in range(len(done))]
    assert len(done) <= len(begun) < 20
