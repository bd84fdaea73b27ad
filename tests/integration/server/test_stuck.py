"""A server that hangs, for whatever reason: it is ended and started again, and told from one that works."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlpredict.storage.server import ending, lifecycle, postmaster, server_processes, waiting
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.server.server_processes import ServerProcess
from tests.local_servers import pid_of

pytestmark = pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="what the processes do is looked up in /proc"
)

SECONDS = 60.0
ROWS = "SELECT count(*) FROM kept"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server counts as stuck sooner."""
    monkeypatch.setattr(waiting, "STUCK_SECONDS", 3.0)
    monkeypatch.setattr(waiting, "NOTICE_SECONDS", 0.5)
    monkeypatch.setattr(lifecycle, "SOON_SECONDS", 1)
    monkeypatch.setattr(ending, "IDLE_SECONDS", 2.0)
    monkeypatch.setattr(ending, "QUIT_SECONDS", 2.0)


@pytest.fixture
def filled(server: LocalServer) -> LocalServer:
    """A running server with a row."""
    with lifecycle.open_connection(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
        connection.execute("INSERT INTO kept VALUES (7)")
    return server


def child_of(server: LocalServer, task: str) -> ServerProcess | None:
    """The server's process that calls itself so."""
    found = server_processes.children_of(server.data, postmaster.owner_pid(server.data))
    return next((one for one in found if one.task.startswith(task)), None)


@contextmanager
def held_startup(server: LocalServer) -> Iterator[int]:
    """The server recovers, and its startup process is stopped before it can end."""
    main = pid_of(server)
    caught: list[int] = []

    def catch() -> None:
        while not caught:
            one = child_of(server, "startup")
            if one is not None:
                os.kill(one.pid, signal.SIGSTOP)
                caught.append(one.pid)

    catching = threading.Thread(target=catch)
    catching.start()
    victim = child_of(server, "checkpointer")
    assert victim is not None
    os.kill(victim.pid, signal.SIGKILL)
    catching.join(SECONDS)
    assert caught
    yield main


def rows(server: LocalServer) -> list[tuple[object, ...]]:
    with lifecycle.open_connection(server) as connection:
        return connection.execute(ROWS).fetchall()
