"""Dumps: PostgreSQL's custom format, without owners and privileges.

Of a whole database, or of the schema that mlpredict has in one for itself: beside it are other programs.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from psycopg.sql import Identifier

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection, describe, open_connection, translated
from mlpredict.storage.creation import first_schema
from mlpredict.storage.encodings import encoding_of, require_every_name
from mlpredict.storage.maintenance import clients, loading
from mlpredict.storage.maintenance.clients import Target
from mlpredict.storage.maintenance.status import Contents, contents_of, tables_of
from mlpredict.storage.migrations import PUBLISHED, SchemaReport, migrate
from mlpredict.storage.names import home_of, schema_of
from mlpredict.storage.shape import relations_of
from mlpredict.storage.transactions import reading, writing

DEFAULT_SCHEMA = "public"
WITHOUT_OWNERS = ("--no-owner", "--no-privileges")
RESTORING = (*WITHOUT_OWNERS, "--no-tablespaces")
TABLE_LISTED = r"^\d+; \d+ \d+ TABLE .* {} "
"""A table in what `pg_restore --list` prints: its schema, which may have spaces, its name, its owner."""


class Source(NamedTuple):
    """A dump to be read."""

    descriptor: int
    name: str
    """What it is called in messages."""

    def blamed(self, error: DatabaseError) -> DatabaseError:
        """An error that has this dump as its cause."""
        return DatabaseError(f"{self.name}: {error.message}", hint=error.hint)


@dataclass(frozen=True, slots=True)
class Restored:
    """What has come out of a dump."""

    contents: Contents
    schema: SchemaReport


def dump(dsn: str | None, output: Path | int) -> Contents:
    """Write a dump of `dsn`, or of the local PostgreSQL, to a file or a descriptor; how much is in it.

    Raises:
        DatabaseError: the database holds nothing of ours, or pg_dump gives up.
        BrokenPipeError: whoever reads the descriptor's other end has gone.
    """
    with (
        open_connection(dsn) as connection,
        clients.reached(dsn) as target,
        translated(),
        reading(connection, isolation="repeatable read"),
    ):
        _require_tables(connection)
        # pg_dump sees exactly the rows that are counted here, whoever goes on storing.
        ((snapshot,),) = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchall()
        counted = contents_of(connection)
        # Not in what the role or the database sets for clients, which may not hold every name.
        own = (f"--encoding={encoding_of(connection)}", f"--snapshot={snapshot}")
        arguments = ["--format=custom", *WITHOUT_OWNERS, "--no-password", *own]
        if (schema := schema_of(connection)) != DEFAULT_SCHEMA:
            arguments.append(f"--schema={Identifier(schema).as_string(connection)}")
        if isinstance(output, Path):
            # By its name: pg_dump only appends to its standard output, and cannot complete its index.
            command = target.command("pg_dump", *arguments, f"--file={output}")
            clients.run(command, target.environment)
        else:
            clients.run(target.command("pg_dump", *arguments), target.environment, stdout=output)
    return counted


def check(source: Source, target: Target) -> None:
    """Look into a dump before anything is done with it; one that can be read but once is left alone.

    Raises:
        DatabaseError: it is none, or not one of ours.
    """
    if not _is_seekable(source.descriptor):
        return
    # Without a database named it only reads the dump.
    command = [clients.find("pg_restore", target.bindir), "--list"]
    try:
        listed = clients.run(command, target.environment, stdin=source.descriptor, stdout=subprocess.PIPE)
    except DatabaseError as error:
        raise DatabaseError(
            f"{source.name} is no dump that can be restored: {error.message}",
            hint="SQL is run with mlpredict db psql" if "text format" in error.message else None,
        ) from error
    os.lseek(source.descriptor, 0, os.SEEK_SET)  # pg_restore has moved it
    if not all(re.search(TABLE_LISTED.format(table), listed, re.MULTILINE) for table in PUBLISHED):
        raise DatabaseError(f"{source.name} is a dump without mlpredict's tables")


def restore_into(dsn: str, source: Source) -> Restored:
    """Restore into a database that has none of our tables; all of the dump, or nothing.

    Raises:
        DatabaseError: the database has some, or the dump cannot be restored.
    """
    with clients.reached(dsn) as target:
        check(source, target)
        with open_connection(dsn) as connection:
            _require_room(connection)
            with translated():
                require_every_name(connection)
            return restore_whole(source, target, connection)


def restore_whole(source: Source, target: Target, connection: Connection) -> Restored:
    """Restore into the database of a connection, and bring it to this version's schema, in one transaction.

    Raises:
        DatabaseError: the dump cannot be restored. Then nothing has changed, whoever was killed meanwhile.
    """
    with translated(), writing(connection):
        load(source, target, connection)
        return accept(source, connection)


def load(source: Source, target: Target, connection: Connection) -> None:
    """Restore a dump in the transaction that there is: our tables go where the search path begins."""
    try:
        loading.load(source.descriptor, target, connection, RESTORING)
    except DatabaseError as error:
        raise source.blamed(error) from error


def accept(source: Source, connection: Connection) -> Restored:
    """Bring what was restored to this version's schema.

    Raises:
        DatabaseError: it is not ours, or of a newer version.
    """
    try:
        _require_tables(connection)
        schema = migrate(connection)
        with translated():
            connection.execute("ANALYZE")  # a dump has no statistics, and queries would be planned badly
    except DatabaseError as error:
        raise source.blamed(error) from error
    return Restored(contents_of(connection), schema)


def _require_room(connection: Connection) -> None:
    """Refuse a database where our tables are, or others under their names where they are to be."""
    with translated():
        schema = home_of(connection) or first_schema(connection)
        present = {} if schema is None else relations_of(connection, schema)
    if present:
        raise DatabaseError(
            f"{describe(connection)} holds tables of these names: {', '.join(sorted(present))}",
            hint="make an empty database with createdb, and name that one, or a schema with nothing in it: "
            "?options=-csearch_path%3DNAME",
        )


def _require_tables(connection: Connection) -> None:
    if not tables_of(connection).issuperset(PUBLISHED):
        raise DatabaseError(f"there are no mlpredict tables in {describe(connection)}")


def _is_seekable(descriptor: int) -> bool:
    try:
        os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:
        return False
    return True
