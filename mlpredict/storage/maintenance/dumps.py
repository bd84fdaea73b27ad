"""Dumps: PostgreSQL's custom format, of a whole database, without its owners and privileges."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from psycopg import IsolationLevel

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection, describe, open_connection, translated
from mlpredict.storage.maintenance import clients
from mlpredict.storage.maintenance.clients import Target, failure, find, plain
from mlpredict.storage.maintenance.status import Contents, contents_of, tables_of
from mlpredict.storage.migrations import PUBLISHED, SchemaReport, migrate
from mlpredict.support.scratch import scratch_file
from mlpredict.support.signals import interrupted_by_termination

WITHOUT_OWNERS = ("--no-owner", "--no-privileges")
RESTORING = (*WITHOUT_OWNERS, "--no-tablespaces")
TABLE_LISTED = re.compile(r"^\d+; \d+ \d+ TABLE \S+ (\S+) ", re.MULTILINE)
"""A table in what `pg_restore --list` prints: its schema, its name, its owner."""

SPOKEN_TO = 170000
"""The first `server_version` that pg_restore itself can restore into."""

UNKNOWN = b"SET transaction_timeout = 0;\n"
BEGINNING_BYTES = 4096
"""In which it is set, before any of the data."""


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
    """Write a dump of `dsn`, or of the local PostgreSQL, to a file or a descriptor; what is in it.

    Raises:
        DatabaseError: the database holds nothing of ours, or pg_dump gives up.
        BrokenPipeError: whoever reads the descriptor's other end has gone.
    """
    with open_connection(dsn) as connection, clients.reached(dsn) as target:
        connection.read_only = True
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with translated(), connection.transaction():
            _require_tables(connection)
            # pg_dump sees exactly the rows that are counted here, whoever goes on storing.
            ((snapshot,),) = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchall()
            counted = contents_of(connection)
            arguments = ("--format=custom", *WITHOUT_OWNERS, "--no-password", f"--snapshot={snapshot}")
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
    if not set(TABLE_LISTED.findall(listed)).issuperset(PUBLISHED):
        raise DatabaseError(f"{source.name} is a dump without mlpredict's tables")


def restore_into(dsn: str, source: Source) -> Restored:
    """Restore into a database that has none of our tables; all of the dump, or nothing.

    Raises:
        DatabaseError: the database has some, or the dump cannot be restored.
    """
    with clients.reached(dsn) as target:
        check(source, target)
        with open_connection(dsn) as connection:
            if present := tables_of(connection):
                raise DatabaseError(
                    f"{describe(connection)} holds tables of these names: {', '.join(sorted(present))}",
                    hint="make an empty database with createdb, and name that one",
                )
            load(source, target, connection)
            return accept(source, connection)


def load(source: Source, target: Target, connection: Connection) -> None:
    """Restore a dump into a database, in one transaction: where that fails, nothing has changed.

    `connection` leads to the same database.
    """
    try:
        if connection.info.server_version < SPOKEN_TO:
            load_as_script(source.descriptor, target, RESTORING)
            return
        command = target.command("pg_restore", *RESTORING, "--no-password", "--single-transaction")
        clients.run(command, target.environment, stdin=source.descriptor)
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


def _require_tables(connection: Connection) -> None:
    if not tables_of(connection).issuperset(PUBLISHED):
        raise DatabaseError(f"there are no mlpredict tables in {describe(connection)}")


def _is_seekable(descriptor: int) -> bool:
    try:
        os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:
        return False
    return True


def load_as_script(dump: int, target: Target, arguments: Sequence[str]) -> None:
    """Restore the dump in a descriptor, in one transaction.

    Raises:
        DatabaseError: the restore fails; with the reason of PostgreSQL.
    """
    printing = [find("pg_restore", target.bindir), "--file=-", *arguments]
    running = target.command("psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1")
    environment = plain(target.environment)
    with interrupted_by_termination(), scratch_file() as complaints, scratch_file() as errors:
        # psql reads no more once it has failed, and then says why.
        with (
            suppress(BrokenPipeError),
            _process(printing, environment, dump, subprocess.PIPE, complaints) as first,
            _process(running, environment, subprocess.PIPE, subprocess.DEVNULL, errors) as second,
        ):
            _copy(first, second)
        if second.returncode and first.returncode <= 0:
            raise failure(running, second.returncode, _text(errors))
        if first.returncode:
            raise failure(printing, first.returncode, _text(complaints))


def _copy(printing: subprocess.Popen[bytes], running: subprocess.Popen[bytes]) -> None:
    """Hand over the script, within a transaction that ends well only if the script is whole."""
    assert printing.stdout is not None
    assert running.stdin is not None
    running.stdin.write(b"BEGIN;\n" + printing.stdout.read(BEGINNING_BYTES).replace(UNKNOWN, b"", 1))
    shutil.copyfileobj(printing.stdout, running.stdin)
    if printing.wait() == 0:
        running.stdin.write(b"COMMIT;\n")
    running.stdin.close()
    running.wait()


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], stdin: int, stdout: int, stderr: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does not outlive the block."""
    with subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()


def _text(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
