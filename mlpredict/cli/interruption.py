"""Ctrl-C and SIGTERM while images are predicted: the first ends the run in order, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from mlpredict.cli.talk import PROGRAM, talk
from mlpredict.errors import Interrupted, Terminated
from mlpredict.support.signals import handled

HEARD = (signal.SIGINT, signal.SIGTERM)
NOTICE_SECONDS = 0.5
LONGEST_COMMAND = 300
"""A resuming command of more characters is described, as nobody would read it."""


@dataclass(slots=True)
class Interruption:
    """Whether somebody has asked for an end, and by which signal."""

    number: int | None = None
    _notice: threading.Timer = field(init=False)

    def __post_init__(self) -> None:
        self._notice = threading.Timer(NOTICE_SECONDS, _tell_patience)
        self._notice.daemon = True

    def is_requested(self) -> bool:
        """Whether the batch in flight is to be the last."""
        return self.number is not None

    def hear(self, number: int, _frame: FrameType | None) -> None:
        """What a signal does: nothing is raised, so that what is being stored is stored."""
        if self.number is not None:
            talk.restore_terminal()
            # Not by an exception: it would wait for the model, and for a database that does not answer.
            os._exit(128 + number)
        self.number = number
        # Not said here: the signal may have come in the middle of another line.
        self._notice.start()

    def end(self) -> None:
        """Nothing is waited for any more."""
        self._notice.cancel()

    def as_error(self, done: str, hint: str | None) -> Interrupted:
        """What is reported when the run has ended early, with this done."""
        if self.number == signal.SIGTERM:
            return Terminated(f"terminated: {done}", hint=hint)
        return Interrupted(f"interrupted: {done}", hint=hint)


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Signals are taken for requests until the block ends. One that is ignored, as nohup does, stays so."""
    heard = Interruption()
    with handled(HEARD, heard.hear):
        try:
            yield heard
        finally:
            heard.end()


def how_to_resume(arguments: Sequence[str]) -> str:
    """What to type to go on where a run has ended; a DSN, which may hold a password, is not repeated."""
    import shlex

    # A run that has a key goes on where it was.
    skips = any(one == "--skip-existing" or one.split("=")[0] == "--run-key" for one in arguments)
    command = shlex.join([PROGRAM, *arguments, *([] if skips else ["--skip-existing"])])
    if len(command) > LONGEST_COMMAND or any(one.startswith("--dsn") for one in arguments):
        command = "the same command" if skips else "the same command with --skip-existing"
    return f"go on with {command}"


def _tell_patience() -> None:
    talk.notice("ending after the batch in flight; once more to end at once")
