"""`predict --ray` on two machines, as far as network namespaces are some: each has an address of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import COMMAND
from tests.integration.ray.clusters import SECONDS, actors_among, predict_and_kill, wait_for
from tests.integration.ray.namespaces import Machine, two_machines, why_none

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled")]

PORT, DATABASE_PORT = 6379, 5432

RELAY = """
import asyncio, sys

async def pass_on(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()

async def serve(reader, writer):
    there = await asyncio.open_unix_connection(sys.argv[3])
    await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer), return_exceptions=True)

async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]))
    print("listening", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
"""A database's socket, which every namespace sees as a file, at an address of one of them."""

COUNT = """
import ray, sys
ray.init(sys.argv[1], log_to_driver=False, configure_logging=False)
print(sum(one["Alive"] for one in ray.nodes()))
"""


@dataclass(frozen=True, slots=True)
class Machines:
    """Two machines that are a cluster; drivers run on the first, and the second can be lost."""

    first: Machine
    second: Machine

    @property
    def address(self) -> str:
        return f"{self.first.address}:{PORT}"

    def command(self, words: Sequence[str]) -> list[str]:
        return self.first.command(words)

    def kill_an_actor(self) -> None:
        wait_for(lambda: actors_among(self.second.processes))
        os.kill(actors_among(self.second.processes)[0], signal.SIGKILL)

    def kill_a_node(self) -> None:
        self.second.lose()


@pytest.fixture
def machines(environment: dict[str, str]) -> Iterator[Machines]:
    if (reason := why_none()) is not None:
        pytest.skip(f"no network namespaces here: {reason}")
    # The names of sockets in it must be short.
    with two_machines() as (first, second), tempfile.TemporaryDirectory(prefix="mlp-ray-") as folder:
        options = ["--num-cpus=1", f"--object-store-memory={100 << 20}", "--disable-usage-stats", "--block"]
        head = [f"--port={PORT}", "--head", "--include-dashboard=false", f"--temp-dir={folder}"]
        with (
            _ray(first, [*head, *options], environment),
            _ray(second, [f"--address={first.address}:{PORT}", *options], environment),
        ):
            _wait_for_both(first, environment)
            yield Machines(first, second)
            for machine in (second, first):
                machine.lose()


@contextmanager
def _ray(machine: Machine, words: list[str], environment: dict[str, str]) -> Iterator[None]:
    command = [
        str(Path(sys.executable).parent / "ray"),
        "start",
        f"--node-ip-address={machine.address}",
        *words,
    ]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(machine.command(command), env=environment, stdout=said, stderr=said)
        try:
            yield
        finally:
            process.kill()
            process.wait()


def _wait_for_both(first: Machine, environment: dict[str, str]) -> None:
    asking = first.command([sys.executable, "-c", COUNT, f"{first.address}:{PORT}"])

    def both() -> bool:
        asked = subprocess.run(asking, env=environment, capture_output=True, text=True, timeout=SECONDS)
        return asked.stdout.strip().endswith("2")

    wait_for(both)


@pytest.fixture
def reached(dsn: str, machines: Machines) -> Iterator[str]:
    """The test's database at an address that both machines reach."""
    parameters = conninfo_to_dict(dsn)
    socket = f"{parameters['host']}/.s.PGSQL.{parameters['port']}"
    address = machines.first.address
    words = [sys.executable, "-c", RELAY, address, str(DATABASE_PORT), socket]
    with subprocess.Popen(machines.first.command(words), stdout=subprocess.PIPE) as relay:
        assert relay.stdout is not None
        assert relay.stdout.readline() == b"listening\n"
        yield make_conninfo(
            host=address, port=DATABASE_PORT, user=parameters["user"], dbname=parameters["dbname"]
        )
        relay.kill()


@pytest.mark.parametrize("kill", [Machines.kill_an_actor, Machines.kill_a_node])
def test_what_is_killed_on_another_machine_loses_nothing(
    environment: dict[str, str],
    machines: Machines,
    reached: str,
    folder: Path,
    connection: psycopg.Connection[Any],
    kill: Callable[[Machines], None],
) -> None:
    predict_and_kill(environment, machines, reached, folder, connection, lambda: kill(machines))


def test_a_database_that_one_machine_reaches_is_refused(
    environment: dict[str, str], machines: Machines, dsn: str, folder: Path
) -> None:
    command = machines.command([*COMMAND, "predict", "--ray", machines.address, str(folder)])
    done = subprocess.run(
        command, env={**environment, "MLPREDICT_DSN": dsn}, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 2, done.stderr
    assert "which is another machine on each node (10.213.7.2)" in done.stderr
