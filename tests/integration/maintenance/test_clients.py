"""`mlpredict db url` and `db psql`: other programs reach the same database, and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from mlpredict.storage.maintenance import clients
from mlpredict.storage.server import lifecycle, local_server
from mlpredict.storage.server.local_server import LocalServer
from tests.conftest import Command
from tests.controlling_terminal import terminal
from tests.tcp_server import TcpServer

ODD = "odd %41 ü&+=#?'"
ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(%'"
REDIRECTIONS = {
    "PGHOST": "/nowhere",
    "PGHOSTADDR": "127.0.0.1",
    "PGPORT": "1",
    "PGUSER": "x",
    "PGDATABASE": "x",
    "PGSERVICE": "x",
    "PGREQUIREPEER": "x",
    "PGOPTIONS": "-c no_such_setting=1",
    "PGREQUIREAUTH": "password",
}
SHOW_HOW_CALLED = f"""#!{sys.executable}
import os, sys
print(*sys.argv[1:], sep="\\n")
print(os.environ.get("PGPASSWORD"))
sys.exit(7)
"""


def text(output: bytes) -> str:
    return output.decode().strip()


@pytest.fixture(scope="module")
def odd_home(public_directory: Path) -> Iterator[Path]:
    """A home whose name needs care in URLs, with no database in it yet."""
    home = public_directory / ODD
    home.mkdir(mode=0o755)
    yield home
    lifecycle.stop(local_server.locate(home))


@pytest.fixture
def with_psql_on_path(tmp_path: Path) -> dict[str, str]:
    """No programs of our own, and a psql on PATH that tells how it was called."""
    psql = tmp_path / "psql"
    psql.write_text(SHOW_HOW_CALLED)
    psql.chmod(0o755)
    return {"PATH": str(tmp_path), "MLPREDICT_PG_BINDIR": "/nowhere"}


def test_the_url_leads_any_client_to_the_local_server(mlpredict: Command, odd_home: Path) -> None:
    home = {"MLPREDICT_HOME": str(odd_home)}
    found = mlpredict("db", "url", env=home)
    assert found.returncode == 0, found.stderr
    url = text(found.stdout)
    socket = quote(str(local_server.locate(odd_home).socket_dir))
    assert url == f"postgresql://mlpredict@/mlpredict?host={socket}&port=5432"
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW cluster_name").fetchall() == [("mlpredict",)]
    said = mlpredict("db", "psql", "--", "-Atc", "SELECT current_database()", env=home)
    assert text(said.stdout) == "mlpredict", said.stderr


def test_the_url_of_a_dsn_has_no_password(mlpredict: Command) -> None:
    for dsn in (
        "postgresql://me:s3cret@db.example.org/predictions?sslmode=require&sslpassword=s3cret",
        "host=db.example.org user=me dbname=predictions password=s3cret sslmode=require",
    ):
        found = mlpredict("db", "url", env={"MLPREDICT_DSN": dsn})
        assert text(found.stdout) == "postgresql://me@db.example.org/predictions?sslmode=require"
    wrong = mlpredict("db", "url", "--dsn", "host=x s3cret")
    assert wrong.returncode == 3
    assert b"s3cret" not in wrong.stderr


def test_psql_gets_its_arguments_and_gives_its_exit_status(mlpredict: Command, dsn: str) -> None:
    done = mlpredict("db", "psql", "--dsn", dsn, "--", "-At", "-c", "SELECT 6 * 7", "-q")
    assert (done.returncode, text(done.stdout)) == (0, "42"), done.stderr
    done = mlpredict("db", "psql", "--dsn", dsn, stdin=b"\\set ON_ERROR_STOP 1\nSELECT nothing;\n")
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [[], ["-d", "postgres"]], ids=["as it is", "with -d"])
def test_the_environment_does_not_lead_psql_elsewhere(
    running_server: LocalServer, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    for name, value in REDIRECTIONS.items():
        monkeypatch.setenv(name, value)
    target = clients.local_target(running_server, local_server.conninfo(running_server))
    query = "SELECT current_user, current_database(), current_setting('cluster_name')"
    command = target.command("psql", *arguments, "-XAtc", query)
    done = subprocess.run(command, env=target.environment, capture_output=True)
    database = arguments[-1] if arguments else "mlpredict"
    assert text(done.stdout) == f"mlpredict|{database}|mlpredict", done.stderr


def test_psqls_own_settings_stay(mlpredict: Command, running_server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("\\set mine 'here'\n")
    done = mlpredict("db", "psql", stdin=b"\\echo :mine\n", env={"PSQLRC": str(tmp_path / "rc")})
    assert text(done.stdout) == "here", done.stderr


def test_a_password_reaches_psql_beside_its_arguments(
    mlpredict: Command, tcp_server: TcpServer, with_psql_on_path: dict[str, str]
) -> None:
    done = mlpredict("db", "psql", "--dsn", tcp_server.dsn, "--", "-Atc", "SELECT current_user")
    assert text(done.stdout) == "tester", done.stderr
    done = mlpredict("db", "psql", "--dsn", tcp_server.dsn, "--", "-x", env=with_psql_on_path)
    *arguments, password = text(done.stdout).splitlines()
    assert arguments[1:] == ["-x"]
    assert f"port={tcp_server.port}" in arguments[0]
    assert "password" not in arguments[0]
    assert password == "s3cret pass'word"
    assert done.returncode == 7


def test_a_missing_psql_is_one_line(mlpredict: Command, tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "MLPREDICT_PG_BINDIR": "/nowhere"}
    done = mlpredict("db", "psql", "--dsn", "host=x", env=nothing)
    assert done.returncode == 3
    assert text(done.stderr).startswith("mlpredict: there is no program psql on PATH; install PostgreSQL's")
    assert len(done.stderr.splitlines()) == 1


def test_a_ctrl_c_is_for_psql_alone(environment: dict[str, str], dsn: str) -> None:
    with terminal(environment, "db", "psql", "--dsn", dsn, "--", "-XP", "pager=off") as screen:
        screen.wait_for("=# ")
        screen.type("SELECT pg_sleep(600);\n")
        screen.wait_for("pg_sleep(600);")
        wait_until_asleep(dsn)
        screen.type("\x03")
        screen.wait_for("canceling statement due to user request")
        screen.wait_for("=# ")
        screen.type("SELECT 6 * 7 AS answer;\n")
        screen.wait_for("42")
        screen.wait_for("=# ")
        screen.type("\\q\n")
        assert screen.wait() == 0
        assert b"Traceback" not in screen.screen


def test_psql_ends_with_a_terminated_command(
    environment: dict[str, str], dsn: str, running_server: LocalServer
) -> None:
    query = "SELECT pg_sleep(600)"
    with terminal(environment, "db", "psql", "--dsn", dsn, "--", "-Xc", query) as screen:
        wait_until_asleep(dsn)
        os.kill(screen.process.pid, signal.SIGTERM)
        screen.wait_for("mlpredict: interrupted")
        # The terminal's other side is closed only when psql has gone, too.
        assert screen.wait() == 130


def wait_until_asleep(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute(ASLEEP.encode() + b" AND pid <> pg_backend_pid()").fetchone() == (0,):
            pass
