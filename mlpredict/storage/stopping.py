"""Stopping a local server."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psycopg

from mlpredict.errors import DatabaseError
from mlpredict.storage import postmaster, supervisor
from mlpredict.storage.local_place import LocalServer, connect

STOP_SECONDS = 60.0
POLL_SECONDS = 0.005
FAREWELL_SECONDS = 0.2
"""Until the server notices that a client has gone."""


def stop_owner(data: Path) -> bool:
    """Stop the server of a data directory; the caller has `start.lock`, or the server for itself."""
    pid = postmaster.owner_pid(data)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS
    while postmaster.owner_pid(data) == pid:
        if time.monotonic() > deadline:
            raise DatabaseError(f"the local PostgreSQL (process {pid}) does not stop")
        time.sleep(POLL_SECONDS)
    return True


def stop_unless_used(server: LocalServer) -> None:
    """Stop the server, unless other programs are connected: then the supervisor will."""
    deadline = time.monotonic() + FAREWELL_SECONDS
    try:
        with connect(server, dbname="postgres", autocommit=True) as connection:
            while connection.execute(supervisor.CLIENTS).fetchone() != (0,):
                if time.monotonic() > deadline:
                    return
                time.sleep(POLL_SECONDS)
    except psycopg.OperationalError:
        return
    stop_owner(server.data)
