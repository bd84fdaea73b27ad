"""What a database holds of ours, whatever version of the schema it has."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from mlpredict.storage.connection import Connection, translated

PUBLISHED = frozenset({"inputs", "predictions"})
"""The tables there are in every version, the 2020 program's included."""

TABLES = PUBLISHED | {"models", "runs", "failures", "schema_migrations"}

TABLES_PRESENT = """
    SELECT tablename FROM pg_tables
    WHERE tablename = ANY (%s) AND schemaname = ANY (current_schemas(false))
"""


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


def tables_of(connection: Connection) -> set[str]:
    """Which of our tables there are."""
    with translated():
        return {name for (name,) in connection.execute(TABLES_PRESENT, (sorted(TABLES),))}


def contents_of(connection: Connection) -> Contents:
    """Count the rows."""
    present = tables_of(connection)
    return Contents(
        *(_count(connection, table) if table in present else 0 for table in ("inputs", "predictions", "runs"))
    )


def _count(connection: Connection, table: str) -> int:
    with translated():
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0
