"""The local database replaced by a dump: made beside it, and swapped in when it is complete.

Whenever this is killed, `mlpredict` is a whole database, the old one or the new one. Either may
have left another beside it, which the next restore drops.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.maintenance import clients, dumps
from mlpredict.storage.maintenance.dumps import Restored, Source
from mlpredict.storage.maintenance.status import Contents, contents_of
from mlpredict.storage.server import disk, lifecycle, local_server
from mlpredict.storage.server.local_server import NAME, LocalServer
from mlpredict.support.logs import get_logger
from mlpredict.support.signals import interrupted_by_termination

logger = get_logger(__name__)

RESTORED, REPLACED = f"{NAME}_restore_", f"{NAME}_replaced_"
LEFT_BEHIND = f"^({RESTORED}|{REPLACED})[0-9a-f]{{16}}$"
SWAPS = 3
"""Attempts, where clients that were disconnected come back at once."""

DISCONNECT = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid()
"""


def restore(server: LocalServer, source: Source, confirm: Callable[[Contents], None]) -> Restored:
    """Replace the local database by a dump; `confirm` raises when it must not lose what it holds.

    Other commands wait meanwhile, and other clients are disconnected in the end.

    Raises:
        DatabaseError: a command is using the server, the dump cannot be restored, or somebody has stored
            rows that nobody was asked about. The old database is then as it was.
    """
    with lifecycle.attached(server) as conninfo:
        dumps.check(source, clients.local_target(server, conninfo))
        lost = _contents(server)
    confirm(lost)
    try:
        _require_space(server, source)
        return _replace(server, source, lost)
    except DatabaseError as error:
        better = disk.full_error(error, server.root)
        if better is None:
            raise
        raise DatabaseError(f"{source.name} is not restored: {better.message}", hint="make room") from error


def _replace(server: LocalServer, source: Source, lost: Contents) -> Restored:
    with (
        interrupted_by_termination(),
        lifecycle.exclusively(server),
        lifecycle.attached(server) as conninfo,
        closing(_open(server, "postgres")) as administrator,
        translated(),
    ):
        _drop_left_behind(administrator)
        with _temporary_database(administrator) as name:
            target = clients.local_target(server, conninfo).named(name)
            with closing(_open(server, name)) as connection:
                restored = dumps.restore_whole(source, target, connection)
            replaced = _swap(administrator, name, lambda: _require_same(lost, _contents(server)))
        try:
            _drop(administrator, replaced)
        except psycopg.Error as error:
            logger.warning(f"the replaced database {replaced} is dropped by the next restore: {error}")
    return restored


def _require_space(server: LocalServer, source: Source) -> None:
    """A database is larger than its dump; a server whose disk is full might stop, and not start again."""
    if disk.space_at(server.root).free < os.fstat(source.descriptor).st_size + disk.SCRAPE_BYTES:
        raise DatabaseError(disk.FULL[0])


@contextmanager
def _temporary_database(administrator: Connection) -> Iterator[str]:
    """A new database, dropped when the block raises."""
    name = RESTORED + secrets.token_hex(8)
    try:
        administrator.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
        yield name
    except BaseException:
        with suppress(psycopg.Error):  # as on a full disk; the next restore does it
            _drop(administrator, name)
        raise


def _swap(administrator: Connection, name: str, require_unchanged: Callable[[], None]) -> str:
    """Make the database `name` ours; what the one it replaces is called now."""
    replaced = REPLACED + secrets.token_hex(8)
    rename = SQL("ALTER DATABASE {} RENAME TO {}").format
    for attempt in range(1, SWAPS + 1):
        administrator.execute(DISCONNECT, (NAME,))
        require_unchanged()
        try:
            with administrator.transaction():
                administrator.execute(rename(Identifier(NAME), Identifier(replaced)))
                administrator.execute(rename(Identifier(name), Identifier(NAME)))
        except psycopg.errors.ObjectInUse:
            if attempt == SWAPS:
                raise
        else:
            break
    return replaced


def _require_same(before: Contents, now: Contents) -> None:
    if now != before:
        raise DatabaseError(f"the local PostgreSQL holds {now} by now, it held {before}", hint="try again")


def _drop_left_behind(administrator: Connection) -> None:
    found = administrator.execute("SELECT datname FROM pg_database WHERE datname ~ %s", (LEFT_BEHIND,))
    for (name,) in found.fetchall():
        _drop(administrator, name)


def _drop(administrator: Connection, name: str) -> None:
    administrator.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def _contents(server: LocalServer) -> Contents:
    with closing(_open(server, NAME)) as connection:
        return contents_of(connection)


def _open(server: LocalServer, dbname: str) -> psycopg.Connection[tuple[Any, ...]]:
    with translated():
        return local_server.connect(server, dbname=dbname, autocommit=True)
