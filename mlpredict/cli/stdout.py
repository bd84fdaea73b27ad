"""Standard output carries data, standard error carries talk; nobody else writes to either."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlpredict.errors import MlpredictError, OutputError

if TYPE_CHECKING:
    from rich.console import Console


WIDE = 10_000
"""More columns than any line of ours has, unless it is cut anyway."""


class OutputClosed(MlpredictError):
    """Whoever read the output has gone, as `head` does; no cause for complaint."""

    exit_status = 0


@contextmanager
def output_errors() -> Iterator[None]:
    """A write to standard output that fails leaves as one of our errors."""
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosed from error
    except OSError as error:
        raise OutputError(f"standard output: {error.strerror or error}") from error


def write_data(data: bytes) -> None:
    """Write to standard output and flush, so that whoever reads it has it now.

    Raises:
        OutputClosed: the reader has gone.
        OutputError: the output cannot be written.
    """
    stdout = sys.stdout.buffer
    rest = memoryview(data)
    with output_errors():
        # Without a buffer (PYTHONUNBUFFERED), a signal ends a write in the middle of the data.
        while rest:
            written = stdout.write(rest)
            if written is None:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            rest = rest[written:]
        stdout.flush()


def close_stdout() -> None:
    """Leave nothing for the interpreter to flush, and perhaps to fail at, when it ends."""
    with output_errors():
        sys.stdout.flush()


def abandon_stdout() -> None:
    """Send what is still to be written nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def stdout_is_terminal() -> bool:
    """Whether a person looks at the data."""
    return sys.stdout.isatty()


def stdin_is_terminal() -> bool:
    """Whether standard input is a keyboard."""
    return sys.stdin.isatty()


def terminal_width() -> int | None:
    """How many columns the terminal has that shows the data; None where it goes elsewhere."""
    return shutil.get_terminal_size().columns if stdout_is_terminal() else None


def data_console() -> Console:
    """A rich console on standard output; what goes into a file or a pipe is wrapped for $COLUMNS alone."""
    from rich.console import Console

    width = terminal_width() or shutil.get_terminal_size((WIDE, 0)).columns
    return Console(width=width, highlight=False, markup=False, emoji=False)
