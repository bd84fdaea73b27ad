"""Bring a database to the schema of this version: `schema/*.sql`, each applied once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlpredict.errors import DatabaseError, SchemaOutdated
from mlpredict.settings import bundled
from mlpredict.storage.connection import INIT_DB_HINT, Connection, translated

PUBLISHED = ("inputs", "predictions")
"""Those there are in every version, the 2020 program's included."""

COUNTED = (*PUBLISHED, "runs", "models", "failures")
"""Those whose rows users care for."""

TABLES = (*COUNTED, "schema_migrations")

FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>\w+)\.sql")

ADVISORY_LOCK = 0x6D6C7072
"""Any constant will do, as long as every mlpredict takes the same: it keeps two of them from migrating one
database at the same time."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of `schema/`."""

    version: int
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What `migrate` found and did; the row counts are those of the 2020 tables it adopted."""

    applied: tuple[Migration, ...]
    present: tuple[Migration, ...]
    adopted_inputs: int = 0
    adopted_predictions: int = 0


@cache
def migrations() -> tuple[Migration, ...]:
    """The migrations of this version, in their order."""
    found = ((FILE_NAME.fullmatch(path.name), path) for path in sorted(bundled("schema").glob("*.sql")))
    return tuple(Migration(int(match["version"]), match["name"], path) for match, path in found if match)


def applied_version(connection: Connection) -> int:
    """The number of the newest migration the database has; 0 where it has none."""
    with translated():
        found = _has_table(connection, "schema_migrations")
    return _newest_applied(connection) if found else 0


def require_current(connection: Connection) -> None:
    """Check that the database has the schema of this version, outside of a transaction.

    Raises:
        SchemaOutdated: it has none, or an older one.
        DatabaseError: it has a newer one.
    """
    try:
        # Every command asks, and asking the catalogue for the table first takes longer than the rest.
        version = _newest_applied(connection)
    except SchemaOutdated:
        version = 0
    latest = migrations()[-1].version
    if version == 0:
        raise SchemaOutdated("the database has no mlpredict tables yet", hint=INIT_DB_HINT)
    if version < latest:
        raise SchemaOutdated(
            f"the database has schema {version}, this version needs {latest}", hint=INIT_DB_HINT
        )
    _refuse_newer(version)


def migrate(connection: Connection) -> SchemaReport:
    """Apply what is missing, all of it in one transaction; a database that is current is left alone.

    Raises:
        DatabaseError: a migration failed (nothing is changed then), or the schema is a newer one.
    """
    with translated(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        version = applied_version(connection)
        _refuse_newer(version)
        adopted = _count_published_rows(connection) if version == 0 else (0, 0)
        present = tuple(m for m in migrations() if m.version <= version)
        missing = tuple(m for m in migrations() if m.version > version)
        for migration in missing:
            connection.execute(migration.path.read_bytes())
            connection.execute(
                "INSERT INTO schema_migrations (version, name) VALUES (%s, %s)",
                (migration.version, migration.name),
            )
    return SchemaReport(missing, present, *adopted)


def _newest_applied(connection: Connection) -> int:
    with translated():
        newest = connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()
    return int(newest[0]) if newest else 0


def _refuse_newer(version: int) -> None:
    latest = migrations()[-1].version
    if version > latest:
        raise DatabaseError(
            f"the database has schema {version}, newer than this version's {latest}",
            hint="upgrade mlpredict",
        )


def _has_table(connection: Connection, name: str) -> bool:
    # Not to_regclass: it answers from a cache that waiting for the advisory lock does not refresh,
    # and so would not see the tables that another mlpredict has made meanwhile.
    found = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_tables"
        " WHERE tablename = %s AND schemaname = ANY (current_schemas(false)))",
        (name,),
    ).fetchone()
    return found is not None and bool(found[0])


def _count_published_rows(connection: Connection) -> tuple[int, int]:
    if not all(_has_table(connection, table) for table in PUBLISHED):
        return 0, 0
    row = connection.execute(
        "SELECT (SELECT count(*) FROM inputs), (SELECT count(*) FROM predictions)"
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
