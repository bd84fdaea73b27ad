"""The private PostgreSQL's life, on real servers in temporary directories."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mlpredict.errors import DatabaseError
from mlpredict.storage.maintenance import destroy, status
from mlpredict.storage.migrations import migrate
from mlpredict.storage.server import (
    lifecycle,
    local_server,
    own_files,
    pg_binaries,
    service_account,
    starting,
    waiting,
)
from mlpredict.storage.server.local_server import LocalConnection, LocalServer
from tests.local_servers import pid_of
from tests.processes import started

ATTACH = """
import logging, sys
from pathlib import Path
from mlpredict.storage.server import lifecycle, local_server
logging.basicConfig(level=logging.INFO)
server = local_server.locate(Path(sys.argv[1]))
with lifecycle.open_connection(server) as connection:
    print(connection.execute("SELECT pg_postmaster_start_time()").fetchone()[0])
"""


def attach_in_process(home: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-c", ATTACH, str(home)]
    return started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_cold_start_attach_stop_and_restart(home: Path, notices: list[str]) -> None:
    server = local_server.locate(home)
    assert server.root == home / "pg18"
    assert not server.root.exists()
    assert not lifecycle.is_running(server)
    assert not lifecycle.stop(server)

    with lifecycle.open_connection(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
        connection.execute("INSERT INTO kept VALUES (7)")
    assert notices == [f"created a private PostgreSQL 18 in {home / 'pg18'}"]
    first = pid_of(server)

    with lifecycle.open_connection(server) as connection:
        assert connection.execute("SELECT id FROM kept").fetchall() == [(7,)]
    assert pid_of(server) == first

    assert lifecycle.is_running(server)
    assert lifecycle.stop(server)
    assert not lifecycle.is_running(server)
    with lifecycle.open_connection(server) as connection:
        assert connection.execute("SELECT id FROM kept").fetchall() == [(7,)]
    assert len(notices) == 1


def test_a_killed_server_comes_back_with_its_rows(server: LocalServer) -> None:
    with lifecycle.open_connection(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
        # Its process id belongs to a zombie of ours, which PostgreSQL alone would take for alive.
        os.kill(pid_of(server), signal.SIGKILL)
        with lifecycle.open_connection(server) as again:
            assert again.execute("SELECT count(*) FROM kept").fetchall() == [(0,)]


def test_a_server_that_is_killed_while_it_starts_is_started_again(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = starting._start_unless_alive
    started: list[subprocess.Popen[bytes]] = []

    def start_and_kill_the_first(server: LocalServer) -> subprocess.Popen[bytes] | None:
        process = start(server)
        if process is not None:
            started.append(process)
            if len(started) == 1:
                process.kill()
                process.wait()
        return process

    monkeypatch.setattr(starting, "_start_unless_alive", start_and_kill_the_first)
    lifecycle.open_connection(server).close()
    assert len(started) == 2


def test_a_recorded_process_that_is_not_the_server_is_left_alone(server: LocalServer) -> None:
    lifecycle.ensure_running(server)
    recorded = (server.data / "postmaster.pid").read_text()
    os.kill(pid_of(server), signal.SIGKILL)
    (server.data / "postmaster.pid").write_text(re.sub(r"\A\d+", str(os.getpid()), recorded))
    assert not lifecycle.is_running(server)
    assert not lifecycle.stop(server)
    lifecycle.ensure_running(server)
    assert pid_of(server) != os.getpid()


def test_a_server_whose_socket_was_removed_is_replaced(server: LocalServer) -> None:
    lifecycle.ensure_running(server)
    lost = pid_of(server)
    (server.socket_dir / ".s.PGSQL.5432").unlink()
    lifecycle.ensure_running(server)
    assert pid_of(server) != lost


def test_four_processes_start_one_server(home: Path) -> None:
    # Reading their pipes to the end shows too that the server keeps none of them open.
    with ExitStack() as all_of_them:
        processes = [all_of_them.enter_context(attach_in_process(home)) for _ in range(4)]
        finished = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, finished
    assert len({stdout for stdout, _ in finished}) == 1
    assert sum("created" in stderr for _, stderr in finished) == 1
    assert not list((home / "pg18").glob("init-*"))


def test_nobody_sees_a_directory_that_is_yet_to_be_given_away(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two first commands at once made two databases: the second one found the first one's directory
    # closed to the account that runs the server, and went elsewhere.
    wanted = home / "new" / "home"
    expected = local_server.locate(wanted).root
    seen: list[Path] = []
    for name in ("chmod", "fchmod", "fchown", "rename"):
        original = getattr(os, name)

        def look_first(*arguments: Any, original: Any = original, **options: Any) -> Any:
            seen.append(service_account.root_for(wanted, "pg18"))
            return original(*arguments, **options)

        monkeypatch.setattr(os, name, look_first)
    own_files.make_root(expected, local_server.locate(wanted).account)
    assert len(seen) > 3
    assert set(seen) == {expected}


def test_an_abandoned_initialisation_is_cleared_away(home: Path) -> None:
    abandoned = home / "pg18" / "init-killed"
    abandoned.mkdir(parents=True)
    (abandoned / "PG_VERSION").write_text("18\n")
    lifecycle.ensure_running(local_server.locate(home))
    assert not abandoned.exists()


def test_an_initialisation_killed_at_any_moment_leaves_nothing_half_made(home: Path) -> None:
    root = home / "pg18"
    for moment in range(10):
        with attach_in_process(home) as process:
            deadline = time.monotonic() + 60
            while not list(root.glob("init-*/*")):  # it takes 0.3 to 0.6 s from here on
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(0.04 * moment)
            process.kill()
            process.communicate()
        if (root / "data").exists():  # it was too late
            destroy.destroy(local_server.locate(home))
    server = local_server.locate(home)
    with lifecycle.open_connection(server) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("mlpredict",)
    assert not list(root.glob("init-*"))


def test_named_programs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = pg_binaries.find_binaries()
    monkeypatch.setenv("MLPREDICT_PG_BINDIR", str(bundled.bindir))
    assert pg_binaries.find_binaries() == pg_binaries.PgBinaries(bundled.bindir, 18, bundled=False)
    monkeypatch.setenv("MLPREDICT_PG_BINDIR", str(home))
    with pytest.raises(DatabaseError, match="has no program postgres and no initdb"):
        pg_binaries.find_binaries()
    monkeypatch.delenv("MLPREDICT_PG_BINDIR")
    monkeypatch.setattr(pg_binaries, "PACKAGE", "no_such_package")
    with pytest.raises(DatabaseError, match="no local PostgreSQL") as caught:
        pg_binaries.find_binaries()
    assert "--dsn" in str(caught.value.hint)
    monkeypatch.undo()


def test_a_system_postgresql(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = sorted(Path("/usr/lib/postgresql").glob("1[5-9]/bin/initdb"))
    if not installed:
        pytest.skip("no PostgreSQL of 15 or newer is installed in /usr/lib/postgresql")
    bindir = installed[0].parent
    monkeypatch.setenv("MLPREDICT_PG_BINDIR", str(bindir))
    server = local_server.locate(home)
    assert server.root.name == f"pg{bindir.parent.name}"
    with lifecycle.open_connection(server) as connection:
        migrate(connection)
        connection.commit()
    assert lifecycle.stop(server)
    with lifecycle.open_connection(server) as connection:
        version = connection.execute("SHOW server_version").fetchone()
        assert version is not None
        assert version[0].startswith(bindir.parent.name)
        assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (0,)
    assert lifecycle.stop(server)


@pytest.mark.parametrize(
    ("version", "hint"), [(9, "run mlpredict db upgrade"), (16, "run mlpredict db upgrade"), (19, "install")]
)
def test_another_versions_database_is_never_replaced_by_an_empty_one(
    home: Path, version: int, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = home / f"pg{version}" / "data"
    old.mkdir(parents=True)
    (old / "PG_VERSION").write_text(f"{version}\n")
    server = local_server.locate(home)
    with pytest.raises(DatabaseError, match=f"PostgreSQL {version}, not 18") as caught:
        lifecycle.ensure_running(server)
    assert str(caught.value.hint).startswith(hint)
    assert ("MLPREDICT_PG_BINDIR" in str(caught.value.hint)) == (version > 18)
    assert not server.data.exists()
    monkeypatch.setenv("MLPREDICT_HOME", str(home))
    with pytest.raises(DatabaseError, match=f"PostgreSQL {version}, not 18"):
        status.status_of(None)


def test_failures_are_one_line_with_the_reason(server: LocalServer) -> None:
    (server.data / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(DatabaseError, match="contains errors") as caught:
        lifecycle.ensure_running(server)
    assert "\n" not in caught.value.message
    assert str(server.log) in str(caught.value.hint)


def test_a_home_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "pg18").write_text("in the way")
    with pytest.raises(DatabaseError, match="pg18 is a file") as caught:
        lifecycle.ensure_running(local_server.locate(home))
    assert "--dsn" in str(caught.value.hint)
    (home / "pg18").unlink()


def test_a_server_that_recovers_is_waited_for(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, notices: list[str]
) -> None:
    lifecycle.ensure_running(server)
    monkeypatch.setattr(waiting, "START_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "NOTICE_SECONDS", 0.0)
    refusals = ["FATAL:  the database system is starting up"] * 5
    connect = LocalConnection.connect

    def refused_at_first(*arguments: Any, **options: Any) -> LocalConnection:
        if refusals:
            raise psycopg.OperationalError(refusals.pop())
        return connect(*arguments, **options)

    monkeypatch.setattr(LocalConnection, "connect", refused_at_first)
    lifecycle.open_connection(server).close()
    assert refusals == []
    assert len(notices) == 1
    assert "waiting for the local PostgreSQL" in notices[0]
