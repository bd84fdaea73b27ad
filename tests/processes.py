"""Processes that tests start, and that never outlive them."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 60
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process, killed when the block ends, whatever ends it, or when it takes too long."""
    with subprocess.Popen(command, **options) as process:
        alarm = threading.Timer(SECONDS, process.kill)
        alarm.start()
        try:
            yield process
        finally:
            alarm.cancel()
            process.kill()


@contextmanager
def default_signals() -> Iterator[None]:
    """Signals do what they do on a terminal, here and in every process that is started here.

    A shell has what it runs in the background ignore SIGINT, and nohup has it ignore SIGHUP; whatever is
    started from there would ignore them, too.
    """
    ignored = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
