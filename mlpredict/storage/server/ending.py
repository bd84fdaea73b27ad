"""Ending a server: in order where that is possible, else as a power cut would, which loses nothing.

The supervisor imports this, so it imports little, and logs nothing.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import postmaster, server_processes
from mlpredict.storage.server.server_processes import ServerProcess, Watch

STOP_SECONDS = 60.0
"""In which a server stops in order."""

IDLE_SECONDS = 10.0
"""After which one that does nothing any more will not stop."""

QUIT_SECONDS = 10.0
"""A postmaster that is told to end at once kills after 5 seconds what does not."""

KILL_SECONDS = 10.0
POLL_SECONDS = 0.005


def stop_owner(data: Path, tell: Callable[[str], object] = lambda _text: None) -> bool:
    """Stop the server of a data directory; whether there was one.

    The caller has `start.lock`, or the server for itself. One that does not stop in order is ended, and
    `tell` is told of it.

    Raises:
        DatabaseError: not even the system can end one of its processes.
    """
    pid = postmaster.owner_pid(data)
    if pid is None:
        return False
    _signal(pid, data, signal.SIGINT)
    if not _has_gone(pid, data, STOP_SECONDS, IDLE_SECONDS):
        tell(
            f"the local PostgreSQL (process {pid}) does not stop in order, and is ended;"
            " its next start makes up for that"
        )
        end_at_once(data)
    return True


def end_at_once(data: Path) -> bool:
    """End the server of a data directory, and what a killed one has left behind; whether there was any.

    Its processes are asked to end, then killed. What was committed is in its log of changes, which the
    next start goes through.

    Raises:
        DatabaseError: not even the system can end one of them.
    """
    pid = postmaster.owner_pid(data)
    known = server_processes.children_of(data, pid)
    if pid is None and not known:
        return False
    if pid is not None:
        _signal(pid, data, signal.SIGQUIT)
        _has_gone(pid, data, QUIT_SECONDS, QUIT_SECONDS)
    deadline = time.monotonic() + KILL_SECONDS
    while left := _living(data, known):
        for process in left:
            server_processes.send(process, signal.SIGKILL, data)
        if time.monotonic() > deadline:
            raise DatabaseError(
                f"process {left[0].pid} of the local PostgreSQL cannot be ended",
                hint="it may wait for a disk or a network drive, and only a restart of the machine ends it",
            )
        time.sleep(POLL_SECONDS)
    return True


def _signal(pid: int, data: Path, number: signal.Signals) -> None:
    """Tell the postmaster something; one that somebody has stopped hears nothing before it goes on."""
    process = server_processes.process_of(pid, data)
    if process is not None:
        server_processes.send(process, number, data)
        server_processes.send(process, signal.SIGCONT, data)


def _has_gone(pid: int, data: Path, seconds: float, idle: float) -> bool:
    """Whether the postmaster goes within so many seconds, and does not do nothing for `idle` of them."""
    deadline = time.monotonic() + seconds
    watch = Watch(data)
    while postmaster.owner_pid(data) == pid:
        if time.monotonic() > deadline or watch.idle(pid) > idle:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _living(data: Path, known: list[ServerProcess]) -> list[ServerProcess]:
    """What still lives of a server: its postmaster first, then its children, also those it has left."""
    pid = postmaster.owner_pid(data)
    main = None if pid is None else server_processes.process_of(pid, data)
    children = server_processes.children_of(data, pid)
    found = {one.pid: one for one in (*children, *known) if server_processes.lives(one, data)}
    return [*([main] if main else []), *found.values()]
