"""`mlpredict db status`, `start`, `stop` and `destroy`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpredict.storage.maintenance import destroy
from mlpredict.storage.server import lifecycle
from mlpredict.storage.server.local_server import LocalServer
from tests.conftest import Command
from tests.local_servers import pid_of
from tests.tcp_server import PASSWORD, TcpServer


@pytest.fixture
def db(mlpredict: Command, home: Path) -> Callable[..., str]:
    """Runs `mlpredict db …` on the server in `home`; what it printed, on stdout and then on stderr."""

    def run(*arguments: str, status: int = 0, env: dict[str, str] | None = None) -> str:
        done = mlpredict("db", *arguments, env={"MLPREDICT_HOME": str(home), **(env or {})})
        assert done.returncode == status, done.stderr
        return done.stdout.decode() + done.stderr.decode()

    return run


def test_the_status_of_a_server_that_is_not_there(db: Callable[..., str], home: Path) -> None:
    status = json.loads(db("status", "--json"))
    assert (status["running"], status["state"], status["where"]) == (
        False,
        "not made yet",
        str(home / "pg18"),
    )
    assert not (home / "pg18").exists()


def test_start_status_and_stop(db: Callable[..., str], server: LocalServer) -> None:
    assert "stops when it has not been used for 60 s" in db("start", env={"MLPREDICT_PG_LINGER": "60"})
    status = json.loads(db("status", "--json"))
    assert status["running"] is True
    assert status["pid"] == pid_of(server)
    assert status["version"].startswith("18.")
    assert 30 < status["idle_seconds_left"] <= 60
    assert status["size_bytes"] > 10_000_000
    assert status["rows"] is None  # nobody has stored anything yet
    assert "is stopped" in db("stop")
    assert json.loads(db("status", "--json"))["state"] == "stopped"
    assert "was not running" in db("stop")


def test_the_status_counts_rows(
    db: Callable[..., str], mlpredict: Command, server: LocalServer, digits: list[Path]
) -> None:
    predicted = mlpredict("predict", *digits[:3], env={"MLPREDICT_HOME": str(server.root.parent)})
    assert predicted.returncode == 0
    lines = dict(line.split("\t") for line in db("status").splitlines())
    assert lines["running"] == "true"
    assert (lines["rows_inputs"], lines["rows_predictions"], lines["rows_runs"]) == ("3", "3", "1")


def test_the_status_is_no_use(db: Callable[..., str], server: LocalServer) -> None:
    lifecycle.ensure_running(server)
    first = json.loads(db("status", "--json"))["idle_seconds_left"]
    assert json.loads(db("status", "--json"))["idle_seconds_left"] < first


def test_a_server_in_use_is_stopped_by_force_alone(db: Callable[..., str], server: LocalServer) -> None:
    with lifecycle.open_connection(server):
        assert json.loads(db("status", "--json"))["in_use"] is True
        said = db("stop", status=3)
        assert "another command is using" in said
        assert "--force" in said
        assert lifecycle.is_running(server)
        assert "is stopped" in db("stop", "--force")
    assert not lifecycle.is_running(server)


def test_destroy_asks_first(db: Callable[..., str], server: LocalServer) -> None:
    assert "pass --yes" in db("destroy", status=2)
    assert server.data.exists()
    lifecycle.ensure_running(server)
    (server.root.parent / "pg16" / "data").mkdir(parents=True)
    assert "removed the database" in db("destroy", "--yes")
    assert destroy.remains(server) == []
    assert "there is no local PostgreSQL" in db("destroy", "--yes")


def test_a_server_in_use_is_not_destroyed(db: Callable[..., str], server: LocalServer) -> None:
    with lifecycle.open_connection(server) as connection:
        assert "another command is using" in db("destroy", "--yes", status=3)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_next_command_after_destroy_begins_anew(db: Callable[..., str], server: LocalServer) -> None:
    db("destroy", "--yes")
    assert "created a private PostgreSQL" in db("start")


@pytest.mark.parametrize("command", ["start", "stop", "destroy"])
def test_a_named_server_is_not_ours_to_start_or_stop(command: str, db: Callable[..., str]) -> None:
    assert "is for the local PostgreSQL" in db(command, "--dsn", "dbname=x", status=2)


def test_the_status_of_a_named_server(db: Callable[..., str], tcp_server: TcpServer, dsn: str) -> None:
    status = json.loads(db("status", "--json", "--dsn", tcp_server.dsn))
    assert status["running"] is True
    assert status["pid"] is None
    assert PASSWORD not in status["where"]
    assert "%20" not in status["where"]
    assert json.loads(db("status", "--json", env={"MLPREDICT_DSN": dsn}))["rows"]["predictions"] == 0


def test_a_linger_time_that_is_none_is_a_usage_error(db: Callable[..., str]) -> None:
    said = db("start", status=2, env={"MLPREDICT_PG_LINGER": "soon"})
    assert said.count("\n") == 1
    assert "MLPREDICT_PG_LINGER=soon is no number of seconds" in said
