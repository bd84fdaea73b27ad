"""Work that is given up when it takes too long or too much memory."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

from mlpredict.support.units import in_bytes

Result = TypeVar("Result")

LOOK_SECONDS = 0.05
"""Between two looks memory grows by a few hundred megabytes at most, as fast as it can be written."""

HELD = r"(?m)^(?:RssAnon|VmSwap):\s+(\d+) kB$"
"""What a process holds for itself, in memory or out of it (proc_pid_status(5))."""


class Exceeded(Exception):
    """It took more than it may; the words say what: "more than 15 minutes"."""


class Bounds(NamedTuple):
    """How long work may take, and how many bytes of memory; None where the machine does not tell."""

    seconds: float
    memory: int | None

    def exceeded(self, began: float, pid: int) -> Exceeded | None:
        """What is too much by now of the work of a process."""
        if time.monotonic() - began >= self.seconds:
            return Exceeded(f"more than {self.seconds / 60:.0f} minutes")
        if self.memory is not None and held_bytes(pid) > self.memory:
            return Exceeded(f"more than {in_bytes(self.memory)} of memory")
        return None


def held_bytes(pid: int) -> int:
    """The bytes of memory that a process has for itself; 0 where nobody tells, or it has ended."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return 1024 * sum(map(int, re.findall(HELD, file.read())))
    except OSError:
        return 0


class Watched:
    """A process that is killed when it takes too much, in a `with` block; `exceeded` says so then."""

    def __init__(self, process: subprocess.Popen[bytes], bounds: Bounds) -> None:
        self._process = process
        self._bounds = bounds
        self._began = time.monotonic()
        self._over = threading.Event()
        self.exceeded: Exceeded | None = None
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while self.exceeded is None and not self._over.wait(LOOK_SECONDS):
            self.exceeded = self._bounds.exceeded(self._began, self._process.pid)
        if self.exceeded is not None:
            self._process.kill()


def bounded(function: Callable[[], Result], bounds: Bounds) -> Result:
    """What the function gives, from a thread of its own: in the main one C code keeps Ctrl-C waiting.

    A thread cannot be ended: whoever is told that it takes too much should end the process.

    Raises:
        Exceeded: it takes more than it may.
    """
    work = _Work(function)
    began = time.monotonic()
    threading.Thread(target=work.run, name="bounded", daemon=True).start()
    while not work.done.wait(LOOK_SECONDS):
        if (exceeded := bounds.exceeded(began, os.getpid())) is not None:
            raise exceeded
    if work.error is not None:
        raise work.error
    return work.results[0]


class _Work(Generic[Result]):
    """A call, and what becomes of it."""

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self.results: list[Result] = []
        self.error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self.results.append(self._function())
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            self.error = error
        finally:
            self.done.set()
