"""A database on a primary, and its copy on a standby that follows it; each can be frozen."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from mlpredict.domain import EngineName, Keep, PredictionFilter
from mlpredict.storage import history_reads, replicas
from mlpredict.storage.migrations import migrate
from mlpredict.storage.replicas import ask
from mlpredict.storage.repository import Repository, open_repository
from tests.proxy import Proxy, proxy_to
from tests.rows import model, new
from tests.tcp_server import TcpServer

EVERYTHING = PredictionFilter()
positions, standbys = count(1), count(1)


class Pair(NamedTuple):
    """A database on a primary, and its copy on a standby, each behind a network that can be cut."""

    primary: str
    replica: str
    to_primary: Proxy
    to_replica: Proxy


@contextmanager
def replicated(tcp_server: TcpServer, directory: Path) -> Iterator[Pair]:
    """A database and its copy, whose server has its files below `directory`."""
    with psycopg.connect(tcp_server.dsn, autocommit=True) as administrator:
        administrator.execute("CREATE DATABASE followed")
        with psycopg.connect(named(tcp_server.dsn, "followed"), autocommit=True) as connection:
            migrate(connection)
        try:
            with (
                tcp_server.standby(directory / f"follower-{os.getpid()}-{next(standbys)}") as standby,
                proxy_to(tcp_server.port) as to_primary,
                proxy_to(standby.port) as to_replica,
            ):
                yield Pair(
                    named(to_primary.dsn(tcp_server.dsn), "followed"),
                    named(to_replica.dsn(standby.dsn), "followed"),
                    to_primary,
                    to_replica,
                )
        finally:
            administrator.execute("DROP DATABASE followed WITH (FORCE)")


def named(dsn: str, database: str) -> str:
    return dsn.removesuffix("/postgres") + f"/{database}"


def store_one(pair: Pair) -> int:
    """Store a prediction, and count all that there are."""
    with open_repository(pair.primary) as repository:
        run = repository.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        repository.add(run, [new(next(positions))], [])
        return repository.count(EVERYTHING)


def is_standby(repository: Repository) -> bool:
    return repository.connection.info.parameter_status("in_hot_standby") == "on"


def counted(repository: Repository) -> tuple[int, bool]:
    """How many predictions there are, and whether a standby says so."""
    return repository.count(EVERYTHING), is_standby(repository)


def catch_up(pair: Pair) -> None:
    """Wait until the standby has all that was stored."""
    assert ask(pair.primary, pair.replica, is_standby)


def wait_for_standbys(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A standby on a busy machine has the time that it needs."""
    for module in (replicas, history_reads):
        monkeypatch.setattr(module, "PATIENCE_SECONDS", seconds)


@contextmanager
def frozen(dsn: str) -> Iterator[None]:
    """No process of a server does anything until the block ends; the kernel goes on with its connections."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    assert row is not None
    postmaster = int(row[0].split()[0])
    stopped: list[int] = []
    try:
        # First the one that starts others.
        for number in (postmaster, *_children(postmaster)):
            os.kill(number, signal.SIGSTOP)
            stopped.append(number)
        for number in set(_children(postmaster)).difference(stopped):
            os.kill(number, signal.SIGSTOP)
            stopped.append(number)
        yield
    finally:
        for number in reversed(stopped):
            os.kill(number, signal.SIGCONT)


def _children(parent: int) -> list[int]:
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True)
    pairs = (map(int, line.split()) for line in table.stdout.splitlines())
    return [one for one, its_parent in pairs if its_parent == parent]
