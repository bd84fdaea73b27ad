"""`mlpredict db dump`, and `db restore` with a DSN: what goes into a file comes out of it."""

from __future__ import annotations

import importlib.util
import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from mlpredict.errors import DatabaseError
from mlpredict.storage import migrations
from mlpredict.storage.maintenance import clients, dumps
from mlpredict.storage.maintenance.status import Contents
from mlpredict.storage.migrations import migrate
from mlpredict.storage.server import lifecycle, local_server
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.server.pg_binaries import PACKAGE, PgBinaries
from tests.conftest import COMMAND, Command
from tests.controlling_terminal import terminal
from tests.full_disk import small_file_system
from tests.integration.storage.test_migrations import published
from tests.processes import started
from tests.tcp_server import TcpServer

ROWS = """
    INSERT INTO models (fingerprint, name, format, path, task, description)
    VALUES ('f', 'digits', 'saved_model', '/m', 'classification', '{}');
    INSERT INTO runs (model_id, engine, keep, directory, version) VALUES (1, 'litert', 'original', '/', '1');
    INSERT INTO inputs (image, sha256, kept)
    SELECT 'data:image/png;base64,' || n, sha256(n::text::bytea), 'original' FROM generate_series(1, 3) AS n;
    INSERT INTO predictions (inputid, predictions, run_id, position, model_id, label, score)
    SELECT id, '[0.5, 0.5]', 1, id, 1, '1', 0.5 FROM inputs;
    DELETE FROM predictions WHERE id = 2;
"""
PREDICTIONS = "SELECT p.*, i.* FROM predictions AS p JOIN inputs AS i ON i.id = p.inputid ORDER BY p.id"
STORE_ANOTHER = "INSERT INTO predictions (inputid, predictions) VALUES (1, '[1, 0]') RETURNING id"
PG_DUMPS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event = 'relation'"
)

Rows = list[tuple[object, ...]]


def query(dsn: str, statement: str) -> Rows:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def execute(dsn: str, statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statements.encode())


@pytest.fixture
def filled(dsn: str) -> str:
    """A database with three inputs and two predictions, of which the second was deleted."""
    execute(dsn, ROWS)
    return dsn


@pytest.fixture
def dumped(filled: str, mlpredict: Command, tmp_path: Path) -> Path:
    """A dump of it."""
    done = mlpredict("db", "dump", tmp_path / "rows.dump", "--dsn", filled)
    assert done.returncode == 0, done.stderr
    return tmp_path / "rows.dump"


@contextmanager
def database(server_dsn: str, name: str) -> Iterator[str]:
    """A database with nothing in it, on another server."""
    execute(server_dsn, f"CREATE DATABASE {name}")
    yield make_conninfo(server_dsn, dbname=name)
    execute(server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def elsewhere(tcp_server: TcpServer) -> Iterator[str]:
    """A database with nothing in it, reached with a password."""
    with database(tcp_server.dsn, "restored") as dsn:
        yield dsn


@pytest.fixture(scope="module")
def server_16(public_directory: Path) -> Iterator[LocalServer]:
    """A PostgreSQL 16, which knows less than our programs."""
    package = importlib.util.find_spec(PACKAGE)
    assert package is not None
    assert package.origin is not None
    bindir = Path(package.origin).parent / "pginstall" / "bin"
    sixteen = PgBinaries(bindir, 16, bundled=True)
    server = local_server.locate(public_directory / "sixteen", sixteen)
    lifecycle.ensure_running(server)
    yield server
    lifecycle.stop(server)


def test_rows_ids_and_sequences_survive(
    mlpredict: Command, filled: str, dumped: Path, elsewhere: str
) -> None:
    done = mlpredict("db", "restore", dumped, "--dsn", elsewhere)
    assert done.returncode == 0, done.stderr
    assert b"restored 3 inputs, 2 predictions, 1 run from " in done.stderr
    assert query(elsewhere, PREDICTIONS) == query(filled, PREDICTIONS)
    assert query(elsewhere, STORE_ANOTHER) == query(filled, STORE_ANOTHER) == [(4,)]
    assert mlpredict("list", "--dsn", elsewhere).returncode == 0


def test_an_older_server_takes_a_dump_whole_or_not_at_all(
    mlpredict: Command, filled: str, dumped: Path, server_16: LocalServer
) -> None:
    with database(local_server.conninfo(server_16), "restored") as older:
        broken = dumped.with_name("broken.dump")
        broken.write_bytes(dumped.read_bytes()[:-200])
        for source in (b"", broken.read_bytes()):
            done = mlpredict("db", "restore", "-", "--dsn", older, stdin=source)
            assert done.returncode == 3
            assert query(older, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
        execute(older, "CREATE FUNCTION fill_published_likely_class() RETURNS integer RETURN 1")
        done = mlpredict("db", "restore", dumped, "--dsn", older)
        assert done.returncode == 3
        assert b'rows.dump: function "fill_published_likely_class" already exists' in done.stderr
        execute(older, "DROP FUNCTION fill_published_likely_class")
        done = mlpredict("db", "restore", dumped, "--dsn", older)
        assert done.returncode == 0, done.stderr
        assert query(older, PREDICTIONS) == query(filled, PREDICTIONS)


def test_a_database_with_our_tables_is_not_restored_into(
    mlpredict: Command, dumped: Path, elsewhere: str
) -> None:
    execute(elsewhere, "CREATE TABLE runs (mine text)")
    done = mlpredict("db", "restore", dumped, "--dsn", elsewhere, "--yes")
    assert done.returncode == 3
    assert b"holds tables of these names: runs; make an empty database with createdb" in done.stderr
    assert b"s3cret" not in done.stderr
    assert query(elsewhere, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("runs",)]


def test_the_2020_programs_dump_is_adopted(
    mlpredict: Command, empty_dsn: str, elsewhere: str, tmp_path: Path
) -> None:
    published(empty_dsn)
    dump = mlpredict("db", "dump", "-", "--dsn", empty_dsn)
    assert b"dumped 2 inputs, 5 predictions, 0 runs" in dump.stderr
    done = mlpredict("db", "restore", "-", "--dsn", elsewhere, stdin=dump.stdout)
    assert b"restored 2 inputs, 5 predictions" in done.stderr
    assert f"applied {len(migrations.migrations())} migrations".encode() in done.stderr
    assert query(elsewhere, "SELECT label FROM predictions WHERE id = 1") == [("1",)]
    assert query(elsewhere, STORE_ANOTHER) == [(6,)]


def test_an_older_schema_is_migrated(
    mlpredict: Command, empty_dsn: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrations.migrations()
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        monkeypatch.setattr(migrations, "migrations", lambda: known[:3])
        migrate(connection)
    dump = mlpredict("db", "dump", "-", "--dsn", empty_dsn)
    done = mlpredict("db", "restore", "-", "--dsn", elsewhere, stdin=dump.stdout)
    assert f"applied {len(known) - 3} migrations".encode() in done.stderr
    assert query(elsewhere, "SELECT max(version) FROM schema_migrations") == [(known[-1].version,)]


def test_a_dump_is_a_file_like_others_and_never_replaces_one_unasked(
    mlpredict: Command, filled: str, tmp_path: Path
) -> None:
    target = tmp_path / "rows.dump"
    before = os.umask(0o027)
    try:
        done = mlpredict("db", "dump", target, "--dsn", filled)
    finally:
        os.umask(before)
    size = target.stat().st_size
    assert done.stdout == b""
    assert done.stderr.decode() == (
        f"mlpredict: dumped 3 inputs, 2 predictions, 1 run to {target} ({size:,} bytes)\n"
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o600

    target.write_text("mine")
    refused = mlpredict("db", "dump", target, "--dsn", filled)
    assert refused.returncode == 1
    assert b"there is a file of this name; overwrite it with --force" in refused.stderr
    assert target.read_text() == "mine"
    assert mlpredict("db", "dump", target, "--dsn", filled, "--force").returncode == 0
    assert target.stat().st_size == size
    for place in (tmp_path, Path("/dev/null")):
        assert mlpredict("db", "dump", place, "--dsn", filled, "--force").returncode == 1
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert list(tmp_path.iterdir()) == [target]


def test_a_database_without_our_tables_is_no_backup(
    mlpredict: Command, empty_dsn: str, tmp_path: Path
) -> None:
    done = mlpredict("db", "dump", tmp_path / "nothing.dump", "--dsn", empty_dsn)
    assert done.returncode == 3
    assert b"nothing.dump is not written: there are no mlpredict tables in " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_password_does_for_dumps(mlpredict: Command, tcp_server: TcpServer, dumped: Path) -> None:
    with database(tcp_server.dsn, "secretive") as dsn:
        mlpredict("db", "restore", dumped, "--dsn", dsn)
        again = mlpredict("db", "dump", "-", "--dsn", dsn)
        assert b"dumped 3 inputs, 2 predictions, 1 run" in again.stderr
        assert again.stdout.startswith(b"PGDMP")
        wrong = mlpredict("db", "dump", "-", "--dsn", make_conninfo(dsn, password="wr0ng"))
    assert wrong.returncode == 3
    assert b"password authentication failed" in wrong.stderr
    assert b"wr0ng" not in wrong.stderr


def test_dumps_are_not_for_terminals(environment: dict[str, str], dsn: str) -> None:
    for command, stream in (("dump", "output"), ("restore", "input")):
        with terminal(environment, "db", command, "-", "--dsn", dsn) as screen:
            screen.wait_for(f"standard {stream} is a terminal; name a file, or redirect it")
            assert screen.wait() == 2


@contextmanager
def dump_held_up(environment: dict[str, str], dsn: str, target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A dump that has counted the rows and waits for a table, until the block ends."""
    with psycopg.connect(dsn) as holder, psycopg.connect(dsn, autocommit=True) as observer:
        holder.execute("LOCK TABLE models")
        command = [*COMMAND, "db", "dump", str(target), "--dsn", dsn, "--force"]
        with started(command, env=environment, stderr=subprocess.PIPE) as process:
            while observer.execute(PG_DUMPS.encode()).fetchone() == (0,):
                assert process.poll() is None
                time.sleep(0.01)
            yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_dump_leaves_what_was_there(
    environment: dict[str, str], filled: str, tmp_path: Path, number: signal.Signals
) -> None:
    target = tmp_path / "rows.dump"
    target.write_text("the last one")
    with dump_held_up(environment, filled, target) as process:
        assert len(list(tmp_path.iterdir())) == 2
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (130, b"mlpredict: interrupted\n")
        assert target.read_text() == "the last one"
        assert list(tmp_path.iterdir()) == [target]


def test_what_is_said_to_be_dumped_is_what_is_dumped(
    mlpredict: Command, filled: str, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = clients.run

    def run_later(*arguments: Any, **streams: Any) -> str:
        execute(filled, "INSERT INTO inputs (image) VALUES ('stored meanwhile')")
        return run(*arguments, **streams)

    monkeypatch.setattr(clients, "run", run_later)
    counted = dumps.dump(filled, tmp_path / "rows.dump")
    assert counted == Contents(inputs=3, predictions=2, runs=1)
    mlpredict("db", "restore", tmp_path / "rows.dump", "--dsn", elsewhere)
    assert query(elsewhere, "SELECT count(*) FROM inputs") == [(3,)]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'CREATE TABLE torn ();'\nexit 1", "pg_restore: exit status 1"),
        ("echo 'CREATE TABLE torn ();'\nkill -9 $$", "pg_restore: ended by SIGKILL"),
        (
            "echo 'COPY s.predictions (inputid) FROM stdin;'\necho 1\n"
            "echo 'pg_restore: error: lost' >&2\nexit 1",
            "lost",
        ),
        ("echo 'CREATE TABLE torn ();'", "without mlpredict's tables"),
    ],
)
def test_half_a_script_is_not_committed(dsn: str, tmp_path: Path, script: str, reason: str) -> None:
    begin = "echo 'CREATE TABLE s.predictions ('\necho ' inputid bigint'\necho ');'\n"
    program = tmp_path / "pg_restore"
    program.write_text(f"#!/bin/sh\n{begin if 'without' not in reason else ''}{script}\n")
    program.chmod(0o755)
    execute(dsn, "CREATE SCHEMA other")
    with (
        clients.reached(dsn) as target,
        psycopg.connect(dsn, autocommit=True, options="-c search_path=other") as connection,
        open(os.devnull, "rb") as dump,
    ):
        target = replace(target, bindir=tmp_path)
        with pytest.raises(DatabaseError, match=reason):
            dumps.restore_whole(dumps.Source(dump.fileno(), "a dump"), target, connection)
    assert query(dsn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'other'") == [(0,)]
    assert query(dsn, "SELECT count(*) FROM pg_tables WHERE tablename = 'torn'") == [(0,)]


def test_a_full_disk_leaves_what_was_there(mlpredict: Command, filled: str) -> None:
    with small_file_system(kibibytes=16) as disk:
        (disk / "rows.dump").write_text("the last one")
        done = mlpredict("db", "dump", disk / "rows.dump", "--dsn", filled, "--force")
        assert done.returncode == 3
        assert b"rows.dump is not written: pg_dump: could not write" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert (disk / "rows.dump").read_text() == "the last one"
        assert len(list(disk.iterdir())) == 1


def test_a_reader_that_has_gone_is_no_error(environment: dict[str, str], filled: str) -> None:
    execute(filled, "INSERT INTO inputs (image) SELECT repeat('x', 1000) FROM generate_series(1, 10000)")
    here, there = os.pipe()
    command = [*COMMAND, "db", "dump", "-", "--dsn", filled]
    with started(command, env=environment, stdout=there, stderr=subprocess.PIPE) as process:
        os.close(there)
        os.close(here)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
