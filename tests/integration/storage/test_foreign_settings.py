"""Whatever the server, the database, the role or the environment has set: the same is stored and shown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from mlpredict.domain import EngineName, Keep, PredictionFilter
from mlpredict.storage.connection import open_connection
from mlpredict.storage.repository import open_repository
from mlpredict.storage.session_settings import SETTINGS, plain
from mlpredict.storage.transactions import reading, writing
from tests.conftest import Command
from tests.rows import model, new
from tests.serving import File, serving
from tests.tcp_server import TcpServer

FOREIGN = {
    "DateStyle": "German, DMY",
    "TimeZone": "Asia/Kathmandu",
    "IntervalStyle": "sql_standard",
    "search_path": "nowhere",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "client_encoding": "LATIN1",
    "client_min_messages": "debug1",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "lc_numeric": "C",
    "lc_time": "POSIX",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "1",
    "quote_all_identifiers": "on",
    "row_security": "on",
    "transform_null_equals": "on",
    "synchronous_commit": "off",
}
"""Each far from what it usually is, where it can be."""

NO_PATH = '""'
ROLE, PASSWORD = "foreigner", "f0reign"


@pytest.fixture
def administrator(tcp_server: TcpServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    dsn = make_conninfo(tcp_server.dsn, options="-c default_transaction_read_only=off")
    with psycopg.connect(dsn, autocommit=True, client_encoding="UTF8") as connection:
        yield connection


@pytest.fixture
def foreign_dsn(
    administrator: psycopg.Connection[tuple[object, ...]], tcp_server: TcpServer
) -> Iterator[str]:
    """A database with nothing in it, of a role of its own."""
    name = f"foreign_{os.getpid()}"
    administrator.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(ROLE), Literal(PASSWORD)))
    administrator.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(ROLE)))
    yield make_conninfo(tcp_server.dsn, dbname=name, user=ROLE, password=PASSWORD)
    administrator.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
    administrator.execute(SQL("DROP ROLE {}").format(Identifier(ROLE)))


@contextmanager
def set_by(
    where: str, administrator: psycopg.Connection[tuple[object, ...]], settings: dict[str, str]
) -> Iterator[dict[str, str]]:
    """Settings of the server, of the database, of the role or of the environment, which is given."""
    if where == "environment":
        options = " ".join(
            f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items()
        )
        yield {
            "PGOPTIONS": options,
            "PGDATESTYLE": "SQL, DMY",
            "PGTZ": "Asia/Tokyo",
            "PGCLIENTENCODING": "LATIN1",
        }
        return
    owner = {
        "server": SQL("SYSTEM"),
        "database": SQL("DATABASE {}").format(Identifier(f"foreign_{os.getpid()}")),
        "role": SQL("ROLE {}").format(Identifier(ROLE)),
    }[where]
    for name, value in settings.items():
        administrator.execute(
            SQL("ALTER {} SET {} = {}").format(
                owner, Identifier(name), Literal(value if value != NO_PATH else "")
            )
        )
    administrator.execute("SELECT pg_reload_conf()")
    try:
        yield {}
    finally:
        administrator.execute(SQL("ALTER {} RESET ALL").format(owner))
        administrator.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("where", ["server", "database", "role", "environment"])
def test_nobodys_settings_change_what_is_stored_or_shown(
    where: str,
    mlpredict: Command,
    environment: dict[str, str],
    administrator: psycopg.Connection[tuple[object, ...]],
    foreign_dsn: str,
    digits: list[Path],
    tmp_path: Path,
) -> None:
    names = [tmp_path / name for name in ("é.png", "日本.png", r"back\slash.png")]
    for name, digit in zip(names, digits, strict=False):
        name.write_bytes(digit.read_bytes())
    lost = tmp_path / "lost.png"
    lost.write_bytes(b"no image")
    assert mlpredict("init-db", "--dsn", foreign_dsn).returncode == 0
    before = mlpredict("predict", *names, lost, "--dsn", foreign_dsn, "--json")
    assert before.returncode == 1
    with set_by(where, administrator, FOREIGN) as changed:
        done = mlpredict("predict", *names, lost, "--dsn", foreign_dsn, "--json", env=changed)
        assert (done.returncode, told(done.stderr)) == (1, told(before.stderr))
        listed = mlpredict("list", "--dsn", foreign_dsn, "--json", env=changed)
        assert (listed.returncode, json.loads(listed.stdout)) == (
            0,
            json.loads(done.stdout)[::-1] + json.loads(before.stdout)[::-1],
        )
        for arguments in (("--filename", "日*"), ("--since", "1h", "--until", "1h")):
            found = mlpredict("list", *arguments, "--dsn", foreign_dsn, "--json", env=changed)
            assert (found.returncode, len(json.loads(found.stdout))) == (0, 2 if "日*" in arguments else 0)
        commands = [["show", "1"], ["show", "1", "--json"], ["db", "status"]]
        if where != "environment":  # which would ask for tables in the schema that it names
            commands.append(["init-db"])
        for command in commands:
            assert mlpredict(*command, "--dsn", foreign_dsn, env=changed).returncode == 0
        assert mlpredict("db", "dump", tmp_path / "dump", "--dsn", foreign_dsn, env=changed).returncode == 0
        with serving({**environment, **changed}, "--dsn", foreign_dsn) as served:
            assert served.post("/v1/predictions", File(digits[0].read_bytes())).status == 201
            assert served.ask("/v1/predictions").status == 200
    for answer in (before, done):
        records = json.loads(answer.stdout)
        assert [record["filename"] for record in records] == list(map(str, names))
        assert all(record["created_at"].endswith("+00:00") for record in records)
    first, second = (
        [
            {**one, **dict.fromkeys(("prediction_id", "run_id", "created_at"))}
            for one in json.loads(answer.stdout)
        ]
        for answer in (before, done)
    )
    assert first == second
    with psycopg.connect(foreign_dsn, client_encoding="UTF8") as connection:
        counted = connection.execute(
            "SELECT count(*), count(DISTINCT inputid), max(now() - created_at) < '10 min' FROM predictions"
        )
        assert counted.fetchone() == (7, 3, True)
        failed = connection.execute("SELECT filename, filename_bytes FROM failures").fetchall()
        assert failed == [(str(lost), None)] * 2
        finished = connection.execute("SELECT count(*), count(finished_at) FROM runs").fetchone()
        assert finished == (3, 3)


def told(stderr: bytes) -> list[str]:
    """What was said, without the run's number and without the time it took."""
    return [
        line
        for line in stderr.decode().splitlines()
        if "predicted in" not in line and "search path" not in line
    ]


@pytest.mark.parametrize("where", ["server", "database", "role", "environment"])
def test_tables_are_made_under_settings_of_others(
    where: str,
    mlpredict: Command,
    administrator: psycopg.Connection[tuple[object, ...]],
    foreign_dsn: str,
    digits: list[Path],
) -> None:
    settings = {**FOREIGN, "search_path": NO_PATH}
    with set_by(where, administrator, settings) as changed:
        for said in ("applied", "nothing to do"):
            done = mlpredict("init-db", "--dsn", foreign_dsn, env=changed)
            assert (done.returncode, said in done.stderr.decode()) == (0, True)
        assert mlpredict("predict", digits[0], "--dsn", foreign_dsn, env=changed).returncode == 0
    listed = mlpredict("list", "--dsn", foreign_dsn, "--json")
    assert len(json.loads(listed.stdout)) == 1


@pytest.mark.parametrize("name", FOREIGN)
def test_each_setting_of_a_role(
    name: str, administrator: psycopg.Connection[tuple[object, ...]], foreign_dsn: str
) -> None:
    with open_connection(foreign_dsn) as connection:
        from mlpredict.storage.migrations import migrate

        migrate(connection)
    with set_by("role", administrator, {name: FOREIGN[name]}), open_repository(foreign_dsn) as repository:
        run = repository.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        batch = [new(0), new(1)]
        stored = repository.add(run, batch, [])
        assert repository.stored(run, batch, []) == stored
        repository.finish_run(run)
        assert list(repository.predictions(PredictionFilter(), limit=None)) == stored[::-1]
        (first, _) = stored
        assert first.created_at is not None
        assert abs((datetime.now(UTC) - first.created_at).total_seconds()) < 60
        assert first.prediction_id is not None
        detail = repository.detail(first.prediction_id)
        assert (detail.record, detail.image.sha256) == (first, batch[0].input.sha256)


def test_a_transaction_has_its_settings_and_leaves_none(
    administrator: psycopg.Connection[tuple[object, ...]], foreign_dsn: str
) -> None:
    foreign = {**FOREIGN, "statement_timeout": "30000"}
    names = [*dict(SETTINGS), "transaction_isolation", "transaction_read_only"]

    def shown(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, object]:
        asked = SQL("SELECT {}").format(
            SQL(", ").join(SQL("current_setting({})").format(Literal(one)) for one in names)
        )
        (values,) = connection.execute(asked).fetchall()
        return dict(zip(names, values, strict=True))

    ours = {name: plain(value) for name, value in SETTINGS}
    with set_by("role", administrator, foreign), open_connection(foreign_dsn) as connection:
        before = shown(connection)
        assert before["DateStyle"] == "German, DMY"
        with writing(connection):
            assert shown(connection) == {
                **ours,
                "transaction_isolation": "read committed",
                "transaction_read_only": "off",
            }
        with reading(connection, statement_timeout="'30s'"):
            assert shown(connection) == {
                **ours,
                "statement_timeout": "30s",
                "transaction_isolation": "read committed",
                "transaction_read_only": "on",
            }
        with pytest.raises(ZeroDivisionError), writing(connection):
            raise ZeroDivisionError
        assert shown(connection) == before
