"""`predict --ray` on two nodes of one processor each, whose actors and nodes are killed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.benchmarks.inputs import write_digits
from tests.conftest import COMMAND
from tests.integration.ray.clusters import SECONDS, Nodes, driver, wait_for

IMAGES = 6000

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    write_digits(directory, IMAGES, None)
    (directory / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return directory


def stored(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM predictions").fetchone()
    assert row is not None
    return int(row[0])


def assert_whole(connection: psycopg.Connection[Any]) -> None:
    """Nothing is lost, and nothing is there twice."""
    row = connection.execute(
        "SELECT count(*), count(DISTINCT position), (SELECT count(*) FROM failures),"
        " (SELECT count(*) FROM runs), (SELECT sum(last - first + 1)::bigint FROM run_parts),"
        " (SELECT count(*) FROM run_claims WHERE NOT done) FROM predictions"
    ).fetchone()
    assert row == (IMAGES, IMAGES, 1, 1, IMAGES + 1, 0)


@pytest.mark.parametrize("kill", [Nodes.kill_an_actor, Nodes.kill_a_node])
def test_what_is_killed_loses_nothing(
    environment: dict[str, str],
    nodes: Nodes,
    dsn: str,
    folder: Path,
    connection: psycopg.Connection[Any],
    kill: Callable[[Nodes], None],
) -> None:
    with driver(environment, nodes, dsn, "predict", folder, "--batch-size", "16") as process:
        wait_for(lambda: stored(connection) > 0)
        kill(nodes)
        printed, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, printed) == (1, ""), said
    assert f"{IMAGES:,} predicted and 1 failed" in said
    assert_whole(connection)


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
