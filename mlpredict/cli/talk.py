"""Standard error: notices, warnings, errors, and what becomes of the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from mlpredict.errors import MlpredictError
from mlpredict.support.credentials import without_passwords
from mlpredict.support.printable import printable

if TYPE_CHECKING:
    from rich.console import Console


PROGRAM = "mlpredict"
SHOW_CURSOR = b"\r\x1b[2K\x1b[?25h"


class Talk:
    """What is said beside the data: notices, warnings and errors, on standard error."""

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = False
        self._progress: Console | None = None
        self._own_stream: IO[str] | None = None
        self._listener: Callable[[str], None] | None = None

    @property
    def stream(self) -> IO[str]:
        """Where talk goes."""
        return self._own_stream or sys.stderr

    def notice(self, text: str) -> None:
        """Something worth knowing; not with `--quiet`."""
        if not self.quiet:
            self.error(text)

    def detail(self, text: str) -> None:
        """Something worth knowing to who asked for it with `--verbose`."""
        if self.verbose:
            self.error(text)

    def error(self, text: str) -> None:
        """Something that must be said; one line."""
        if self._listener is not None:
            self._listener(without_passwords(text))
            return
        line = f"{PROGRAM}: {printable(without_passwords(text))}"
        if self._progress is not None:
            self._progress.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
        else:
            self._write(line + "\n")

    def text(self, text: str) -> None:
        """Several lines of our own, such as help."""
        self._write(f"{text}\n")

    def traceback(self, lines: Iterable[str]) -> None:
        """The chain of causes, as Python prints it."""
        for line in "".join(lines).splitlines():
            self._write(f"{printable(without_passwords(line))}\n")

    def restore_terminal(self) -> None:
        """Give the cursor back, which a progress bar hides, when there is no time to end the bar."""
        if self._progress is not None and self.stream.isatty():
            os.write(self.stream.fileno(), SHOW_CURSOR)

    @contextmanager
    def apart_from_descriptor_2(self) -> Iterator[None]:
        """Go on talking while native libraries are kept quiet."""
        try:
            descriptor = os.dup(sys.stderr.fileno())
        except (OSError, ValueError):
            # A stream that is no file has no descriptor that could be kept quiet.
            yield
            return
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            self._own_stream = stream
            try:
                yield
            finally:
                self._own_stream = None

    @contextmanager
    def beside(self, progress: Console) -> Iterator[None]:
        """Print through the console of a progress bar, above the bar, while there is one."""
        self._progress = progress
        try:
            yield
        finally:
            self._progress = None

    @contextmanager
    def heard_by(self, listener: Callable[[str], None]) -> Iterator[None]:
        """Have what is said shown by who has the whole terminal, until the block ends."""
        self._listener = listener
        try:
            yield
        finally:
            self._listener = None

    def _write(self, text: str) -> None:
        # Nobody is left to be told when standard error itself fails.
        with suppress(OSError):
            self.stream.write(text)
            self.stream.flush()


talk = Talk()


def stderr_is_terminal() -> bool:
    """Whether a person looks at the talk."""
    return talk.stream.isatty()


def talk_console() -> Console:
    """A rich console on standard error."""
    from rich.console import Console

    return Console(file=talk.stream, highlight=False, markup=False, emoji=False)


def report(error: MlpredictError) -> int:
    """Say what went wrong, with what can be done about it; the exit status."""
    talk.error(error.in_full)
    if talk.verbose:
        import traceback

        talk.traceback(traceback.format_exception(error))
    return error.exit_status


class Problems:
    """What went wrong so far; `status` is the greatest exit status, as 1 says least."""

    def __init__(self) -> None:
        self.status = 0

    @contextmanager
    def told(self, *kinds: type[MlpredictError]) -> Iterator[None]:
        """Say what goes wrong in the block, and go on."""
        try:
            yield
        except kinds as error:
            status = report(error)
            self.status = max(self.status, status)
