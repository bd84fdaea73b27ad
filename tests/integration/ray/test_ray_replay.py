"""`replay --ray` on two nodes, whose actors and nodes are killed, and its driver."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.benchmarks.inputs import write_digits
from tests.conftest import Command
from tests.integration.ray.clusters import SECONDS, Nodes, driver, wait_for
from tests.replays import write_second_model

IMAGES = 4000
Connection = psycopg.Connection[Any]

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled")]

WHOLE = """
    SELECT count(*), count(DISTINCT position), count(DISTINCT inputid),
           (SELECT sum(last - first + 1)::bigint FROM run_parts),
           (SELECT count(*) FROM run_claims WHERE NOT done), (SELECT count(*) FROM runs)
    FROM predictions WHERE run_id = 2
"""


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_second_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def stored(mlpredict: Command, dsn: str, tmp_path: Path) -> None:
    write_digits(tmp_path, IMAGES, None)
    assert mlpredict("predict", tmp_path, "--dsn", dsn, "-q").returncode == 0


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("kill", [Nodes.kill_an_actor, Nodes.kill_a_node])
def test_what_is_killed_loses_nothing(
    environment: dict[str, str],
    nodes: Nodes,
    dsn: str,
    second: Path,
    connection: Connection,
    kill: Callable[[Nodes], None],
) -> None:
    with driver(
        environment, nodes, dsn, "replay", "--model", second, "--batch-size", "16", "--json"
    ) as process:
        wait_for(lambda: replayed(connection))
        kill(nodes)
        printed, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    told = json.loads(printed)
    assert (told["predicted"], told["skipped"], told["failed"]) == (IMAGES, 0, 0)
    assert told["comparison"]["both"] == IMAGES
    assert connection.execute(WHOLE).fetchone() == (IMAGES, IMAGES, IMAGES, IMAGES, 0, 2)


@pytest.mark.usefixtures("stored")
def test_a_driver_that_is_killed_is_resumed(
    environment: dict[str, str], nodes: Nodes, dsn: str, second: Path, connection: Connection
) -> None:
    command = ("replay", "--model", second, "--batch-size", "16", "--run-key", "look", "--json")
    with driver(environment, nodes, dsn, *command) as process:
        wait_for(lambda: replayed(connection))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=SECONDS)
    wait_for(lambda: not nodes.actors)
    with driver(environment, nodes, dsn, *command) as process:
        printed, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert json.loads(printed)["predicted"] == IMAGES
    assert connection.execute(WHOLE).fetchone() == (IMAGES, IMAGES, IMAGES, IMAGES, 0, 2)


def replayed(connection: Connection) -> bool:
    return connection.execute("SELECT FROM predictions WHERE run_id = 2 LIMIT 1").fetchone() is not None
