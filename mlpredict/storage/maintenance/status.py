"""What is to be known of a database: where it is, whether it runs, and how much it holds."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from mlpredict.storage import connection, migrations
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.migrations import COUNTED
from mlpredict.storage.names import found_home, named
from mlpredict.storage.partitions import partitions_of
from mlpredict.storage.server import data_directory, disk, lease, lifecycle, local_server
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.storage.shape import relations_of
from mlpredict.storage.transactions import reading

COUNT = sql.SQL("SELECT pg_catalog.count(*) FROM {s}.{table}")


class State(StrEnum):
    """Whether a server is there to answer."""

    RUNNING = "running"
    STARTING = "starting or stopping"
    RECOVERING = "recovering, as it was not stopped in order"
    SILENT = "not answering"
    STOPPED = "stopped"
    ABSENT = "not made yet"


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What only a server that runs can tell: `version` as `18.4`, rows by table, if there are tables.

    `partitions` is how many `predictions` is in; 0 where it is a plain table.
    """

    version: str
    schema_version: int
    rows: dict[str, int] | None
    partitions: int = 0


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """The state of a database; of a real server only what a client can see.

    Sizes are in bytes, times in seconds. `size` is that of the data directory with its log of
    changes, or that of the database on a real server. `idle_left` is None where a server runs on.
    """

    where: str
    state: State
    contents: LiveFacts | None
    size: int | None
    pid: int | None = None
    account: str | None = None
    major: int | None = None
    in_use: bool | None = None
    linger: float | None = None
    idle_left: float | None = None
    free: int | None = None


def status_of(dsn: str | None) -> DatabaseStatus:
    """The state of `dsn`, or of the local PostgreSQL, which is not started for it.

    Raises:
        DatabaseError: `dsn` does not answer, or another version of PostgreSQL is needed here.
    """
    if dsn is None:
        server = local_server.locate()
        with local_server.as_database_errors():
            return _local(server)
    with connection.open_connection(dsn) as client, translated(), reading(client):
        size = _one(client, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())")
        return DatabaseStatus(connection.describe(client), State.RUNNING, _live_facts(client), int(size))


def _local(server: LocalServer) -> DatabaseStatus:
    data_directory.check_version(server.root, server.binaries.major)
    used = lease.usage(server.root)
    pid = lifecycle.owner_pid(server)
    there = (server.data / "PG_VERSION").exists()
    contents, state = None, State.STOPPED if there else State.ABSENT
    if pid is not None:
        contents, state = _local_facts(server)
    return DatabaseStatus(
        where=str(server.root),
        state=state,
        contents=contents,
        size=_size(server.root) if there else 0,
        pid=pid,
        account=server.account.name,
        major=server.binaries.major,
        in_use=bool(used and used.in_use),
        linger=used.linger if used else None,
        idle_left=_idle_left(used) if used and pid else None,
        free=disk.space_at(server.root).free,
    )


def _local_facts(server: LocalServer) -> tuple[LiveFacts | None, State]:
    """What a server tells, or else what it does instead."""
    try:
        with local_server.connect(server, autocommit=True, timeout=lifecycle.SOON_SECONDS) as client:
            return _live_facts(client), State.RUNNING
    except psycopg.errors.ConnectionTimeout:
        return None, State.SILENT
    except psycopg.OperationalError as error:
        recovers = any(words in str(error) for words in data_directory.RECOVERING)
        return None, State.RECOVERING if recovers else State.STARTING


def _live_facts(client: Connection) -> LiveFacts:
    version = str(_one(client, "SHOW server_version")).partition(" ")[0]
    schema_version = migrations.applied_version(client)
    if not schema_version:
        return LiveFacts(version, 0, None)
    rows = {table: _count(client, table) for table in COUNTED}
    return LiveFacts(version, schema_version, rows, len(partitions_of(client)))


def _one(client: Connection, query: str | sql.Composed) -> Any:
    row = client.execute(query).fetchone()
    assert row is not None
    return row[0]


def _idle_left(used: lease.Usage) -> float | None:
    if used.in_use or used.linger < 0:
        return None
    return min(max(used.last_used + used.linger - time.time(), 0.0), used.linger)


def _size(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue  # a running server removes files all the time
    return total


@dataclass(frozen=True, slots=True)
class Contents:
    """How many rows the tables have that users care for; 0 where there is no such table."""

    inputs: int
    predictions: int
    runs: int

    @property
    def is_empty(self) -> bool:
        """Nothing would be lost with them."""
        return not (self.inputs or self.predictions or self.runs)

    def __str__(self) -> str:
        named = ((self.inputs, "input"), (self.predictions, "prediction"), (self.runs, "run"))
        return ", ".join(f"{number:,} {name}{'' if number == 1 else 's'}" for number, name in named)


def tables_of(connection: Connection, schema: str | None = None) -> set[str]:
    """Which of our tables, or others of their names, there are in a schema, or in ours."""
    with translated():
        schema = schema or found_home(connection)
        return set() if schema is None else set(relations_of(connection, schema))


def contents_of(connection: Connection) -> Contents:
    """Count the rows."""
    present = tables_of(connection)
    tables = [one.name for one in fields(Contents)]
    return Contents(*(_count(connection, table) if table in present else 0 for table in tables))


def _count(connection: Connection, table: str) -> int:
    counting = named(connection, COUNT, table=sql.Identifier(table))
    with translated():
        row = connection.execute(counting).fetchone()
    return int(row[0]) if row else 0
