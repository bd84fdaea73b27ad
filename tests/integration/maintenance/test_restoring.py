"""`mlpredict db restore` of the local PostgreSQL: the old database until the new one is whole."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from mlpredict.errors import DatabaseError
from mlpredict.storage.maintenance import restoring
from mlpredict.storage.maintenance.dumps import Source
from mlpredict.storage.maintenance.status import Contents
from mlpredict.storage.migrations import migrate
from mlpredict.storage.server import lifecycle, local_server
from mlpredict.storage.server.local_server import LocalServer
from tests.conftest import COMMAND, Command
from tests.controlling_terminal import terminal
from tests.full_disk import FILL, fill, small_file_system
from tests.integration.maintenance.test_dumps import ROWS, STORE_ANOTHER, execute, query
from tests.processes import started

OURS = "SELECT datname FROM pg_database WHERE datname LIKE 'mlpredict%' ORDER BY 1"
LABELS = "SELECT id, label FROM predictions ORDER BY id"
OLD, NEW = [(1, "1"), (3, "1")], [(1, "new"), (3, "new")]
LOST = b"holds 3 inputs, 2 predictions, 1 run"

# Each is killed when `restoring` or `dumps` first does the named thing.
KILLED = """
import os, signal, sys
from mlpredict.cli import main
from mlpredict.storage.maintenance import dumps, restoring

def die(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at(prefix, function):
    def called(*arguments):
        return die() if arguments[-1].startswith(prefix) else function(*arguments)
    return called

def die_between_the_renames(name):
    if name.startswith(restoring.REPLACED):
        restoring.Identifier = die_at(restoring.RESTORED, identifier)
    return identifier(name)

identifier = restoring.Identifier
match sys.argv.pop(1):
    case "made":
        dumps.load = die
    case "loaded":
        dumps.accept = die
    case "whole":
        restoring._swap = die
    case "half swapped":
        restoring.Identifier = die_between_the_renames
    case "swapped":
        restoring._drop = die_at(restoring.REPLACED, restoring._drop)
main()
"""


def agree(lost: Contents) -> None:
    """Let what is there be lost."""


@pytest.fixture(scope="module")
def server(public_directory: Path) -> Iterator[LocalServer]:
    """A server whose database `mlpredict` the tests of this module replace."""
    server = local_server.locate(public_directory / "restored")
    lifecycle.ensure_running(server)
    yield server
    lifecycle.stop(server)


@pytest.fixture
def environment(environment: dict[str, str], server: LocalServer) -> dict[str, str]:
    """The command's, with that server as the local one."""
    return {**environment, "MLPREDICT_HOME": str(server.wanted)}


@pytest.fixture
def administration(server: LocalServer) -> str:
    """The DSN of another database of the server."""
    return make_conninfo(lifecycle.ensure_running(server), dbname="postgres")


@pytest.fixture
def local(server: LocalServer, administration: str) -> str:
    """The DSN of its database, with the rows of `OLD` and nothing of another test."""
    for (name,) in query(administration, OURS):
        execute(administration, f"DROP DATABASE {name} WITH (FORCE)")
    execute(administration, "CREATE DATABASE mlpredict STRATEGY file_copy")
    dsn = local_server.conninfo(server)
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate(connection)
        connection.execute(ROWS.encode())
    return dsn


@pytest.fixture
def dump(mlpredict: Command, dsn: str, tmp_path: Path) -> Path:
    """A dump with the rows of `NEW`, made elsewhere."""
    execute(dsn, ROWS + "UPDATE predictions SET label = 'new'")
    done = mlpredict("db", "dump", tmp_path / "new.dump", "--dsn", dsn)
    assert done.returncode == 0, done.stderr
    return tmp_path / "new.dump"


def test_a_backup_brings_everything_back(
    mlpredict: Command, local: str, administration: str, digits: list[Path], tmp_path: Path
) -> None:
    predicted = mlpredict("predict", *digits[:3])
    assert predicted.returncode == 0, predicted.stderr
    listed = mlpredict("list", "--json").stdout
    dumped = mlpredict("db", "dump", tmp_path / "rows.dump")
    assert b"dumped 6 inputs, 5 predictions, 2 runs" in dumped.stderr
    mlpredict("predict", *digits[3:6])
    assert mlpredict("list", "--json").stdout != listed

    done = mlpredict("db", "restore", tmp_path / "rows.dump", "--yes")
    assert done.returncode == 0, done.stderr
    assert b"restored 6 inputs, 5 predictions, 2 runs from " in done.stderr
    assert mlpredict("list", "--json").stdout == listed
    assert query(administration, OURS) == [("mlpredict",)]
    (again,) = json.loads(mlpredict("predict", digits[4], "--json").stdout)
    assert (again["prediction_id"], again["input_id"], again["run_id"]) == (7, 7, 3)


def test_rows_are_not_replaced_unasked(
    mlpredict: Command, environment: dict[str, str], local: str, dump: Path
) -> None:
    for arguments, stdin in ((["-"], dump.read_bytes()), ([dump], b"y\n")):
        refused = mlpredict("db", "restore", *arguments, stdin=stdin)
        assert refused.returncode == 2
        assert LOST in refused.stderr
        assert b"stdin is no terminal; pass --yes" in refused.stderr
    with terminal(environment, "db", "restore", str(dump)) as screen:
        screen.wait_for("Replace it with")
        screen.type("n\n")
        screen.wait_for("nothing was changed")
        assert screen.wait() == 1
    assert query(local, LABELS) == OLD
    with terminal(environment, "db", "restore", str(dump)) as screen:
        screen.wait_for("Replace it with")
        screen.type("y\n")
        assert screen.wait() == 0
    assert query(local, LABELS) == NEW


def test_nobody_is_asked_where_nothing_is_lost(mlpredict: Command, local: str, dump: Path) -> None:
    execute(local, "TRUNCATE inputs, predictions, runs CASCADE")
    assert mlpredict("db", "restore", "-", stdin=dump.read_bytes()).returncode == 0
    assert query(local, LABELS) == NEW


def test_what_cannot_be_restored_changes_nothing(
    mlpredict: Command, local: str, administration: str, dump: Path, dsn: str, tmp_path: Path
) -> None:
    whole = dump.read_bytes()
    execute(dsn, "INSERT INTO schema_migrations (version, name) VALUES (9999, 'from_the_future')")
    newer = mlpredict("db", "dump", "-", "--dsn", dsn).stdout
    execute(dsn, "DROP TABLE predictions CASCADE")
    for content, reason in (
        (b"", "no dump that can be restored: pg_restore: input file is too short"),
        (b"hello", "no dump that can be restored: pg_restore: input file does not appear to be"),
        (b"--\n-- PostgreSQL database dump\n--\n\n", "no dump that can be restored"),
        (whole[:-100], "pg_restore: could not read from input file: end of file"),
        (whole[:-100] + bytes(100), "pg_restore: "),
        (newer, "the database has schema 9999, newer than this version's"),
    ):
        (tmp_path / "bad.dump").write_bytes(content)
        done = mlpredict("db", "restore", tmp_path / "bad.dump", "--yes")
        assert done.returncode == 3, (reason, done.stderr)
        (line,) = done.stderr.decode().splitlines()
        assert "bad.dump" in line
        assert reason in line
    for name, status in (("missing.dump", 2), (".", 2)):
        assert mlpredict("db", "restore", tmp_path / name, "--yes").returncode == status
    assert query(local, LABELS) == OLD
    assert query(administration, OURS) == [("mlpredict",)]


def test_another_programs_dump_is_refused(
    mlpredict: Command, local: str, server: LocalServer, empty_dsn: str, tmp_path: Path
) -> None:
    execute(empty_dsn, "CREATE TABLE inputs (); CREATE TABLE others ()")
    dumping = [str(server.bindir / "pg_dump"), f"--dbname={empty_dsn}"]
    subprocess.run([*dumping, "--format=custom", f"--file={tmp_path / 'other.dump'}"], check=True)
    for arguments, stdin in (
        ([tmp_path / "other.dump"], b""),
        (["-"], (tmp_path / "other.dump").read_bytes()),
    ):
        done = mlpredict("db", "restore", *arguments, "--yes", stdin=stdin)
        assert done.returncode == 3
        assert b"mlpredict" in done.stderr
        assert b"tables" in done.stderr
    sql = subprocess.run(dumping, check=True, capture_output=True).stdout
    (tmp_path / "plain.sql").write_bytes(sql)
    done = mlpredict("db", "restore", tmp_path / "plain.sql", "--yes")
    assert b"SQL is run with mlpredict db psql" in done.stderr
    assert query(local, LABELS) == OLD


@pytest.mark.parametrize(
    ("moment", "now"),
    [("made", OLD), ("loaded", OLD), ("whole", OLD), ("half swapped", OLD), ("swapped", NEW)],
)
def test_killed_half_way_it_leaves_a_whole_database(
    mlpredict: Command,
    environment: dict[str, str],
    local: str,
    administration: str,
    dump: Path,
    moment: str,
    now: list[tuple[object, ...]],
) -> None:
    command = [sys.executable, "-c", KILLED, moment, "db", "restore", str(dump), "--yes"]
    killed = subprocess.run(command, env=environment, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert query(local, LABELS) == now
    assert len(query(administration, OURS)) == 2
    assert mlpredict("list").returncode == 0

    execute(administration, "CREATE DATABASE mlpredict_restore_of_mine")
    assert mlpredict("db", "restore", dump, "--yes").returncode == 0
    assert query(local, LABELS) == NEW
    assert query(administration, OURS) == [("mlpredict",), ("mlpredict_restore_of_mine",)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_restore_leaves_nothing(
    environment: dict[str, str], local: str, administration: str, dump: Path, number: signal.Signals
) -> None:
    command = [*COMMAND, "db", "restore", "-", "--yes"]
    with started(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(dump.read_bytes()[:-200])  # and the rest never comes
        process.stdin.flush()
        while not any("restore" in str(name) for (name,) in query(administration, OURS)):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"mlpredict: interrupted\n")
    assert query(administration, OURS) == [("mlpredict",)]
    assert query(local, LABELS) == OLD


def test_rows_that_nobody_was_asked_about_are_kept(
    server: LocalServer, local: str, administration: str, dump: Path
) -> None:
    def agree_while_somebody_stores(lost: Contents) -> None:
        assert lost == Contents(inputs=3, predictions=2, runs=1)
        execute(local, STORE_ANOTHER)

    with dump.open("rb") as file, pytest.raises(DatabaseError, match="holds 3 inputs, 3 predictions"):
        restoring.restore(server, Source(file.fileno(), "new"), agree_while_somebody_stores)
    assert query(local, LABELS) == [*OLD, (4, "0")]
    assert query(administration, OURS) == [("mlpredict",)]


def test_clients_are_disconnected_also_when_they_come_back(
    server: LocalServer, local: str, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = [psycopg.connect(local)]
    unchanged = restoring._require_same

    def come_back_once(before: Contents, now: Contents) -> None:
        unchanged(before, now)
        if len(stubborn) == 1:
            stubborn.append(psycopg.connect(local))

    monkeypatch.setattr(restoring, "_require_same", come_back_once)
    with dump.open("rb") as file:
        restoring.restore(server, Source(file.fileno(), "new"), agree)
    assert query(local, LABELS) == NEW
    for connection in stubborn:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()


def test_a_full_disk_leaves_the_old_database(mlpredict: Command, dsn: str, tmp_path: Path) -> None:
    image = base64.b64encode(os.urandom(24 << 20)).decode()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(ROWS.encode())
        connection.execute("INSERT INTO inputs (image) VALUES (%s)", (image,))
    mlpredict("db", "dump", tmp_path / "large.dump", "--dsn", dsn)
    with small_file_system(kibibytes=160 << 10) as disk:
        home = {"MLPREDICT_HOME": str(disk / "home")}
        (disk / "home").mkdir()
        server = local_server.locate(disk / "home")
        try:
            with lifecycle.open_connection(server, autocommit=True) as connection:
                migrate(connection)
                connection.execute(ROWS.encode())
            fill(disk, leaving=25 << 20)
            # Of what comes through a pipe nobody knows beforehand that it is too much.
            for source, stdin in (("large.dump", b""), ("-", (tmp_path / "large.dump").read_bytes())):
                done = mlpredict("db", "restore", source, "--yes", env=home, cwd=tmp_path, stdin=stdin)
                assert done.returncode == 3
                (line,) = done.stderr.decode().splitlines()
                assert "is not restored: no space left for the database: " in line
                assert query(local_server.conninfo(server), LABELS) == OLD
                assert query(local_server.conninfo(server), OURS) == [("mlpredict",)]
            (disk / FILL).unlink()
            done = mlpredict("db", "restore", "large.dump", "--yes", env=home, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        finally:
            lifecycle.stop(server)


def test_a_server_that_is_used_is_left_alone(
    mlpredict: Command, server: LocalServer, local: str, dump: Path
) -> None:
    with lifecycle.attached(server):
        done = mlpredict("db", "restore", dump, "--yes")
    assert done.returncode == 3
    assert b"another command is using the local PostgreSQL" in done.stderr
    assert query(local, LABELS) == OLD
