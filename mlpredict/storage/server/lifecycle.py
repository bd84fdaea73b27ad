"""The private PostgreSQL: initialised, started and found again without anybody having to ask.

Attaching costs one connect. Only when nothing answers is a lock taken, and the server initialised
or started under it. Where everything lies is told in `local_server`.
What ends a server is loaded when one is to end: a command that only attaches needs none of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from functools import partial

import psycopg

from mlpredict import settings
from mlpredict.storage.server import (
    lease,
    locks,
    older_layout,
    postmaster,
)
from mlpredict.storage.server.lease import Lease
from mlpredict.storage.server.local_server import (
    NAME,
    LocalConnection,
    LocalServer,
    as_database_errors,
    connect,
    conninfo,
    locate,
)
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

__all__ = [
    "NAME",
    "LocalServer",
    "as_database_errors",
    "attached",
    "conninfo",
    "ensure_running",
    "exclusively",
    "is_running",
    "locate",
    "open_connection",
    "owner_pid",
    "stop",
    "stop_unused",
]
POLL_SECONDS = 0.005
SOON_SECONDS = 3
"""In which a server answers that is well."""

LOCK_SECONDS = 2.0
"""For which who stops a server leaves it to who starts it."""

DISCONNECT_SECONDS = 0.2
"""Until the server notices that a client has gone."""


def open_connection(server: LocalServer, *, autocommit: bool = False) -> LocalConnection:
    """Connect, having initialised or started the server where that is needed.

    Raises DatabaseError with the server's own reason.
    """
    with as_database_errors(server), contextlib.ExitStack() as claimed:
        claim = _claim(server)
        claimed.callback(claim.close)
        # Before the server is started: then whatever becomes of this process, somebody stops it.
        _supervise(server, claim.linger)
        try:
            connection = connect(server, autocommit=autocommit, timeout=SOON_SECONDS)
        except psycopg.OperationalError:
            # What starts a server is loaded when there is none.
            from mlpredict.storage.server.starting import bring_up

            connection = bring_up(server, autocommit)
        connection.on_close = partial(_end, claim)
        claimed.pop_all()
        return connection


@contextlib.contextmanager
def attached(server: LocalServer) -> Iterator[str]:
    """A conninfo whose server runs, and is not stopped for idleness, until the block ends."""
    connection = open_connection(server)
    on_close, connection.on_close = connection.on_close, None
    connection.close()  # other programs connect: this one would only take a slot
    assert on_close is not None
    try:
        yield conninfo(server)
    finally:
        on_close()


@contextlib.contextmanager
def exclusively(server: LocalServer) -> Iterator[None]:
    """Nobody else uses, starts or stops the server until the block ends; this process may.

    Raises DatabaseError when a command is using it.
    """
    from mlpredict.storage.server.ending import stop_owner

    with contextlib.ExitStack() as alone:
        with as_database_errors():
            older_layout.prepare_root(server.root, server.account)
            alone.enter_context(lease.alone(server.root))
        try:
            yield
        finally:
            if settings.linger_seconds() == 0:
                with as_database_errors():
                    stop_owner(server.data, logger.warning)


def ensure_running(server: LocalServer) -> str:
    """Start the server where it does not run; the conninfo of one that answers."""
    with attached(server) as found:
        return found


def owner_pid(server: LocalServer) -> int | None:
    """The process id of the live server that owns the data directory, answering or not."""
    with as_database_errors():
        return postmaster.owner_pid(server.data)


def is_running(server: LocalServer) -> bool:
    """Whether a live server owns the data directory, answering or not."""
    return owner_pid(server) is not None


def stop(server: LocalServer) -> bool:
    """Stop the server, disconnecting its clients; whether there was one.

    One that does not stop in order is ended, with whatever a killed one has left.

    Raises DatabaseError when not even the system can end it.
    """
    from mlpredict.storage.server import server_processes
    from mlpredict.storage.server.ending import end_at_once, stop_owner

    with as_database_errors():
        if postmaster.owner_pid(server.data) is None and not server_processes.children_of(server.data, None):
            return False
        _take_over(server)
        with contextlib.ExitStack() as locked:
            start = server.root / "start.lock"
            # Who waits for a server that is stuck holds this lock.
            lock = locks.take(start, fcntl.LOCK_EX, lambda waited: waited < LOCK_SECONDS)
            if lock is not None:
                locked.callback(os.close, lock)
            stopped = stop_owner(server.data, logger.warning)
            return end_at_once(server.data) or stopped


def stop_unused(server: LocalServer) -> bool:
    """The same, but only if no command is using the server. Raises DatabaseError when one is."""
    from mlpredict.storage.server.ending import stop_owner

    with as_database_errors():
        _take_over(server)
        with lease.alone(server.root):
            return stop_owner(server.data, logger.warning)


def _end(claim: Lease) -> None:
    with as_database_errors():
        claim.close()


def _claim(server: LocalServer) -> Lease:
    linger = settings.linger_seconds()

    def claim() -> Lease:
        return lease.share(server.root, linger, stop=lambda: stop_unless_used(server))

    try:
        _take_over(server)
        return claim()
    except (FileNotFoundError, NotADirectoryError):
        from mlpredict.storage.server import data_directory

        data_directory.check_version(server.root, server.binaries.major)
        older_layout.prepare_root(server.root, server.account)
        return claim()


def _take_over(server: LocalServer) -> None:
    """Have what root's server lies in made as it is made now. Raises FileNotFoundError without it."""
    if not older_layout.is_prepared(server.root, server.account):
        older_layout.prepare_root(server.root, server.account)


def _supervise(server: LocalServer, linger: float) -> None:
    """See to it that there is a supervisor, whoever may have killed the last one."""
    if linger < 0:
        return
    with locks.locked(server.root / "supervisor.lock", wait=False) as lock:
        if lock is not None:
            from mlpredict.storage.server.starting import start_supervisor

            start_supervisor(server, lock)


def stop_unless_used(server: LocalServer) -> None:
    """Stop the server, unless other programs are connected: then the supervisor will."""
    from mlpredict.storage.server import supervisor
    from mlpredict.storage.server.ending import stop_owner

    deadline = time.monotonic() + DISCONNECT_SECONDS
    try:
        with connect(server, dbname="postgres", autocommit=True) as connection:
            while connection.execute(supervisor.CLIENTS).fetchone() != (0,):
                if time.monotonic() > deadline:
                    return
                time.sleep(POLL_SECONDS)
    except psycopg.OperationalError:
        return
    stop_owner(server.data)
