"""A user whom the system has no name for, as in a container that got a number, with and without HOME."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpredict.errors import DatabaseError
from mlpredict.settings import PACKAGE
from mlpredict.storage.server import borrowed_name, lifecycle, local_server
from tests.other_users import NAMELESS, OtherUser, other_user, requires_root
from tests.tcp_server import TcpServer

pytestmark = requires_root

HOMES: dict[str, dict[str, str]] = {
    "without HOME": {},
    "HOME that cannot be written": {"HOME": "/"},
    "HOME that is not there": {"HOME": "/nonexistent"},
}


@pytest.fixture(scope="module")
def nameless() -> Iterator[OtherUser]:
    with other_user() as user:
        yield user


@pytest.mark.parametrize("home", HOMES)
def test_with_a_dsn_everything_works(
    home: str, nameless: OtherUser, tcp_server: TcpServer, digits: list[Path]
) -> None:
    env = {"MLPREDICT_DSN": tcp_server.dsn, **HOMES[home]}
    schema = f"of_{home.lower().replace(' ', '_')}"
    env["PGOPTIONS"] = f"-csearch_path={schema}"
    assert nameless.run("db", "psql", "--", "-qc", f"CREATE SCHEMA {schema}", env=env).returncode == 0
    for arguments in (
        ["init-db"],
        ["predict", digits[0], digits[1]],
        ["list", "--json"],
        ["show", "1"],
        ["model"],
        ["db", "status"],
        ["db", "url"],
    ):
        done = nameless.run(*arguments, env=env)
        assert done.returncode == 0, (arguments, done.stderr.decode())
        assert b"Traceback" not in done.stderr


def test_a_dsn_without_a_user_is_told_in_a_line(nameless: OtherUser) -> None:
    done = nameless.run("list", "--dsn", "host=127.0.0.1 port=1 dbname=x")
    assert done.returncode == 3
    (said,) = done.stderr.decode().splitlines()
    assert f"names no user, and user {NAMELESS} has no name on this system" in said
    assert "postgresql://USER@" in said
    named = nameless.run("list", "--dsn", "host=127.0.0.1 port=1 dbname=x", env={"PGUSER": "me"})
    assert b"no name" not in named.stderr


def test_without_a_home_the_local_server_asks_for_one(nameless: OtherUser, digits: list[Path]) -> None:
    for command in (["list"], ["predict", digits[0]], ["db", "status"], ["db", "stop"]):
        done = nameless.run(*command)
        assert done.returncode == 3, done.stderr
        (said,) = done.stderr.decode().splitlines()
        assert "has no home directory" in said
        assert "MLPREDICT_HOME" in said
    home = nameless.run("list", env={"MLPREDICT_HOME": "~/data"})
    assert home.returncode == 2
    assert b"MLPREDICT_HOME=~/data: there is no such home directory" in home.stderr


def test_the_local_server_works_or_says_what_is_needed(
    nameless: OtherUser, digits: list[Path], cache_home: Path
) -> None:
    home = nameless.make("home")
    env = {"HOME": str(home)}
    first = nameless.run("predict", digits[3], "--format", "jsonl", env=env)
    if not may_make_namespaces(nameless):
        assert first.returncode == 3
        (said,) = first.stderr.decode().splitlines()
        assert f"user {NAMELESS} has no name on this system" in said
        assert "/etc/passwd" in said
        return
    assert first.returncode == 0, first.stderr
    for arguments in (["list"], ["db", "status"], ["db", "psql", "--", "-c", "SELECT 1"], ["db", "stop"]):
        done = nameless.run(*arguments, env=env)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), (arguments, done.stderr)
    again = nameless.run("list", "--json", env=env)
    assert [record["prediction_id"] for record in json.loads(again.stdout)] == [1]
    assert nameless.run("db", "dump", home / "all.dump", env=env).returncode == 0
    assert nameless.run("db", "destroy", "--yes", env=env).returncode == 0


def may_make_namespaces(user: OtherUser) -> bool:
    """Whether Linux lets this user have a namespace with other numbers of users."""
    program = [sys.executable, "-P", "-m", "mlpredict.storage.server.borrowed_name", "65534", "/bin/true"]
    return subprocess.run(user.as_it(*program), cwd=PACKAGE.parent).returncode == 0


def test_where_no_name_can_be_borrowed_it_is_said_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = ["/bin/sh", "-c", f"exit {borrowed_name.REFUSED}"]
    monkeypatch.setattr(borrowed_name, "command_for", lambda _uid: refusing)
    server = local_server.locate(home)
    nameless = server._replace(account=server.account._replace(is_named=False))
    with pytest.raises(DatabaseError, match="has no name on this system") as caught:
        lifecycle.open_connection(nameless)
    assert "/etc/passwd" in str(caught.value.hint)
