"""Errors as messages, and what becomes of the exit status when one of several things fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlpredict.cli.consoles import talk
from mlpredict.errors import MlpredictError


def report(error: MlpredictError) -> int:
    """Say what went wrong, with what can be done about it; the exit status."""
    talk.error(f"{error.message}; {error.hint}" if error.hint else error.message)
    if talk.verbose:
        import traceback

        talk.traceback(traceback.format_exception(error))
    return error.exit_status


class Problems:
    """What went wrong so far; `status` is the exit status of the first."""

    def __init__(self) -> None:
        self.status = 0

    @contextmanager
    def told(self, *kinds: type[MlpredictError]) -> Iterator[None]:
        """Say what goes wrong in the block, and go on."""
        try:
            yield
        except kinds as error:
            status = report(error)
            self.status = self.status or status
