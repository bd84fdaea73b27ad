"""The README's main job on a machine that has never seen mlpredict: the local PostgreSQL and all."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlpredict.storage.server import lifecycle, local_server, postmaster
from mlpredict.storage.server.local_server import LocalServer
from tests.conftest import Command


@pytest.fixture
def home(public_directory: Path, tmp_path: Path) -> Iterator[Path]:
    """A home that does not exist yet; whatever server comes to live in it is stopped."""
    place = public_directory / tmp_path.name
    yield place
    lifecycle.stop(local_server.locate(place))


@pytest.fixture
def fresh(home: Path) -> dict[str, str]:
    """The environment of somebody whose database is yet to be made."""
    return {"MLPREDICT_HOME": str(home)}


def running(home: Path) -> LocalServer:
    server = local_server.locate(home)
    assert lifecycle.is_running(server)
    return server


def test_one_command_makes_the_database_predicts_and_stores(
    mlpredict: Command, fresh: dict[str, str], home: Path, digits: list[Path]
) -> None:
    predicted = mlpredict("predict", *digits, "--json", env=fresh)
    assert predicted.returncode == 0
    assert [record["label"] for record in json.loads(predicted.stdout)] == [path.name[0] for path in digits]
    listed = mlpredict("list", "--all", "--json", env=fresh)
    assert json.loads(listed.stdout) == json.loads(predicted.stdout)[::-1]
    assert stat.S_IMODE((running(home).data).stat().st_mode) == 0o700


def test_a_list_before_the_first_prediction_is_empty(mlpredict: Command, fresh: dict[str, str]) -> None:
    assert mlpredict("list", "--json", env=fresh).stdout == b"[]\n"


def test_two_first_commands_at_once_both_succeed(
    mlpredict: Command, fresh: dict[str, str], digits: list[Path]
) -> None:
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda path: mlpredict("predict", path, env=fresh), digits[:2]))
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    assert len(mlpredict("list", env=fresh).stdout.splitlines()) == 2


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_server_that_is_gone_comes_back_with_its_rows(
    mlpredict: Command, fresh: dict[str, str], home: Path, digits: list[Path], how: str
) -> None:
    mlpredict("predict", digits[0], env=fresh)
    server = running(home)
    if how == "stopped":
        lifecycle.stop(server)
    else:
        pid = postmaster.owner_pid(server.data)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    mlpredict("predict", digits[1], env=fresh)
    labels = mlpredict("list", "--columns", "label", env=fresh).stdout.decode().split()
    assert labels == [digits[1].name[0], digits[0].name[0]]
