"""Databases that are not in UTF8, and clients that are told to speak something else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from mlpredict.storage.encodings import creation
from mlpredict.storage.migrations import migrate
from tests.conftest import Command
from tests.published import PUBLISHED_TABLES
from tests.serving import File, serving
from tests.tcp_server import TcpServer

NAMES = ("0.png", "é.png", "日本.png", "日本é ünï.png", "4.png")

Make = Callable[[str], str]


@pytest.fixture
def make(tcp_server: TcpServer) -> Iterator[Make]:
    """Makes an empty database in an encoding; the DSN."""
    made: list[str] = []

    def make(encoding: str) -> str:
        name = f"in_{encoding.lower()}_{os.getpid()}_{len(made)}"
        administrator.execute(
            SQL("CREATE DATABASE {} ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0").format(
                Identifier(name), Literal(encoding)
            )
        )
        made.append(name)
        return make_conninfo(tcp_server.dsn, dbname=name)

    with psycopg.connect(tcp_server.dsn, autocommit=True) as administrator:
        yield make
        for name in made:
            administrator.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def adopted(dsn: str) -> str:
    """With the 2020 program's tables, which are there whatever the encoding, and a row."""
    with psycopg.connect(dsn, client_encoding="UTF8") as connection:
        connection.execute(PUBLISHED_TABLES)
        connection.execute("INSERT INTO inputs (image) VALUES ('data:image/jpeg;base64,/9j/')")
        connection.execute("INSERT INTO predictions (inputId, predictions) VALUES (1, '[0.25, 0.75]')")
    return dsn


@pytest.fixture
def named(tmp_path: Path, digits: list[Path]) -> list[Path]:
    """Images with names of all kinds."""
    paths = [tmp_path / name for name in NAMES]
    for path, digit in zip(paths, digits, strict=False):
        path.write_bytes(digit.read_bytes())
    return paths


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP"])
def test_a_new_database_that_cannot_hold_every_name_is_refused(
    encoding: str, make: Make, mlpredict: Command, digits: list[Path]
) -> None:
    dsn = make(encoding)
    refused = mlpredict("init-db", "--dsn", dsn)
    assert refused.returncode == 3
    statement = "CREATE DATABASE " + refused.stderr.decode().partition("CREATE DATABASE ")[2].strip()
    assert f"encoded in {encoding}" in refused.stderr.decode()
    assert "ENCODING 'UTF8'" in statement
    assert statement.endswith("TEMPLATE template0")
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert connection.execute("SELECT FROM pg_tables WHERE tablename = 'predictions'").rowcount == 0
        name = f"{connection.info.dbname}_utf8"
        connection.execute(statement.encode())
        try:
            right = make_conninfo(dsn, dbname=name)
            assert mlpredict("init-db", "--dsn", right).returncode == 0
            assert mlpredict("predict", digits[0], "--dsn", right).returncode == 0
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_tables_that_are_there_take_every_name(
    encoding: str,
    make: Make,
    mlpredict: Command,
    named: list[Path],
    tmp_path: Path,
    environment: dict[str, str],
) -> None:
    lost = tmp_path / "無.png"
    lost.write_bytes(b"no image")
    dsn = adopted(make(encoding))
    upgraded = mlpredict("init-db", "--dsn", dsn)
    assert upgraded.returncode == 0
    assert f"encoded in {encoding}" in upgraded.stderr.decode()
    assert "ENCODING 'UTF8'" in upgraded.stderr.decode()
    done = mlpredict("predict", *named, lost, "--dsn", dsn, "--json", env={"PGCLIENTENCODING": "LATIN1"})
    assert (done.returncode, "無.png" in done.stderr.decode()) == (1, True)
    assert "Traceback" not in done.stderr.decode()
    listed = json.loads(mlpredict("list", "--dsn", dsn, "--json").stdout)
    assert [one["filename"] for one in listed] == [*map(str, named[::-1]), None]
    assert json.loads(mlpredict("predict", *named, "--skip-existing", "--dsn", dsn, "--json").stdout) == []
    shown = json.loads(mlpredict("show", str(listed[2]["prediction_id"]), "--dsn", dsn, "--json").stdout)
    assert shown[0]["filename"] == str(named[2])
    assert mlpredict("show", "1", "--dsn", dsn).returncode == 0
    with serving(environment, "--dsn", dsn) as served:
        assert served.post("/v1/predictions", File(named[0].read_bytes(), "日本.png")).status == 201
        assert served.ask("/v1/predictions").json["predictions"][0]["filename"] == "日本.png"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_dump_carries_every_name_into_utf8(
    encoding: str, make: Make, mlpredict: Command, named: list[Path], tmp_path: Path
) -> None:
    old, right, wrong = adopted(make(encoding)), make("UTF8"), make("LATIN2")
    assert mlpredict("init-db", "--dsn", old).returncode == 0
    assert mlpredict("predict", *named, "--dsn", old).returncode == 0
    with psycopg.connect(old, autocommit=True) as connection:
        database = Identifier(connection.info.dbname)
        connection.execute(SQL("ALTER DATABASE {} SET client_encoding = 'SQL_ASCII'").format(database))
    assert mlpredict("db", "dump", tmp_path / "dump", "--dsn", old).returncode == 0
    assert mlpredict("db", "restore", tmp_path / "dump", "--dsn", right).returncode == 0
    before, after = (mlpredict("list", "--dsn", dsn, "--json").stdout for dsn in (old, right))
    assert before == after
    assert len(json.loads(after)) == 1 + len(NAMES)
    refused = mlpredict("db", "restore", tmp_path / "dump", "--dsn", wrong)
    assert (refused.returncode, "ENCODING 'UTF8'" in refused.stderr.decode()) == (3, True)


def test_what_cannot_be_looked_for_or_stored_is_said(
    make: Make, mlpredict: Command, named: list[Path]
) -> None:
    dsn = adopted(make("LATIN1"))
    assert mlpredict("init-db", "--dsn", dsn).returncode == 0
    for arguments in (
        ("list", "--label", "猫"),
        ("predict", named[0], "--labels", ",".join(["猫", *"123456789"])),
    ):
        done = mlpredict(*arguments, "--dsn", dsn)
        assert done.returncode == 3
        assert "the database's encoding has no 猫; mlpredict init-db" in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()


def test_the_statement_suits_the_database_and_its_server(make: Make) -> None:
    with psycopg.connect(make("LATIN1"), autocommit=True) as connection:
        name = connection.info.dbname
        assert creation(connection) == f"CREATE DATABASE {name}_utf8 ENCODING 'UTF8' TEMPLATE template0"


@pytest.mark.parametrize("where", ["environment", "dsn", "options", "role", "database"])
def test_connections_are_utf8_whoever_says_otherwise(
    where: str, make: Make, mlpredict: Command, named: list[Path]
) -> None:
    dsn = make("UTF8")
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate(connection)
        if where in ("role", "database"):
            owner = connection.info.user if where == "role" else connection.info.dbname
            setting = SQL("ALTER {} {} SET client_encoding = 'LATIN1'").format(SQL(where), Identifier(owner))
            connection.execute(setting)
        try:
            asked = {
                "dsn": make_conninfo(dsn, client_encoding="SQL_ASCII"),
                "options": make_conninfo(dsn, options="-c client_encoding=LATIN1"),
            }.get(where, dsn)
            env = {"PGCLIENTENCODING": "SQL_ASCII"} if where == "environment" else None
            done = mlpredict("predict", *named, "--dsn", asked, "--json", env=env)
            listed = mlpredict("list", "--dsn", asked, "--json", env=env)
        finally:
            connection.execute("ALTER ROLE CURRENT_USER RESET client_encoding")
    assert [one["filename"] for one in json.loads(done.stdout)] == list(map(str, named))
    assert json.loads(listed.stdout) == json.loads(done.stdout)[::-1]
