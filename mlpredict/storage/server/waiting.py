"""Waiting for a server that does not answer yet: for how long, and what is said and done meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import psycopg

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import data_directory, ending, postmaster, server_processes
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.server.server_processes import Watch
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

START_SECONDS = 20.0
RECOVERY_SECONDS = 600.0
"""A server that was killed goes through its log of changes first."""

STUCK_SECONDS = 30.0
"""A server that answers nobody and has done nothing for so long will not do anything by itself."""

ORPHAN_SECONDS = 5.0
"""The processes of a killed server notice its end sooner, unless they hang or are hard at work."""

RESTARTS = 2
NOTICE_SECONDS = 2.0
REPEAT_SECONDS = 60.0
FIRST_POLL_SECONDS = 0.005
LONGEST_POLL_SECONDS = 0.2
"""Each question that a server refuses is a line in its log."""

FULL_QUEUE = "Resource temporarily unavailable"
"""What a client is told where as many others wait already as the system lets wait."""

WAYS_OUT = "Ctrl-C ends the waiting, and mlpredict db stop --force ends the server"


@dataclass(slots=True)
class Wait:
    """One command's wait for the server."""

    server: LocalServer
    restarts: int = 0
    """How often it was ended, to be started again."""
    _began: float = field(default_factory=time.monotonic)
    _next_notice: float = 0.0
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._next_notice = self._began + NOTICE_SECONDS
        self._watch = Watch(self.server.data)

    def goes_on(self, error: psycopg.OperationalError) -> bool:
        """Look after the server once more, and pause; False where there has been time enough.

        A server that is stuck is ended, for the caller to start it again.

        Raises:
            DatabaseError: it was started again and is stuck again, or cannot be ended.
        """
        reason = str(error).partition("\n")[0]
        passing = data_directory.is_passing(reason)
        silent = isinstance(error, psycopg.errors.ConnectionTimeout) or FULL_QUEUE in reason
        pid = postmaster.owner_pid(self.server.data)
        if pid is None:
            self._end_orphans()
        elif passing or silent:
            self._look_after(pid, passing=passing)
        time.sleep(min(LONGEST_POLL_SECONDS, max(FIRST_POLL_SECONDS, self._waited / 20)))
        return self._waited < (RECOVERY_SECONDS if passing or silent else START_SECONDS)

    def _look_after(self, pid: int, *, passing: bool) -> None:
        idle = self._watch.idle(pid, alone=not passing)
        if idle > STUCK_SECONDS:
            self._end(pid, idle)
        elif time.monotonic() > self._next_notice:
            self._next_notice = time.monotonic() + REPEAT_SECONDS
            logger.warning(f"waiting for {self._described(pid, idle, passing=passing)}; {WAYS_OUT}")

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._began

    def _described(self, pid: int, idle: float, *, passing: bool) -> str:
        name = f"the local PostgreSQL (process {pid})"
        if not passing:
            return f"{name}, which does not answer"
        tasks = (one.task for one in self._watch.seen.values() if one.task.startswith("startup"))
        task = next(tasks, "").removeprefix("startup").strip()
        doing = f" ({task})" if task else ""
        still = f"; nothing has happened for {idle:.0f} s" if idle > STUCK_SECONDS / 2 else ""
        return f"{name}, which was not stopped in order and makes up for that{doing}{still}"

    def _end(self, pid: int, idle: float) -> None:
        if self.restarts == RESTARTS:
            raise DatabaseError(
                f"the local PostgreSQL makes no progress, though it was started again {RESTARTS} times",
                hint=f"see {self.server.log}",
            )
        logger.warning(
            f"the local PostgreSQL (process {pid}) has answered nobody and done nothing for {idle:.0f} s:"
            " it is ended and started again, and nothing that was printed is lost"
        )
        ending.end_at_once(self.server.data)
        self._restart()

    def _end_orphans(self) -> None:
        """A new server does not start beside the processes that a killed one has left."""
        if self._waited < ORPHAN_SECONDS or not server_processes.children_of(self.server.data, None):
            return
        logger.warning("ended what a killed PostgreSQL had left behind")
        ending.end_at_once(self.server.data)
        self._restart()

    def _restart(self) -> None:
        self.restarts += 1
        self._began = time.monotonic()
        self._watch = Watch(self.server.data)
