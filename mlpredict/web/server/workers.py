"""Several processes that answer on one socket, and the one above that keeps them alive.

They are forked before anything is loaded: nothing need be handed over but the socket, and a worker's
errors leave the way that all errors take. uvicorn's own workers would be started again for ever where
there is no model, and would go on when the process above them is killed.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from mlpredict.support.logs import get_logger
from mlpredict.support.scratch import scratch_folder

logger = get_logger(__name__)

METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus-client puts the numbers of several processes together."""

TICK_SECONDS = 0.1
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
NAME_BYTES = 4096

Up = Callable[[str], None]
Work = Callable[[Up], None]
"""What a worker does until a SIGTERM; it calls `Up` with the model's name when it answers."""


@dataclass(slots=True)
class Workers:
    """So many processes."""

    count: int
    work: Work
    _living: set[int] = field(default_factory=set)
    _stopping: bool = False

    def run(self, announce: Up) -> int:
        """Start them, and another for one that dies, until a signal comes; the exit status.

        Every one of them returns from here, too, when it is done. `announce` is called with the
        model's name when all of them answer.
        """
        supervisor = os.getpid()
        numbers = tempfile.mkdtemp(prefix="mlpredict-", dir=scratch_folder())
        os.environ.setdefault(METRICS, numbers)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)
        try:
            return self._supervise(announce, os.pipe())
        finally:
            # Left to the supervisor, unless that was killed: then to whoever ends.
            if os.getppid() != supervisor:
                shutil.rmtree(numbers, ignore_errors=True)

    def _supervise(self, announce: Up, life: tuple[int, int]) -> int:
        model = ""
        # One after the other: the first compiles the model and starts the database for all.
        while len(self._living) < self.count and not self._stopping:
            started = self._start(life)
            if started is None:
                return 0
            pid, name = started
            if name is None and not self._stopping:
                status = self._bury(pid)
                self._end()
                return status or 1
            model = name or model
        if not self._stopping:
            announce(model)
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping:
            if (dead := self._dead()) is None:
                time.sleep(TICK_SECONDS)
                continue
            logger.error(f"worker {dead} has died; starting another")
            started = self._start(life)
            if started is None:
                return 0
            if started[1] is not None:
                pause = FIRST_PAUSE_SECONDS
            else:
                self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._end()
        return 0

    def _start(self, life: tuple[int, int]) -> tuple[int, str | None] | None:
        """A new worker, and the name of its model when it answers; None in the worker, when it is done."""
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # Of a Ctrl-C the process above tells.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.close(told)
            _end_with_supervisor(life)
            self.work(lambda name: _tell(tell, name))
            return None
        self._living.add(pid)
        os.close(tell)
        try:
            while not self._stopping:
                if select.select([told], [], [], TICK_SECONDS)[0]:
                    return pid, os.read(told, NAME_BYTES).decode() or None
            return pid, None
        finally:
            os.close(told)

    def _dead(self) -> int | None:
        """A worker that has died."""
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return None
        self._forget(pid)
        return pid

    def _bury(self, pid: int) -> int:
        """The exit status of a worker that ends."""
        _, status = os.waitpid(pid, 0)
        self._forget(pid)
        return max(os.waitstatus_to_exitcode(status), 0)

    def _forget(self, pid: int) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        self._living.discard(pid)
        mark_process_dead(pid)  # type: ignore[no-untyped-call]

    def _end(self) -> None:
        """Have all end in order, and wait for it."""
        self._stopping = True
        for pid in self._living:
            os.kill(pid, signal.SIGTERM)
        while self._living:
            self._bury(next(iter(self._living)))

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            # A worker that hears it twice ends at once.
            for pid in self._living:
                os.kill(pid, signal.SIGTERM)
        self._stopping = True

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(TICK_SECONDS)


def _tell(tell: int, name: str) -> None:
    os.write(tell, name.encode()[:NAME_BYTES])
    os.close(tell)


def _end_with_supervisor(life: tuple[int, int]) -> None:
    """Have this process end in order when the one above it is gone, however that came about."""
    alive, held = life
    os.close(held)

    def watch() -> None:
        os.read(alive, 1)  # returns when nobody holds the other end
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="supervisor").start()
