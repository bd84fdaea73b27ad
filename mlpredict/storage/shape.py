"""What our tables look like, and what else may stand under their names.

A `schema_migrations` is what half of all programs have, and `models`, `runs` or `labels` are words that
others use, too. What is not shown to be ours is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from psycopg.sql import SQL, Identifier

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection

ADDED: Mapping[int, Mapping[str, str]] = {
    1: {"schema_migrations": "version name applied_at"},
    2: {"inputs": "id image", "predictions": "id inputid predictions"},
    3: {
        "models": "id fingerprint name format path task labels description created_at",
        "runs": "id model_id engine keep directory version started_at finished_at",
        "inputs": "sha256 kept contenttype width height created_at",
        "predictions": "run_id position model_id filename filename_bytes contenttype likely_class label score"
        " created_at",
        "failures": "id run_id position filename filename_bytes reason created_at",
    },
    8: {"runs": "model_name model_path"},
    9: {"predictions": "labels value unit outputs map"},
    10: {"idempotency_keys": "key request status body created_at"},
    12: {
        "labels": "id sha256 input_id label labels value source labelled_by labelled_at superseded_by"
        " superseded_at",
        "predictions_labelled": "prediction_id input_id run_id created_at filename model task label labels"
        " score value unit true_label true_labels true_value is_right source labelled_by labelled_at",
    },
    13: {"runs": "ended"},
    14: {"environments": "id digest facts created_at", "runs": "environment_id"},
    15: {"inputs": "difference_hash"},
    16: {
        "run_plans": "run_id key images parts parts_left sha256 samples options created_at",
        "run_names": "run_id first sha256 names",
        "run_claims": "run_id part first last missing done host attempt held_until",
        "run_parts": "run_id part first last skipped host attempt environment_id stored_at",
    },
    17: {"remote_objects": "version input_id"},
}
"""The columns that each migration adds."""

VIEWS = frozenset({"predictions_labelled"})
"""Those of ours that are no tables."""

PUBLISHED_TYPES: Mapping[str, Mapping[str, Collection[str]]] = {
    "inputs": {"id": ("integer", "bigint"), "image": ("text", "character varying")},
    "predictions": {
        "id": ("integer", "bigint"),
        "inputid": ("integer", "bigint"),
        "predictions": ("json",),
    },
}
"""The tables of the 2020 program."""

FOUND = SQL("""
    SELECT c.relname, c.relkind::text, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) c.oid
       AND a.attnum OPERATOR(pg_catalog.>) 0
       AND NOT a.attisdropped
    WHERE n.nspname OPERATOR(pg_catalog.=) %s
      AND c.relname OPERATOR(pg_catalog.=) ANY (%s::name[])
    ORDER BY c.relname, a.attnum
""")

SEQUENCE = SQL("SELECT pg_catalog.pg_get_serial_sequence(%s, 'id')")

TABLE, PARTITIONED, VIEW = "r", "p", "v"
TABLES = (TABLE, PARTITIONED)
KINDS = {
    PARTITIONED: "a partitioned table",
    VIEW: "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a type",
}
"""What a `relkind` of pg_class is, beside a table."""

MOST_COLUMNS = 12
"""That are named in a message."""

MOST_CLASHES = 3
"""Columns in the way that are named one by one."""

OWN_SCHEMA_HINT = (
    "nothing was changed; give mlpredict a schema of its own: put ?options=-csearch_path%3Dmlpredict behind "
    "the DSN, or set PGOPTIONS=-csearch_path=mlpredict"
)


@dataclass(slots=True)
class Relation:
    """What stands under a name: a table, mostly, and its columns with their types."""

    kind: str
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def is_table(self) -> bool:
        """Whether rows are stored in it."""
        return self.kind in TABLES

    def __str__(self) -> str:
        """Its columns in brackets, with what it is where that is no table."""
        named = [f"{name} {type_}" for name, type_ in islice(self.columns.items(), MOST_COLUMNS)]
        more = len(self.columns) - len(named)
        columns = f"({', '.join(named)}{f' and {more} more' if more else ''})"
        return columns if self.kind == TABLE else f"{columns}, {KINDS.get(self.kind, 'no table')}"


Relations = Mapping[str, Relation]
"""What a schema holds under the names of our tables."""


def relations_of(connection: Connection, schema: str) -> dict[str, Relation]:
    """What stands in a schema under the names of our tables."""
    found: dict[str, Relation] = {}
    for name, kind, column, type_ in connection.execute(FOUND, (schema, list(table_names()))):
        relation = found.setdefault(str(name), Relation(str(kind)))
        if column is not None:
            relation.columns[str(column)] = str(type_)
    return found


def table_names() -> tuple[str, ...]:
    """The names of our tables, in the order in which they are made."""
    return tuple(dict.fromkeys(name for tables in ADDED.values() for name in tables))


def columns_of(table: str, versions: Iterable[int]) -> list[str]:
    """What these migrations add to a table."""
    return [name for version in versions for name in ADDED.get(version, {}).get(table, "").split()]


def require_ours(connection: Connection, schema: str, found: Relations, version: int) -> None:
    """Check that a schema holds our tables as of a version and nothing else under our names, now or later.

    Raises:
        DatabaseError: another program's stands there, or something of ours is missing.
    """
    earlier = [number for number in ADDED if number <= version]
    later = [number for number in ADDED if number > version]
    strangers, missing = [], []
    for table in table_names():
        relation, expected = found.get(table), columns_of(table, earlier)
        if relation is not None:
            strangers += _strange(table, relation, expected, columns_of(table, later))
        if expected:
            missing += _missing(table, relation, expected)
    if strangers:
        raise DatabaseError(
            f"the schema {schema} holds what is not mlpredict's under names that it needs: "
            f"{'; '.join(strangers)}",
            hint=OWN_SCHEMA_HINT,
        )
    if missing:
        raise DatabaseError(
            f"the schema {schema} has mlpredict's tables of version {version}, but no {', '.join(missing)}",
            hint="put back what was dropped or renamed, or restore a dump into an empty database",
        )
    if version == 0:
        _require_sequences(connection, schema, [name for name in PUBLISHED_TYPES if name in found])


def _strange(table: str, relation: Relation, expected: Sequence[str], to_come: Sequence[str]) -> list[str]:
    """What of a relation is not ours and in the way; `expected` is empty where there is to be none yet."""
    published = PUBLISHED_TYPES.get(table, {})
    if not expected and not (published and _is_published(relation, published)):
        return [f"{table} {relation}"]
    if relation.kind not in ((VIEW,) if table in VIEWS else TABLES):
        return [f"{table} {relation}"]
    in_the_way = [
        name for name in to_come if name in relation.columns and (expected or name not in published)
    ]
    if len(in_the_way) > MOST_CLASHES:
        return [f"{table} {relation}"]
    return [f"{table}.{name} ({relation.columns[name]})" for name in in_the_way]


def _is_published(relation: Relation, published: Mapping[str, Collection[str]]) -> bool:
    """Whether a table is one of the 2020 program, which somebody may have given more columns."""
    return relation.kind == TABLE and all(
        _base(relation.columns.get(name, "")) in types for name, types in published.items()
    )


def _base(type_: str) -> str:
    return type_.partition("(")[0]


def _missing(table: str, relation: Relation | None, expected: Sequence[str]) -> list[str]:
    if relation is None:
        return [table]
    return [f"{table}.{name}" for name in expected if name not in relation.columns]


def _require_sequences(connection: Connection, schema: str, tables: Sequence[str]) -> None:
    """Refuse tables whose ids nobody counts: rows of ours get theirs from the column's own sequence."""
    for table in tables:
        name = Identifier(schema, table).as_string(connection)
        if connection.execute(SEQUENCE, (name,)).fetchone() == (None,):
            raise DatabaseError(
                f"{schema}.{table}.id has no sequence, as it has in the 2020 program's tables",
                hint=f"ALTER SEQUENCE … OWNED BY {name}.id makes one its own; else {OWN_SCHEMA_HINT}",
            )
