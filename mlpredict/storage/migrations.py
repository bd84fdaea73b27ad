"""Bring a database to the schema of this version: `schema/*.sql`, each applied once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psycopg.sql import SQL, Identifier

from mlpredict.errors import DatabaseError, SchemaOutdated
from mlpredict.settings import bundled
from mlpredict.storage.connection import INIT_DB_HINT, Connection, translated
from mlpredict.storage.names import chooses_schema, found_home, home_of, named, schema_of
from mlpredict.storage.refusals import CREATE_HINT, OWNER_HINT
from mlpredict.storage.transactions import writing
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.storage.grants import Grant
    from mlpredict.storage.shape import Relations

logger = get_logger(__name__)

PUBLISHED = ("inputs", "predictions")
"""Those there are in every version, the 2020 program's included."""

COUNTED = (*PUBLISHED, "runs", "models", "failures", "labels")
"""Those whose rows users care for."""

TABLES = (
    *COUNTED,
    "schema_migrations",
    "idempotency_keys",
    "environments",
    "run_plans",
    "run_names",
    "run_claims",
    "run_parts",
    "remote_objects",
)

FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>\w+)\.sql")

ADVISORY_LOCK = 0x6D6C7072
"""Any constant will do, as long as every mlpredict takes the same: it keeps two of them from migrating one
database at the same time."""


APPLIED = SQL("SELECT version, name FROM {s}.schema_migrations LIMIT 1000")
"""Of ours there are fewer; another program may have any number of its own under this name."""

RECORD_MIGRATION = SQL("INSERT INTO {s}.schema_migrations (version, name) VALUES (%s, %s)")
PUBLISHED_COUNTS = SQL("""
    SELECT (SELECT pg_catalog.count(*) FROM {s}.inputs), (SELECT pg_catalog.count(*) FROM {s}.predictions)
""")

PLANTED = SQL("""
    SELECT found.what, r.rolname
    FROM (
        SELECT 'the operator ' OPERATOR(pg_catalog.||) oid::regoperator::text AS what,
               oprowner AS owner, oprnamespace AS namespace
        FROM pg_catalog.pg_operator
        UNION ALL
        SELECT 'the function ' OPERATOR(pg_catalog.||) oid::regprocedure::text, proowner, pronamespace
        FROM pg_catalog.pg_proc
        WHERE proname OPERATOR(pg_catalog.=) ANY (
            SELECT proname FROM pg_catalog.pg_proc
            WHERE pronamespace OPERATOR(pg_catalog.=) 'pg_catalog'::regnamespace
        )
    ) AS found
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) found.namespace
    JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) found.owner
    WHERE n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
      AND n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog'
      AND NOT r.rolsuper
      AND r.rolname OPERATOR(pg_catalog.<>) current_user
      AND r.oid OPERATOR(pg_catalog.<>) n.nspowner
    LIMIT 1
""")
"""What migrations, which keep the search path, could call in the place of PostgreSQL's own."""

OPEN_TO_ALL = SQL("SELECT pg_catalog.has_schema_privilege('public', %s::text, 'CREATE')")


class Migration(NamedTuple):
    """One numbered file of `schema/`."""

    version: int
    name: str
    path: Path


class SchemaReport(NamedTuple):
    """What `migrate` found and did; the row counts are those of the 2020 tables it adopted."""

    applied: tuple[Migration, ...]
    present: tuple[Migration, ...]
    schema: str
    adopted_inputs: int = 0
    adopted_predictions: int = 0


@cache
def migrations() -> tuple[Migration, ...]:
    """The migrations of this version, in their order."""
    found = ((FILE_NAME.fullmatch(path.name), path) for path in sorted(bundled("schema").glob("*.sql")))
    return tuple(Migration(int(match["version"]), match["name"], path) for match, path in found if match)


def applied_version(connection: Connection) -> int:
    """The number of the newest migration the database has; 0 where it has none."""
    from mlpredict.storage.shape import relations_of

    with translated():
        schema = found_home(connection)
        return 0 if schema is None else _recorded(connection, schema, relations_of(connection, schema))


def require_current(connection: Connection) -> None:
    """Check that the database has the schema of this version, outside of a transaction.

    Raises:
        SchemaOutdated: it has none, or an older one.
        DatabaseError: it has a newer one, or this role may not see it.
    """
    try:
        # Every command asks, and asking the catalogue for the table first takes longer than the rest.
        with translated():
            version = _newest(connection.execute(named(connection, APPLIED)).fetchall())
    except SchemaOutdated:
        version = 0
    latest = migrations()[-1].version
    if version == 0:
        from mlpredict.storage.creation import require_visible

        with translated():
            require_visible(connection)
        raise SchemaOutdated("the database has no mlpredict tables yet", hint=INIT_DB_HINT)
    if version < latest:
        raise SchemaOutdated(
            f"the database has schema {version}, this version needs {latest}", hint=INIT_DB_HINT
        )
    _refuse_newer(version)


def migrate(connection: Connection, grants: Sequence[Grant] = ()) -> SchemaReport:
    """Apply what is missing, and give roles their rights, in one transaction; what is there is left alone.

    Raises:
        DatabaseError: a migration or a grant failed, the schema is a newer one, or there are other things
            under the names of our tables. Nothing is changed then.
    """
    # None of this is needed by a command that finds the schema as it should be.
    from mlpredict.storage.creation import as_maker, creation_schema, put_first, require_visible
    from mlpredict.storage.encodings import require_every_name, warn_of_encoding
    from mlpredict.storage.grants import grant, require_roles
    from mlpredict.storage.shape import relations_of, require_ours

    with translated(), writing(connection):
        connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s::bigint)", (ADVISORY_LOCK,))
        require_roles(connection, grants)
        home = _home(connection)
        with as_maker():
            schema = home or creation_schema(connection)
        found = relations_of(connection, schema)
        version = _recorded(connection, schema, found)
        _refuse_newer(version)
        if version == 0:
            require_visible(connection)
        require_ours(connection, schema, found, version)
        if not found.keys() >= set(PUBLISHED):
            require_every_name(connection)
        warn_of_encoding(connection)
        adopted = _count_published_rows(connection, found) if version == 0 else (0, 0)
        missing = tuple(m for m in migrations() if m.version > version)
        with put_first(connection, schema), as_maker(OWNER_HINT if home else CREATE_HINT):
            _apply(connection, missing)
        grant(connection, schema, grants)
        _warn_if_open(connection)
    present = tuple(m for m in migrations() if m.version <= version)
    return SchemaReport(missing, present, schema, *adopted)


def _home(connection: Connection) -> str | None:
    """Where our tables are; a search path that is set for this connection alone asks for new ones."""
    return home_of(connection) if chooses_schema(connection) else found_home(connection)


def _apply(connection: Connection, missing: Sequence[Migration]) -> None:
    if not missing:
        return
    _refuse_planted(connection)
    for migration in missing:
        connection.execute(migration.path.read_bytes())
    for migration in missing:  # the first ones find no table yet that tells the schema
        connection.execute(named(connection, RECORD_MIGRATION), (migration.version, migration.name))


def _recorded(connection: Connection, schema: str, found: Relations) -> int:
    """The version that a schema's record tells; 0 where there is none of ours."""
    record = found.get("schema_migrations")
    if record is None or not record.is_table or not {"version", "name"} <= record.columns.keys():
        return 0
    return _newest(connection.execute(APPLIED.format(s=Identifier(schema))).fetchall())


def _newest(recorded: Sequence[tuple[object, ...]]) -> int:
    """The newest of the migrations in a record; 0 where it is another program's, whose names are others."""
    names = {version: name for version, name in recorded if isinstance(version, int)}
    first, *_ = known = migrations()
    ours = names.get(first.version) == first.name and all(
        names[one.version] == one.name for one in known if one.version in names
    )
    return max(names) if ours else 0


def _refuse_newer(version: int) -> None:
    latest = migrations()[-1].version
    if version > latest:
        raise DatabaseError(
            f"the database has schema {version}, newer than this version's {latest}",
            hint="upgrade mlpredict",
        )


def _refuse_planted(connection: Connection) -> None:
    """Raise DatabaseError where another role has put something in the way of what migrations call."""
    planted = connection.execute(PLANTED).fetchone()
    if planted is not None:
        what, owner = planted
        raise DatabaseError(
            f"{what} of {owner} would be taken for PostgreSQL's own, and run with your rights",
            hint="drop it, or make a schema in which only you may create, and set the role's search_path",
        )


def _warn_if_open(connection: Connection) -> None:
    schema = schema_of(connection)
    row = connection.execute(OPEN_TO_ALL, (schema,)).fetchone()
    if row is not None and row[0]:
        logger.warning(
            f"every role may create objects in the schema {schema}, which other programs may call by "
            f"mistake; to end that: REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"
        )


def _count_published_rows(connection: Connection, found: Relations) -> tuple[int, int]:
    if not found.keys() >= set(PUBLISHED):
        return 0, 0
    row = connection.execute(named(connection, PUBLISHED_COUNTS)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
