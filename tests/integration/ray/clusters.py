"""A Ray cluster of two nodes on this machine, whose actors and nodes can be killed, and its drivers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from tests.conftest import COMMAND
from tests.processes import started

SECONDS = 180
IMAGES = 6000
"""In the folder that is predicted; one more in it is broken."""

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


class TwoNodes(Protocol):
    """Two nodes of one processor each, one of which, or an actor of which, can be killed."""

    @property
    def address(self) -> str:
        """Where the cluster answers."""
        ...

    def command(self, words: Sequence[str]) -> list[str]:
        """What runs a driver's command where it reaches the cluster."""
        ...

    def kill_an_actor(self) -> None: ...

    def kill_a_node(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Nodes:
    """Two nodes and a head without a processor, on loopback."""

    process: subprocess.Popen[str]
    address: str
    folder: Path

    def command(self, words: Sequence[str]) -> list[str]:
        return list(words)

    def kill_an_actor(self) -> None:
        wait_for(lambda: self.actors)
        os.kill(self.actors[0], signal.SIGKILL)

    def kill_a_node(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        assert json.loads(self.process.stdout.readline()) == {}

    @property
    def actors(self) -> list[int]:
        """The processes of actors on this cluster, by the folder that each writes its log into."""
        return actors_among(
            int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _log_of(entry, self.folder)
        )


def actors_among(pids: Iterable[int]) -> list[int]:
    """The processes that are actors of ours."""
    return [pid for pid in pids if b"ray::MlpredictActor" in _title(pid)]


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _log_of(entry: Path, folder: Path) -> bool:
    """Whether a process writes its log into a folder."""
    try:
        return os.readlink(entry / "fd" / "1").startswith(str(folder))
    except OSError:
        return False


@contextmanager
def cluster(environment: dict[str, str]) -> Iterator[Nodes]:
    """A cluster that lives as long as a block."""
    pipe = subprocess.PIPE
    with started([sys.executable, "-c", CLUSTER], env=environment, stdin=pipe, stdout=pipe, text=True) as one:
        assert one.stdout is not None
        assert one.stdin is not None
        told = json.loads(one.stdout.readline())
        yield Nodes(one, told["address"], Path(os.path.realpath(told["folder"])))
        one.stdin.close()
        one.wait(60)


@contextmanager
def driver(
    environment: dict[str, str], nodes: TwoNodes, dsn: str, command: str, *arguments: str | Path
) -> Iterator[subprocess.Popen[str]]:
    """A command of mlpredict that has the nodes do it."""
    words = nodes.command([*COMMAND, command, "--ray", nodes.address, *map(str, arguments)])
    pipe = subprocess.PIPE
    env = {**environment, "MLPREDICT_DSN": dsn}
    # Ray has workers import from the folder of the driver first: it is none of mlpredict's.
    with started(words, env=env, stdout=pipe, stderr=pipe, text=True, cwd="/") as process:
        yield process


def wait_for(state: Callable[[], Any]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + SECONDS
    while not state():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def predict_and_kill(
    environment: dict[str, str],
    nodes: TwoNodes,
    dsn: str,
    folder: Path,
    connection: psycopg.Connection[Any],
    kill: Callable[[], None],
) -> None:
    """Have nodes predict, and somebody killed meanwhile: all images are stored, and each once."""
    with driver(environment, nodes, dsn, "predict", folder, "--batch-size", "16") as process:
        wait_for(lambda: stored(connection) > 0 or process.poll() is not None)
        kill()
        printed, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, printed) == (1, ""), said
    assert f"{IMAGES:,} predicted and 1 failed" in said
    assert_whole(connection)


def stored(connection: psycopg.Connection[Any]) -> int:
    """How many predictions there are."""
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
