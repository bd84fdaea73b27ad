"""`predict --ray` on two nodes of one processor each, whose actors and nodes are killed."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.benchmarks.inputs import write_digits
from tests.conftest import COMMAND
from tests.processes import started

IMAGES = 6000
SECONDS = 180

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled")]

CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster

cluster = Cluster()
options = {"node_ip_address": "127.0.0.2", "object_store_memory": 100 << 20, "include_dashboard": False}
nodes = [cluster.add_node(num_cpus=one, **options) for one in (0, 1, 1)]
cluster.wait_for_nodes()
print(json.dumps({"address": cluster.address, "folder": nodes[0].get_session_dir_path()}), flush=True)
for line in sys.stdin:
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    print("{}", flush=True)
cluster.shutdown()
"""
"""A head without a processor, for the driver, and two nodes; a line on stdin kills one."""


@dataclass(frozen=True, slots=True)
class Nodes:
    process: subprocess.Popen[str]
    address: str
    folder: Path

    def kill_one(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        assert json.loads(self.process.stdout.readline()) == {}

    @property
    def actors(self) -> list[int]:
        """The processes of actors on this cluster, by the log folder that each has on its command line."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                title = (entry / "cmdline").read_bytes()
                log = os.readlink(entry / "fd" / "1")
            except OSError:
                continue
            if b"ray::PartOfRun" in title and log.startswith(str(self.folder)):
                found.append(int(entry.name))
        return found


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """With a token: else whoever connects to a cluster has it run code."""
    token = secrets.token_hex(32)
    return {**environment, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def nodes(environment: dict[str, str]) -> Iterator[Nodes]:
    pipe = subprocess.PIPE
    with started([sys.executable, "-c", CLUSTER], env=environment, stdin=pipe, stdout=pipe, text=True) as one:
        assert one.stdout is not None
        assert one.stdin is not None
        told = json.loads(one.stdout.readline())
        yield Nodes(one, told["address"], Path(os.path.realpath(told["folder"])))
        one.stdin.close()
        one.wait(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    write_digits(directory, IMAGES, None)
    (directory / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return directory


@contextmanager
def driver(
    environment: dict[str, str], nodes: Nodes, dsn: str, *arguments: str | Path
) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, "predict", "--ray", nodes.address, *map(str, arguments)]
    pipe = subprocess.PIPE
    with started(
        command, env={**environment, "MLPREDICT_DSN": dsn}, stdout=pipe, stderr=pipe, text=True
    ) as process:
        yield process


def wait_for(state: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not state():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


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


def test_an_actor_that_is_killed_loses_nothing(
    environment: dict[str, str],
    nodes: Nodes,
    dsn: str,
    folder: Path,
    connection: psycopg.Connection[Any],
) -> None:
    with driver(environment, nodes, dsn, folder, "--batch-size", "16") as process:
        wait_for(lambda: stored(connection) > 0)
        os.kill(nodes.actors[0], signal.SIGKILL)
        printed, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, printed) == (1, ""), said
    assert f"{IMAGES:,} predicted and 1 failed" in said
    assert_whole(connection)


def test_a_node_that_is_killed_loses_nothing(
    environment: dict[str, str],
    nodes: Nodes,
    dsn: str,
    folder: Path,
    connection: psycopg.Connection[Any],
) -> None:
    with driver(environment, nodes, dsn, folder, "--batch-size", "16") as process:
        wait_for(lambda: stored(connection) > 0)
        nodes.kill_one()
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, said
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
    with driver(environment, nodes, dsn, *again) as process:
        wait_for(lambda: stored(connection) > 0)
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), said
    wait_for(lambda: not nodes.actors)
    with driver(environment, nodes, dsn, *again) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, said
    assert_whole(connection)


def test_the_password_is_nowhere_in_what_ray_writes(
    environment: dict[str, str], nodes: Nodes, tcp_dsn: str, folder: Path
) -> None:
    with driver(environment, nodes, tcp_dsn, folder / "broken.png") as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, said
    written = b"".join(one.read_bytes() for one in nodes.folder.rglob("*") if one.is_file())
    assert b"PartOfRun" in written
    assert not [one for one in (b"s3cret", b"pass%27word") if one in written]


@pytest.fixture
def tcp_dsn(tcp_server: Any, environment: dict[str, str]) -> str:
    subprocess.run(
        [*COMMAND, "init-db", "--dsn", tcp_server.dsn], env=environment, check=True, capture_output=True
    )
    return str(tcp_server.dsn)
