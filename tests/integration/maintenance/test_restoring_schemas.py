"""`mlpredict db restore` into another schema than the dump's: all of it, or nothing."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from mlpredict.errors import DatabaseError
from mlpredict.storage import migrations
from mlpredict.storage.maintenance import dumps
from mlpredict.storage.maintenance.dumps import Source
from mlpredict.storage.migrations import migrate
from tests.conftest import COMMAND, Command
from tests.integration.maintenance.test_dumps import (
    PREDICTIONS,
    ROWS,
    STORE_ANOTHER,
    database,
    execute,
    query,
)
from tests.integration.storage.test_migrations import PUBLISHED_ROWS
from tests.processes import started
from tests.proxy import proxy_to
from tests.published import PUBLISHED_TABLES
from tests.tcp_server import TcpServer

ODD = 'M "L"\'s $$ .é'
"""A schema that a person would not choose, and a program might."""

EXTRAS = """
    CREATE TABLE notes (
        id serial PRIMARY KEY, prediction bigint REFERENCES predictions, note text DEFAULT 'ml.x'
    );
    INSERT INTO notes (prediction, note) VALUES (1, 'ml.predictions
COPY ml.notes (id) FROM stdin;
\\.');
    CREATE VIEW sure AS SELECT predictions.id FROM predictions WHERE predictions.score > 0.4;
    CREATE FUNCTION noted(bigint) RETURNS bigint LANGUAGE sql AS $$
        SELECT count(*) FROM notes WHERE prediction = $1;
    $$;
    CREATE FUNCTION twice(a bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2 * a; END;
    COMMENT ON TABLE notes IS 'those of ml.predictions; it''s
COPY ml.notes (id) FROM stdin;';
"""
OBJECTS = """
    SELECT c.relname, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2
"""


def with_path(dsn: str, schema: str, others: str = ",public") -> str:
    """The DSN with a schema first on the search path."""
    quoted = '"' + schema.replace('"', '""') + '"'
    escaped = quoted.replace("\\", "\\\\").replace(" ", "\\ ")
    return make_conninfo(dsn, options=f"-csearch_path={escaped}{others}")


def make_schema(dsn: str, schema: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(schema)))


def dump_of(mlpredict: Command, dsn: str, schema: str, path: Path) -> Path:
    """A dump of a schema with our tables, rows and what somebody has added."""
    make_schema(dsn, schema)
    there = with_path(dsn, schema)
    with psycopg.connect(there, autocommit=True) as connection:
        migrate(connection)
        connection.execute((ROWS + EXTRAS).encode())
    done = mlpredict("db", "dump", path, "--dsn", there)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("public", "ml"),
        ("ml", "public"),
        ("ml", "Other"),
        (ODD, "ml"),
        ("public", ODD),
        ("ml", "ml"),
        (ODD, ODD),
    ],
)
def test_a_dump_of_any_schema_goes_into_any_other(
    mlpredict: Command, empty_dsn: str, tcp_server: TcpServer, tmp_path: Path, old: str, new: str
) -> None:
    dump = dump_of(mlpredict, empty_dsn, old, tmp_path / "rows.dump")
    expected = query(with_path(empty_dsn, old), PREDICTIONS)
    execute(tcp_server.dsn, "CREATE DATABASE other_schema")
    target = make_conninfo(tcp_server.dsn, dbname="other_schema")
    try:
        make_schema(target, new)
        there = with_path(target, new)
        for source, content in ((dump, b""), ("-", dump.read_bytes())):
            done = mlpredict("db", "restore", source, "--dsn", there, stdin=content)
            assert done.returncode == 0, done.stderr
            assert b"restored 3 inputs, 2 predictions, 1 run from" in done.stderr
            assert query(there, PREDICTIONS) == expected
            assert query(there, STORE_ANOTHER) == [(4,)]
            assert query(there, "SELECT noted(1), twice(4)") == [(1, 8)]
            assert query(there, "SELECT count(*) FROM sure") == [(3,)]
            ((note,),) = query(there, "SELECT note FROM notes")
            assert str(note).startswith("ml.predictions\nCOPY ml.notes")
            schemas = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('inputs', 'notes')"
            assert query(there, schemas) == [(new,)]
            assert mlpredict("init-db", "--dsn", there).returncode == 0
            with psycopg.connect(target, autocommit=True) as connection:
                connection.execute(SQL("DROP SCHEMA {0} CASCADE; CREATE SCHEMA {0}").format(Identifier(new)))
    finally:
        execute(tcp_server.dsn, "DROP DATABASE other_schema WITH (FORCE)")


def test_beside_ours_in_the_same_database(mlpredict: Command, dsn: str, tmp_path: Path) -> None:
    execute(dsn, ROWS)
    assert mlpredict("db", "dump", tmp_path / "rows.dump", "--dsn", dsn).returncode == 0
    execute(dsn, "CREATE SCHEMA copy; UPDATE predictions SET label = 'old'")
    alone = make_conninfo(dsn, options="-csearch_path=copy")
    done = mlpredict("db", "restore", tmp_path / "rows.dump", "--dsn", alone)
    assert done.returncode == 0, done.stderr
    assert query(alone, "SELECT DISTINCT label FROM predictions") == [("1",)]
    assert query(dsn, "SELECT DISTINCT label FROM predictions") == [("old",)]


def test_programs_beside_a_schema_of_our_own_are_not_dumped(
    mlpredict: Command, empty_dsn: str, tcp_server: TcpServer, tmp_path: Path
) -> None:
    others = "CREATE TABLE schema_migrations (version bigint, dirty boolean); CREATE TABLE users (id serial)"
    execute(empty_dsn, others)
    dump = dump_of(mlpredict, empty_dsn, ODD, tmp_path / "rows.dump")
    with database(tcp_server.dsn, "beside") as target:
        execute(target, others)
        alone = with_path(target, ODD, "")
        done = mlpredict("db", "restore", dump, "--dsn", alone)
        assert done.returncode == 0, done.stderr
        assert query(alone, "SELECT count(*) FROM predictions") == [(2,)]
        assert query(target, "SELECT dirty FROM schema_migrations") == []


def test_a_schema_that_is_not_there_is_made(
    mlpredict: Command, dsn: str, empty_dsn: str, tmp_path: Path
) -> None:
    execute(dsn, ROWS)
    assert mlpredict("db", "dump", tmp_path / "rows.dump", "--dsn", dsn).returncode == 0
    there = make_conninfo(empty_dsn, options="-csearch_path=ml")
    done = mlpredict("db", "restore", tmp_path / "rows.dump", "--dsn", there)
    assert done.returncode == 0, done.stderr
    assert query(empty_dsn, "SELECT count(*) FROM ml.predictions") == [(2,)]


def test_published_tables_are_adopted_in_another_schema(
    mlpredict: Command, empty_dsn: str, dsn: str, tmp_path: Path
) -> None:
    execute(empty_dsn, PUBLISHED_TABLES + PUBLISHED_ROWS)
    assert mlpredict("db", "dump", tmp_path / "rows.dump", "--dsn", empty_dsn).returncode == 0
    there = make_conninfo(dsn, options="-csearch_path=adopted")
    done = mlpredict("db", "restore", tmp_path / "rows.dump", "--dsn", there)
    assert done.returncode == 0, done.stderr
    assert query(dsn, "SELECT label FROM adopted.predictions WHERE id = 1") == [("1",)]


def test_what_cannot_be_restored_leaves_nothing(
    mlpredict: Command, dsn: str, empty_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all of the dump is there already, and this version cannot make anything of it."""
    execute(dsn, ROWS + "CREATE TABLE extra (id integer)")
    dump = tmp_path / "rows.dump"
    assert mlpredict("db", "dump", dump, "--dsn", dsn).returncode == 0
    execute(empty_dsn, "CREATE SCHEMA ml; CREATE TABLE ml.extra ()")
    there = make_conninfo(empty_dsn, options="-csearch_path=ml")
    before = query(empty_dsn, OBJECTS)
    done = mlpredict("db", "restore", dump, "--dsn", there)
    assert done.returncode == 3
    assert b'rows.dump: relation "extra" already exists' in done.stderr
    assert query(empty_dsn, OBJECTS) == before
    execute(empty_dsn, "DROP TABLE ml.extra")
    torn = tmp_path / "torn.dump"
    torn.write_bytes(dump.read_bytes()[:-150])
    assert mlpredict("db", "restore", torn, "--dsn", there).returncode == 3
    known = migrations.migrations()
    monkeypatch.setattr(migrations, "migrations", lambda: known[:-1])
    with dump.open("rb") as file, pytest.raises(DatabaseError, match="newer than this version"):
        dumps.restore_into(there, Source(file.fileno(), "rows.dump"))
    assert query(empty_dsn, OBJECTS) == []


@pytest.fixture
def large(mlpredict: Command, dsn: str, tmp_path: Path) -> Path:
    """A dump that takes a while."""
    execute(dsn, ROWS)
    execute(
        dsn, "INSERT INTO inputs (image) SELECT repeat(md5(n::text), 3000) FROM generate_series(1, 400) AS n"
    )
    assert mlpredict("db", "dump", tmp_path / "large.dump", "--dsn", dsn).returncode == 0
    return tmp_path / "large.dump"


@pytest.fixture
def elsewhere(tcp_server: TcpServer) -> Iterator[str]:
    execute(tcp_server.dsn, "CREATE DATABASE cut_off")
    yield make_conninfo(tcp_server.dsn, dbname="cut_off", options="-csearch_path=ml")
    execute(tcp_server.dsn, "DROP DATABASE cut_off WITH (FORCE)")


def wait_for_rows(server: TcpServer, process: subprocess.Popen[bytes]) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as observer:
        copying = (
            b"SELECT FROM pg_stat_activity WHERE datname = 'cut_off' AND query LIKE 'COPY %.inputs%'"
            b" AND state = 'active'"
        )
        while not observer.execute(copying).fetchall():
            assert process.poll() is None
            time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_restore_leaves_nothing(
    environment: dict[str, str],
    compiled: None,
    large: Path,
    elsewhere: str,
    tcp_server: TcpServer,
    number: signal.Signals,
) -> None:
    command = [*COMMAND, "db", "restore", "-", "--dsn", elsewhere]
    content = large.read_bytes()
    with started(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(content[: len(content) // 2])
        process.stdin.flush()
        wait_for_rows(tcp_server, process)
        process.send_signal(number)
        process.wait(timeout=60)
    assert_nothing_is_left(elsewhere)


def test_a_lost_connection_leaves_nothing(
    environment: dict[str, str], compiled: None, large: Path, elsewhere: str, tcp_server: TcpServer
) -> None:
    with proxy_to(tcp_server.port) as proxy:
        dsn = make_conninfo(elsewhere, port=proxy.port)
        command = [*COMMAND, "db", "restore", "-", "--dsn", dsn]
        content = large.read_bytes()
        with started(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(content[: len(content) // 2])
            process.stdin.flush()
            wait_for_rows(tcp_server, process)
            proxy.cut()
            _, said = process.communicate(content[len(content) // 2 :], timeout=60)
        assert process.returncode == 3
        assert said.startswith(b"mlpredict: standard input: ")
    assert_nothing_is_left(elsewhere)


def assert_nothing_is_left(dsn: str) -> None:
    """As soon as the server has noticed."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        others = (
            b"SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            b" AND backend_type = 'client backend'"
        )
        deadline = time.monotonic() + 60
        while connection.execute(others).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert connection.execute(OBJECTS.encode()).fetchall() == []
        assert connection.execute("SELECT FROM pg_namespace WHERE nspname = 'ml'").fetchall() == []
