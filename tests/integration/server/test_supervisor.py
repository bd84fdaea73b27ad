"""Who stops the local server, and when: its linger time, its users, and its supervisor."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import lease, lifecycle, service_account
from mlpredict.storage.server.local_server import LocalServer
from tests.local_servers import pid_of
from tests.processes import started

SOON = 60.0
USE = """
import sys, time
from pathlib import Path
from mlpredict.storage.server import lifecycle, local_server
with lifecycle.attached(local_server.locate(Path(sys.argv[1]))):
    print("in use", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def linger(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the time the server lingers."""
    return lambda seconds: monkeypatch.setenv("MLPREDICT_PG_LINGER", seconds)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true before long."""
    deadline = time.monotonic() + SOON
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_stopped(server: LocalServer) -> bool:
    return not lifecycle.is_running(server)


def supervisors(server: LocalServer) -> list[int]:
    listed = subprocess.run(["ps", "-ww", "-A", "-o", "pid=,stat=,command="], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines() if f"supervisor {server.root}" in line]
    return [int(pid) for pid, state, _ in rows if not state.startswith("Z")]


@contextmanager
def another_command(server: LocalServer) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the server, until it is killed."""
    command = [sys.executable, "-c", USE, str(server.root.parent)]
    with started(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in use\n"
        yield process


def test_an_idle_server_is_stopped_and_nothing_is_left(
    server: LocalServer, linger: Callable[[str], None]
) -> None:
    linger("0.5")
    lifecycle.ensure_running(server)
    assert lifecycle.is_running(server)
    assert len(supervisors(server)) == 1
    assert eventually(lambda: is_stopped(server))
    assert eventually(lambda: supervisors(server) == [])
    assert "fast shutdown" in server.log.read_text()  # and not killed


def test_a_server_in_use_is_not_stopped(server: LocalServer, linger: Callable[[str], None]) -> None:
    linger("0.1")
    with lifecycle.open_connection(server, autocommit=True) as connection:
        running = pid_of(server)
        time.sleep(1.5)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with lifecycle.open_connection(server):
            assert pid_of(server) == running
        time.sleep(0.5)
        assert connection.execute("SELECT 2").fetchone() == (2,)
    assert eventually(lambda: is_stopped(server))


def test_without_lingering_the_last_command_stops_it(
    server: LocalServer, linger: Callable[[str], None]
) -> None:
    linger("0")
    first = lifecycle.open_connection(server)
    second = lifecycle.open_connection(server)
    first.close()
    assert lifecycle.is_running(server)
    second.close()
    assert is_stopped(server)


def test_a_killed_command_does_not_keep_the_server(
    server: LocalServer, linger: Callable[[str], None]
) -> None:
    linger("0")
    with another_command(server) as command:
        time.sleep(0.3)
        assert lifecycle.is_running(server)
        command.kill()
        assert eventually(lambda: is_stopped(server))


def test_other_programs_keep_it_running(server: LocalServer, linger: Callable[[str], None]) -> None:
    linger("0.2")
    conninfo = lifecycle.ensure_running(server)
    with psycopg.connect(conninfo, autocommit=True) as other:
        time.sleep(2.5)
        assert other.execute("SELECT 1").fetchone() == (1,)
        linger("0")
        lifecycle.open_connection(server).close()
        assert other.execute("SELECT 2").fetchone() == (2,)
    assert eventually(lambda: is_stopped(server))


def test_it_can_be_left_running(server: LocalServer, linger: Callable[[str], None]) -> None:
    linger("-1")
    lifecycle.ensure_running(server)
    assert supervisors(server) == []
    linger("0.1")  # the next command would have it otherwise
    lifecycle.ensure_running(server)
    assert eventually(lambda: is_stopped(server))


def test_a_shorter_time_is_noticed_by_a_supervisor_that_waits(
    server: LocalServer, linger: Callable[[str], None]
) -> None:
    linger("300")
    lifecycle.ensure_running(server)
    linger("0.1")
    lifecycle.ensure_running(server)
    assert eventually(lambda: is_stopped(server))


def test_a_killed_supervisor_is_replaced(server: LocalServer, linger: Callable[[str], None]) -> None:
    linger("300")
    lifecycle.ensure_running(server)
    (first,) = supervisors(server)
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: supervisors(server) == [])
    lifecycle.ensure_running(server)
    (second,) = supervisors(server)
    assert second != first


def test_the_supervisor_ends_with_a_server_that_was_killed(server: LocalServer) -> None:
    lifecycle.ensure_running(server)
    os.kill(pid_of(server), signal.SIGKILL)
    assert eventually(lambda: supervisors(server) == [])


def test_the_supervisor_has_no_more_rights_than_the_server(server: LocalServer) -> None:
    lifecycle.ensure_running(server)

    def owner() -> str:
        (pid,) = supervisors(server)
        shown = ["ps", "-o", "uid=,gid=", "-p", str(pid)]
        return subprocess.run(shown, capture_output=True, text=True).stdout

    expected = f"{server.account.uid} {server.account.gid}"
    assert eventually(lambda: owner().split() == expected.split())


def test_nobody_changes_a_server_in_use(server: LocalServer) -> None:
    with another_command(server):
        with pytest.raises(DatabaseError, match="another command is using"):
            lifecycle.stop_unused(server)
        with pytest.raises(DatabaseError, match="another command is using"), lifecycle.exclusively(server):
            pytest.fail("had it alone")
        assert lifecycle.is_running(server)
    assert lifecycle.stop_unused(server)


def test_who_has_it_alone_can_use_it(server: LocalServer) -> None:
    with lifecycle.exclusively(server):
        with lifecycle.open_connection(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert lifecycle.stop(server)
    assert not lease.is_shared(server.root)


def test_a_command_waits_for_who_has_it_alone(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, notices: list[str]
) -> None:
    monkeypatch.setattr(lease, "NOTICE_SECONDS", 0.02)
    monkeypatch.setattr(lease, "WAIT_SECONDS", 0.1)
    with lifecycle.exclusively(server):
        monkeypatch.setattr(lease, "_held_alone", set())  # as if it were another process
        with pytest.raises(DatabaseError, match="takes too long"):
            lifecycle.open_connection(server)
    assert len(notices) == 1
    assert "waiting" in notices[0]
    lifecycle.open_connection(server).close()


def test_a_full_disk_only_leaves_the_linger_time_as_it_was(
    server: LocalServer, linger: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    linger("300")
    lifecycle.ensure_running(server)

    def full(*_arguments: object) -> int:
        raise OSError(lease.NO_SPACE[0], "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    linger("200")
    lifecycle.ensure_running(server)
    used = lease.usage(server.root)
    assert used is not None
    assert used.linger == 300


def test_the_shared_state_is_of_whoever_runs_mlpredict(server: LocalServer) -> None:
    lifecycle.ensure_running(server)
    for name in ("use.lock", "start.lock", "supervisor.lock", "server.lock", "server.log"):
        status = (server.root / name).stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (os.geteuid(), 0o600), name
    assert service_account.account_for(server.root) == server.account
