"""A Ray cluster of two nodes on this machine, whose actors and nodes can be killed, and its drivers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import COMMAND
from tests.processes import started

SECONDS = 180

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
        """The processes of actors on this cluster, by the log folder that each has on its command line."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                title = (entry / "cmdline").read_bytes()
                log = os.readlink(entry / "fd" / "1")
            except OSError:
                continue
            if b"ray::MlpredictActor" in title and log.startswith(str(self.folder)):
                found.append(int(entry.name))
        return found


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
    environment: dict[str, str], nodes: Nodes, dsn: str, command: str, *arguments: str | Path
) -> Iterator[subprocess.Popen[str]]:
    """A command of mlpredict that has the nodes do it."""
    words = [*COMMAND, command, "--ray", nodes.address, *map(str, arguments)]
    pipe = subprocess.PIPE
    with started(
        words, env={**environment, "MLPREDICT_DSN": dsn}, stdout=pipe, stderr=pipe, text=True
    ) as process:
        yield process


def wait_for(state: Callable[[], Any]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + SECONDS
    while not state():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
