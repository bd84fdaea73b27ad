"""No piece of a password is printed, whatever is wrong with where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

import mlpredict as library
from mlpredict.errors import DatabaseError
from tests.conftest import Command
from tests.tcp_server import TcpServer

PIECES = re.compile(rb"s3c|r3t")

COMMANDS = [
    ["list", "-v"],
    ["predict", "-v", "{digit}"],
    ["predict", "-v", "{digit}", "--retry", "0", "--json"],
    ["show", "1", "-v"],
    ["init-db", "-v"],
    ["serve", "-v"],
    ["db", "status", "-v"],
    ["db", "url", "-v"],
    ["db", "dump", "-", "-v"],
    ["db", "psql", "-v", "--", "-c", "SELECT 1"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_a_torn_password(
    mlpredict: Command, tcp_server: TcpServer, digits: list[Path], command: list[str]
) -> None:
    arguments = [one.format(digit=digits[0]) for one in command]
    dsn = f"postgresql://tester:s3c@r3t#w@127.0.0.1:{tcp_server.port}/postgres"
    done = mlpredict(*arguments, env={"MLPREDICT_DSN": dsn})
    assert done.returncode == 3
    assert b"percent-encoded: @ is %40" in done.stderr
    assert not PIECES.search(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "postgresql://me:s3c@r3t@db/d"],
        ["show", "postgresql://me:s3cr3t@db/d"],
        ["list", "postgresql://me:s3cr3t@db/d"],
        ["list", "--dsn", "host=db", "password=s3c r3t"],
        ["list", "--limit", "postgres://me:s3cr3t@db"],
        ["predict", "--model", "postgresql://me:s3c@r3t@db/d", "x.png"],
    ],
    ids=str,
)
def test_a_dsn_in_another_place_keeps_its_password(mlpredict: Command, arguments: list[str]) -> None:
    done = mlpredict(*arguments)
    assert done.returncode != 0
    assert not PIECES.search(done.stdout + done.stderr)


def test_passwords_of_the_environment_and_of_files(
    mlpredict: Command, tcp_server: TcpServer, tmp_path: Path
) -> None:
    dsn = f"host=127.0.0.1 port={tcp_server.port} user=tester dbname=postgres"
    passfile, services = tmp_path / "pgpass", tmp_path / "services"
    passfile.write_text("*:*:*:*:s3cr3t\n")
    passfile.chmod(0o600)
    services.write_text(
        f"[plain]\nhost=127.0.0.1\nport={tcp_server.port}\nuser=tester\ndbname=postgres\npassword=s3c'r3t x\n"
        "[torn]\nhost=127.0.0.1;password=s3cr3t\nuser=tester\n[broken]\ns3cr3t\n"
    )
    for asked, env in (
        (dsn, {"PGPASSWORD": "s3c@r3t"}),
        (dsn, {"PGPASSFILE": str(passfile)}),
        (f"{dsn} passfile={passfile}", {}),
        ("service=plain", {"PGSERVICEFILE": str(services)}),
        ("service=torn", {"PGSERVICEFILE": str(services)}),
        ("service=broken", {"PGSERVICEFILE": str(services)}),
    ):
        for command in (["list", "-v"], ["db", "status", "-v"], ["db", "dump", "-", "-v"]):
            done = mlpredict(*command, "--dsn", asked, env=env)
            assert done.returncode == 3
            assert not PIECES.search(done.stdout + done.stderr)


def test_a_password_that_is_encoded_connects(mlpredict: Command, tcp_server: TcpServer) -> None:
    with psycopg.connect(tcp_server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE torn LOGIN PASSWORD 's3c@r/3t#?:%&x'")
        try:
            place = f"127.0.0.1:{tcp_server.port}/postgres"
            done = mlpredict(
                "db", "status", "--dsn", f"postgresql://torn:s3c%40r%2F3t%23%3F%3A%25%26x@{place}"
            )
        finally:
            connection.execute("DROP ROLE torn")
    assert done.returncode == 0
    assert not PIECES.search(done.stdout + done.stderr)


def test_objects_do_not_show_it() -> None:
    dsn = "postgresql://me:s3cr3t@127.0.0.1:1/d"
    with pytest.raises(DatabaseError), library.connect(dsn):
        pass
    from mlpredict.api.database import Database
    from mlpredict.storage.maintenance.clients import reached

    with reached(dsn) as target:
        assert not PIECES.search(f"{Database(dsn, 0)} {target}".encode())
