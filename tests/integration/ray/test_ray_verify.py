"""`verify --ray` on two nodes: it finds what the same command finds on one machine, whoever is killed."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.benchmarks.inputs import write_digits
from tests.conftest import Command
from tests.integration.ray.clusters import SECONDS, Nodes, driver, wait_for

IMAGES = 1500
COPIES = 20
"""So many times each image has been predicted, so that there is something to do while somebody is killed."""

AGAIN = """
    INSERT INTO predictions
        (inputid, predictions, model_id, run_id, position, filename, likely_class, label, score)
    SELECT inputid, predictions, model_id, run_id, position + copy * 100000,
           filename, likely_class, label, score
    FROM predictions CROSS JOIN generate_series(1, %s) AS copy
"""
WRONG = (
    "UPDATE predictions SET label = 'x' WHERE id % 3 = 0",
    "UPDATE predictions SET predictions = '[1,0]' WHERE id % 400 = 7",
    "UPDATE predictions SET inputid = NULL WHERE id % 50 = 1",
    "UPDATE inputs SET image = 'data:image/png;base64,AAAA' WHERE id % 100 = 5",
)
"""More than are told one by one, and faults of several kinds."""

CONNECTED = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

Connection = psycopg.Connection[Any]

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled")]


@pytest.fixture
def stored(mlpredict: Command, dsn: str, connection: Connection, tmp_path: Path) -> Path:
    """A folder whose images are predicted and stored, some of them by reference."""
    write_digits(tmp_path, IMAGES, None)
    few = tmp_path / "few"
    few.mkdir()
    for name in ("000001", "000002", "000003"):
        shutil.copy(tmp_path / f"{name}.png", few)
    assert mlpredict("predict", few, "--dsn", dsn, "--keep", "reference", "-q").returncode == 0
    assert mlpredict("predict", tmp_path, "--dsn", dsn, "-q").returncode == 0
    return few


def test_it_finds_what_one_machine_finds(
    mlpredict: Command,
    environment: dict[str, str],
    nodes: Nodes,
    dsn: str,
    connection: Connection,
    stored: Path,
) -> None:
    connection.execute(AGAIN, (2,))
    for statement in WRONG:
        connection.execute(statement)
    connection.execute("INSERT INTO predictions (inputid, predictions) SELECT max(id), '[1]' FROM inputs")
    (stored / "000002.png").unlink()
    alone = mlpredict("verify", "--dsn", dsn, "--json")
    told = json.loads(alone.stdout)
    assert (alone.returncode, len(told["findings"])) == (1, 1000)
    assert len(told["reasons"]) > 4
    with driver(environment, nodes, dsn, "verify", "--json") as process:
        printed, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (1, "")
    assert printed == alone.stdout.decode()
    with driver(environment, nodes, dsn, "verify", "--label", "7", "--format", "table") as process:
        printed, said = process.communicate(timeout=SECONDS)
    alone = mlpredict("verify", "--dsn", dsn, "--label", "7", "--format", "table")
    assert (printed, said) == (alone.stdout.decode(), alone.stderr.decode())


@pytest.mark.parametrize("kill", [Nodes.kill_an_actor, Nodes.kill_a_node])
def test_what_is_killed_loses_nothing(
    environment: dict[str, str],
    nodes: Nodes,
    dsn: str,
    connection: Connection,
    stored: Path,
    kill: Callable[[Nodes], None],
) -> None:
    connection.execute(AGAIN, (COPIES,))
    others = len(connection.execute(CONNECTED).fetchall())
    with driver(environment, nodes, dsn, "verify", "--json") as process:
        # Those of the driver, and of one actor at least, which is at its first span by then.
        wait_for(lambda: len(connection.execute(CONNECTED).fetchall()) >= others + 3)
        kill(nodes)
        printed, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    told = json.loads(printed)
    assert told["identical"] == (IMAGES + 6) * (1 + COPIES)


def test_a_driver_that_is_interrupted_tells_what_it_has(
    environment: dict[str, str], nodes: Nodes, dsn: str, connection: Connection, stored: Path
) -> None:
    connection.execute(AGAIN, (COPIES,))
    with driver(environment, nodes, dsn, "verify", "--json") as process:
        wait_for(lambda: nodes.actors)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert "verified" in said
    assert 0 <= json.loads(printed)["identical"] < (IMAGES + 6) * (1 + COPIES)
    wait_for(lambda: not nodes.actors)
