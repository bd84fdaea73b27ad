"""A server that hangs, for whatever reason: it is ended and started again, and told from one that works."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import (
    ending,
    lifecycle,
    local_server,
    postmaster,
    server_processes,
    starting,
    waiting,
)
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.server.server_processes import ServerProcess
from tests.conftest import COMMAND, Command
from tests.local_servers import pid_of
from tests.processes import started

pytestmark = pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="what the processes do is looked up in /proc"
)

SECONDS = 60.0
ROWS = 400_000
"""Enough of them that a server which was killed takes a while to make up for it."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server counts as stuck sooner."""
    monkeypatch.setattr(waiting, "STUCK_SECONDS", 4.0)
    monkeypatch.setattr(starting, "SOON_SECONDS", 2)
    monkeypatch.setattr(waiting, "NOTICE_SECONDS", 0.5)
    monkeypatch.setattr(waiting, "ORPHAN_SECONDS", 1.0)
    monkeypatch.setattr(ending, "IDLE_SECONDS", 2.0)
    monkeypatch.setattr(ending, "QUIT_SECONDS", 2.0)


@pytest.fixture
def filled(server: LocalServer) -> LocalServer:
    """A running server with rows that are in its log of changes alone."""
    with lifecycle.open_connection(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, %s)", (ROWS,))
    return server


def rows(server: LocalServer) -> int:
    with lifecycle.open_connection(server) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def rows_in_the_end(server: LocalServer) -> int:
    """The same, after the last death: the server may yet close connections because of it."""
    ends = time.monotonic() + SECONDS
    while True:
        try:
            return rows(server)
        except (psycopg.Error, DatabaseError):
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def children(server: LocalServer) -> list[ServerProcess]:
    return server_processes.children_of(server.data, postmaster.owner_pid(server.data))


def child(server: LocalServer, task: str) -> ServerProcess:
    """The server's process that calls itself so, as soon as there is one."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for one in children(server):
            if one.task.startswith(task):
                return one
    raise AssertionError(f"no {task}: {children(server)}")


def stop_startup(server: LocalServer) -> int:
    """Have the server recover, and stop the process that does it; its number."""
    os.kill(child(server, "checkpointer").pid, signal.SIGKILL)
    pid = child(server, "startup").pid
    os.kill(pid, signal.SIGSTOP)
    return pid


@contextlib.contextmanager
def again_and_again(act: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread until the block ends."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            with contextlib.suppress(ProcessLookupError):
                act()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_server_that_makes_no_progress_is_ended_and_started_again(
    filled: LocalServer, impatient: None, notices: list[str]
) -> None:
    before = pid_of(filled)
    stop_startup(filled)
    assert rows(filled) == ROWS
    assert pid_of(filled) != before
    waits, ends = (next(text for text in notices if words in text) for words in ("waiting", "done nothing"))
    assert "makes up for that" in waits
    assert "mlpredict db stop --force" in waits
    assert "started again" in ends


def test_a_server_that_recovers_slowly_is_left_to_it(
    filled: LocalServer, impatient: None, notices: list[str]
) -> None:
    before = pid_of(filled)
    startup = stop_startup(filled)
    ends = time.monotonic() + 8  # much longer than one that does nothing is waited for

    def go_on_a_little() -> None:
        os.kill(startup, signal.SIGCONT)
        if time.monotonic() < ends:
            time.sleep(0.01)
            os.kill(startup, signal.SIGSTOP)
            time.sleep(0.4)

    with again_and_again(go_on_a_little):
        assert rows(filled) == ROWS
    assert pid_of(filled) == before
    assert not any("started again" in text for text in notices)


def test_a_server_that_hears_nobody_is_replaced(
    filled: LocalServer, impatient: None, notices: list[str]
) -> None:
    before = pid_of(filled)
    os.kill(before, signal.SIGSTOP)
    assert rows(filled) == ROWS
    assert pid_of(filled) != before
    assert any("which does not answer" in text for text in notices)


def test_what_a_killed_server_left_behind_is_ended(
    filled: LocalServer, impatient: None, notices: list[str]
) -> None:
    with psycopg.connect(local_server.conninfo(filled)) as hanging:
        os.kill(hanging.info.backend_pid, signal.SIGSTOP)
        os.kill(pid_of(filled), signal.SIGKILL)
        assert rows(filled) == ROWS
    assert "ended what a killed PostgreSQL had left behind" in notices


@pytest.mark.parametrize("hanging", ["postmaster", "startup", "both"])
def test_force_ends_a_server_that_hangs(filled: LocalServer, impatient: None, hanging: str) -> None:
    if hanging != "postmaster":
        stop_startup(filled)
    if hanging != "startup":
        os.kill(pid_of(filled), signal.SIGSTOP)
    assert lifecycle.stop(filled)
    assert not lifecycle.is_running(filled)
    assert children(filled) == []
    assert rows(filled) == ROWS


def test_force_ends_a_server_that_obeys_no_signal(
    filled: LocalServer, impatient: None, notices: list[str]
) -> None:
    pid = pid_of(filled)
    with again_and_again(lambda: os.kill(pid, signal.SIGSTOP)):
        assert lifecycle.stop(filled)
    assert children(filled) == []
    assert any("does not stop in order" in text for text in notices)
    assert rows_in_the_end(filled) == ROWS


def test_force_leaves_other_servers_alone(filled: LocalServer, shared: LocalServer, impatient: None) -> None:
    other = pid_of(shared)
    os.kill(pid_of(filled), signal.SIGKILL)
    lifecycle.stop(filled)
    assert pid_of(shared) == other
    lifecycle.open_connection(shared).close()


@pytest.mark.parametrize("seconds", [4, pytest.param(15, marks=pytest.mark.slow)])
def test_whatever_is_killed_everything_that_was_committed_is_there(
    filled: LocalServer, impatient: None, seconds: int
) -> None:
    luck = random.Random(20)
    committed = ROWS

    def kill_one() -> None:
        time.sleep(luck.uniform(0.01, 0.3))
        if found := children(filled):
            os.kill(luck.choice(found).pid, signal.SIGKILL)

    with again_and_again(kill_one):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            # A refusal between two deaths is one of many: only what is stuck would outlast the killing.
            with (
                contextlib.suppress(psycopg.Error, DatabaseError),
                lifecycle.open_connection(filled, autocommit=True) as connection,
            ):
                connection.execute("INSERT INTO kept VALUES (0)")
                committed += 1
    assert rows_in_the_end(filled) >= committed > ROWS


def test_a_waiting_command_says_what_it_waits_for_and_what_to_type(
    filled: LocalServer, home: Path, environment: dict[str, str], mlpredict: Command
) -> None:
    env = {"MLPREDICT_HOME": str(home)}
    assert mlpredict("list", env=env).returncode == 0
    os.kill(pid_of(filled), signal.SIGSTOP)
    pipe = subprocess.PIPE
    with started([*COMMAND, "list"], env={**environment, **env}, stdout=pipe, stderr=pipe) as waits:
        assert waits.stderr is not None
        said = waits.stderr.readline().decode()
        assert f"waiting for the local PostgreSQL (process {pid_of(filled)}), which does not answer" in said
        assert "mlpredict db stop --force" in said

        status = mlpredict("db", "status", env=env)
        assert b"state\tnot answering" in status.stdout
        assert b"mlpredict db stop --force" in status.stderr
        stopped = mlpredict("db", "stop", "--force", env=env)
        assert (stopped.returncode, b"is stopped" in stopped.stderr) == (0, True)
        assert waits.wait(SECONDS) == 0, waits.stderr.read()


def test_where_there_is_no_proc_ps_tells_the_same(
    filled: LocalServer, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those of clients may end between the two looks, and workers come and go.
    lasting = {one.pid: one.task for one in children(filled) if "[local]" not in one.task}
    known = {pid: task for pid, task in lasting.items() if task != "io worker"}
    monkeypatch.setattr(server_processes, "PROC", Path("/nowhere"))
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    pid = pid_of(filled)
    by_ps = {one.pid: one.task for one in children(filled)}
    assert known.items() <= by_ps.items()
    os.kill(pid, signal.SIGSTOP)
    with again_and_again(lambda: os.kill(pid, signal.SIGSTOP)):
        assert lifecycle.stop(filled)
    monkeypatch.undo()
    assert children(filled) == []
    assert rows(filled) == ROWS


def test_a_command_that_was_suspended_holds_up_no_other(
    filled: LocalServer, home: Path, environment: dict[str, str], mlpredict: Command
) -> None:
    env = {**environment, "MLPREDICT_HOME": str(home)}
    assert mlpredict("list", env=env).returncode == 0
    os.kill(pid_of(filled), signal.SIGSTOP)
    pipe = subprocess.PIPE
    with (
        started([*COMMAND, "list"], env=env, stdout=pipe, stderr=pipe) as suspended,
        started([*COMMAND, "list"], env=env, stdout=pipe, stderr=pipe) as other,
    ):
        assert suspended.stderr is not None
        assert other.stderr is not None
        said = {suspended.stderr.readline(), other.stderr.readline()}
        (waits,) = (text.decode() for text in said if b"another command" in text)
        first, second = (suspended, other) if f"(process {suspended.pid})" in waits else (other, suspended)
        assert f"another command (process {first.pid}), which starts the local PostgreSQL" in waits
        first.send_signal(signal.SIGSTOP)
        os.kill(pid_of(filled), signal.SIGCONT)
        assert second.wait(SECONDS) == 0
