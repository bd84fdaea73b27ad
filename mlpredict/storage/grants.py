"""What roles need that only use the tables: one that stores and reads, and one that reads.

Later migrations may make tables that nobody had rights on: granting again, after an upgrade, gives
those. Default privileges would also give whatever else the owner makes in the schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from psycopg.sql import SQL, Identifier

from mlpredict.errors import DatabaseError, DatabaseRefuses, UsageError
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import catalog_only
from mlpredict.storage.refusals import OWNER_HINT
from mlpredict.storage.shape import VIEWS, Relation, relations_of
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

READER, WRITER = "reader", "writer"
EVERYBODY = "public"
"""What PostgreSQL takes for all roles, in quotes too."""

ONLY_READ = frozenset({"schema_migrations", *VIEWS})
"""What a writer adds nothing to: only migrations write the record."""

CHANGED: Mapping[str, Sequence[str]] = {
    "runs": ("finished_at", "ended"),
    "inputs": ("difference_hash",),
    "idempotency_keys": ("request", "status", "body", "created_at"),
    "run_plans": ("parts_left",),
    "run_claims": ("missing", "done", "host", "attempt", "held_until"),
}
"""The columns that are changed after they were stored, by table."""

ALSO: Mapping[str, Sequence[str]] = {"labels": ("UPDATE",), "idempotency_keys": ("DELETE",)}
"""What else is done to whole tables: labels are locked to be revised, answers forgotten after a day."""

ROLES = SQL("""
    SELECT rolname FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) ANY (%s::name[])
""")
DATABASE = SQL("SELECT current_database()")
MAY_ON_DATABASE = SQL("SELECT has_database_privilege(%s, current_database(), %s)")
MAY_USE = SQL("SELECT has_schema_privilege(%s, %s, 'USAGE')")
MAY_ON_TABLE = SQL("SELECT has_table_privilege(%s, %s, %s)")
MAY_CHANGE = SQL("SELECT has_column_privilege(%s, %s, %s, 'UPDATE')")
MAY_ON_SEQUENCE = SQL("SELECT has_sequence_privilege(%s, %s, %s)")

GRANT_CONNECT = SQL("GRANT CONNECT ON DATABASE {database} TO {role}")
GRANT_TEMPORARY = SQL("GRANT TEMPORARY ON DATABASE {database} TO {role}")
GRANT_USE = SQL("GRANT USAGE ON SCHEMA {schema} TO {role}")
GRANT_ON_TABLE = {
    "SELECT": SQL("GRANT SELECT ON TABLE {table} TO {role}"),
    "INSERT": SQL("GRANT INSERT ON TABLE {table} TO {role}"),
    "UPDATE": SQL("GRANT UPDATE ON TABLE {table} TO {role}"),
    "DELETE": SQL("GRANT DELETE ON TABLE {table} TO {role}"),
}
GRANT_CHANGING = SQL("GRANT UPDATE ({column}) ON TABLE {table} TO {role}")
GRANT_SEEING_COUNT = SQL("GRANT SELECT ON SEQUENCE {sequence} TO {role}")
"""Which dumping asks for."""

GRANT_COUNTING = SQL("GRANT USAGE ON SEQUENCE {sequence} TO {role}")

SEQUENCES = SQL("""
    SELECT n.nspname, s.relname
    FROM pg_depend AS d
    JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pg_namespace AS n ON n.oid = s.relnamespace
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = %s::regclass AND d.deptype IN ('a', 'i')
""")
"""Those that belong to the columns of a table, whether by serial or as an identity."""


class Grant(NamedTuple):
    """What a role is to be given."""

    role: str
    stores: bool

    @classmethod
    def of(cls, text: str) -> Grant:
        """`ROLE`, `ROLE:writer` or `ROLE:reader`; a colon may be part of a role's name.

        Raises:
            UsageError: there is no name.

        Example:
            >>> Grant.of("web:reader")
            Grant(role='web', stores=False)
        """
        name, colon, kind = text.rpartition(":")
        if not colon or kind not in (READER, WRITER):
            name, kind = text, WRITER
        if not name:
            raise UsageError(f"--grant-to {text}: a role's name, or NAME:{READER}")
        return cls(name, kind == WRITER)


def require_roles(connection: Connection, grants: Sequence[Grant]) -> None:
    """Look whether the roles exist.

    Raises:
        DatabaseError: one does not.
    """
    wanted = [one.role for one in grants if one.role != EVERYBODY]
    if not wanted:
        return
    known = {str(name) for (name,) in connection.execute(ROLES, (wanted,))}
    for role in wanted:
        if role not in known:
            raise DatabaseError(
                f"there is no role {role}",
                hint="CREATE ROLE … LOGIN makes one; names are taken as they are, case and all",
            )


def grant(connection: Connection, schema: str, grants: Sequence[Grant]) -> None:
    """Give roles what they need, in the rest of a transaction; nothing is taken away.

    Raises:
        DatabaseError: this role cannot give it.
    """
    if not grants:
        return
    from mlpredict.storage.partitions import partitions_of

    with catalog_only(connection):
        relations = relations_of(connection, schema)
        for one in grants:
            giving = _Giving(connection, schema, one.role)
            giving.give_entrance(stores=one.stores)
            for name, relation in relations.items():
                giving.give_rights_on(name, relation, stores=one.stores)
            for partition in partitions_of(connection):
                giving.give_reading(partition.name)
            logger.info(f"{one.role} may {'store and read' if one.stores else 'read'} in the schema {schema}")


class _Giving(NamedTuple):
    """What gives rights to a role, and looks whether it has them then: PostgreSQL only warns of some."""

    connection: Connection
    schema: str
    role: str

    def give_entrance(self, *, stores: bool) -> None:
        """To the database and the schema; mostly everybody has that."""
        ((name,),) = self.connection.execute(DATABASE).fetchall()
        database = Identifier(name)
        if not self._may(MAY_ON_DATABASE, "CONNECT"):
            self._give(GRANT_CONNECT, MAY_ON_DATABASE, "CONNECT", database=database)
        if stores and not self._may(MAY_ON_DATABASE, "TEMPORARY"):
            self._give(GRANT_TEMPORARY, MAY_ON_DATABASE, "TEMPORARY", database=database)
        if not self._may(MAY_USE, self.schema):
            self._give(GRANT_USE, MAY_USE, self.schema, schema=Identifier(self.schema))

    def give_rights_on(self, table: str, relation: Relation, *, stores: bool) -> None:
        """To read a table, and to store in it."""
        place = Identifier(self.schema, table)
        name = self.give_reading(table)
        sequences = self._sequences_of(name)
        for sequence, its_name in sequences:
            self._give(GRANT_SEEING_COUNT, MAY_ON_SEQUENCE, its_name, "SELECT", sequence=sequence)
        if not stores or table in ONLY_READ:
            return
        for privilege in ("INSERT", *ALSO.get(table, ())):
            self._give(GRANT_ON_TABLE[privilege], MAY_ON_TABLE, name, privilege, table=place)
        for column in CHANGED.get(table, ()):
            if column in relation.columns:
                self._give(GRANT_CHANGING, MAY_CHANGE, name, column, table=place, column=Identifier(column))
        for sequence, its_name in sequences:
            self._give(GRANT_COUNTING, MAY_ON_SEQUENCE, its_name, "USAGE", sequence=sequence)

    def give_reading(self, table: str) -> str:
        """To read a table; its name in SQL."""
        place = Identifier(self.schema, table)
        name = place.as_string(self.connection)
        self._give(GRANT_ON_TABLE["SELECT"], MAY_ON_TABLE, name, "SELECT", table=place)
        return name

    def _sequences_of(self, table: str) -> list[tuple[Identifier, str]]:
        found = [Identifier(*place) for place in self.connection.execute(SEQUENCES, (table,)).fetchall()]
        return [(sequence, sequence.as_string(self.connection)) for sequence in found]

    def _give(self, giving: SQL, asking: SQL, *about: str, **parts: Identifier) -> None:
        statement = giving.format(role=Identifier(self.role), **parts)
        self.connection.execute(statement)
        if not self._may(asking, *about):
            raise DatabaseRefuses(f"no effect: {statement.as_string(self.connection)}", hint=OWNER_HINT)

    def _may(self, asking: SQL, *about: str) -> bool:
        row = self.connection.execute(asking, (self.role, *about)).fetchone()
        return row is not None and bool(row[0])
