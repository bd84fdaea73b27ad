"""`predict --ray` on two nodes of one processor each, whose actors and nodes are killed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import COMMAND
from tests.integration.ray.clusters import (
    SECONDS,
    Nodes,
    assert_whole,
    driver,
    predict_and_kill,
    stored,
    wait_for,
)

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled")]


@pytest.mark.parametrize("kill", [Nodes.kill_an_actor, Nodes.kill_a_node])
def test_what_is_killed_loses_nothing(
    environment: dict[str, str],
    nodes: Nodes,
    dsn: str,
    folder: Path,
    connection: psycopg.Connection[Any],
    kill: Callable[[Nodes], None],
) -> None:
    predict_and_kill(environment, nodes, dsn, folder, connection, lambda: kill(nodes))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_driver_that_ends_ends_the_actors_and_is_resumed(
    environment: dict[str, str],
    nodes: Nodes,
    dsn: str,
    folder: Path,
    connection: psycopg.Connection[Any],
    number: signal.Signals,
) -> None:
    again = (folder, "--batch-size", "16", "--run-key", "night")
    with driver(environment, nodes, dsn, "predict", *again) as process:
        wait_for(lambda: stored(connection) > 0)
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), said
    wait_for(lambda: not nodes.actors)
    with driver(environment, nodes, dsn, "predict", *again) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, said
    assert_whole(connection)


def test_the_password_is_nowhere_in_what_ray_writes(
    environment: dict[str, str], nodes: Nodes, tcp_dsn: str, folder: Path
) -> None:
    with driver(environment, nodes, tcp_dsn, "predict", folder / "broken.png") as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, said
    written = b"".join(one.read_bytes() for one in nodes.folder.rglob("*") if one.is_file())
    assert b"MlpredictActor" in written
    assert not [one for one in (b"s3cret", b"pass%27word") if one in written]


@pytest.fixture
def tcp_dsn(tcp_server: Any, environment: dict[str, str]) -> str:
    subprocess.run(
        [*COMMAND, "init-db", "--dsn", tcp_server.dsn], env=environment, check=True, capture_output=True
    )
    return str(tcp_server.dsn)
