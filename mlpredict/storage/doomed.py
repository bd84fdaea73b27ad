"""What is to be deleted: found and counted before anything is."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg.sql import SQL, Composable, Composed

from mlpredict.domain.deletion import Deleted
from mlpredict.domain.predictions import PredictionFilter
from mlpredict.storage.connection import Connection
from mlpredict.storage.failures import failure_condition
from mlpredict.storage.filters import Values, joined, values_of, where
from mlpredict.storage.listing import rows_at_once
from mlpredict.storage.names import named
from mlpredict.storage.values import bigint, decode_filename, storable
from mlpredict.support.addresses import is_remote

PREDICTIONS = SQL("SELECT p.id FROM {s}.predictions AS p {joined} WHERE {where} ORDER BY p.id")

NOTHING = SQL("")
BY_ID = SQL("p.id = ANY(%(ids)s::bigint[])")
OF_INPUTS = SQL("p.inputid = ANY(%(inputs)s::bigint[])")

FAILURES = SQL("""
    SELECT f.id FROM {s}.failures AS f JOIN {s}.runs AS r ON r.id = f.run_id WHERE {where} ORDER BY f.id
""")

COUNTED = SQL("""
    WITH doomed AS MATERIALIZED (
        SELECT p.id, p.inputid FROM {s}.predictions AS p {joined} WHERE {where}
    ), unneeded AS MATERIALIZED (
        SELECT i.id, i.sha256
        FROM (
            SELECT inputid, sum(doomed) AS doomed FROM (
                SELECT inputid, 1 AS doomed FROM doomed
                UNION ALL SELECT unnest(%(inputs)s::bigint[]), 0
            ) AS named GROUP BY inputid
        ) AS named
        JOIN {s}.inputs AS i ON i.id = named.inputid
        WHERE named.doomed = (SELECT count(*) FROM {s}.predictions AS p WHERE p.inputid = i.id)
    ), images AS (
        SELECT gone.sha256
        FROM (
            SELECT sha256, count(*) AS inputs FROM unneeded WHERE sha256 IS NOT NULL GROUP BY sha256
        ) AS gone
        WHERE gone.inputs = (SELECT count(*) FROM {s}.inputs AS i WHERE i.sha256 = gone.sha256)
        UNION SELECT unnest(%(digests)s::bytea[])
    )
    SELECT (SELECT count(*) FROM unneeded),
           (SELECT count(*) FROM unneeded AS u JOIN {s}.labels AS l ON l.input_id = u.id
            WHERE l.superseded_at IS NULL)
           + (SELECT count(*) FROM images JOIN {s}.labels AS l ON l.sha256 = images.sha256
              WHERE l.superseded_at IS NULL)
""")
"""An input is not needed where all of its predictions go, and a label where all inputs of its image do."""

INPUTS_OF_IMAGE = SQL("SELECT id FROM {s}.inputs WHERE sha256 = %s ORDER BY id")

ANY_WITHOUT_HASH = SQL("SELECT FROM {s}.inputs WHERE sha256 IS NULL LIMIT 1")

INPUTS_WITHOUT_HASH = SQL("""
    SELECT id FROM {s}.inputs WHERE sha256 IS NULL AND right(image, length(%(data)s)) = %(data)s ORDER BY id
""")
"""Those of the 2020 program, by what is in their `data:` URI."""

NAMES_OF_INPUTS = SQL("""
    SELECT DISTINCT coalesce(r.directory, ''), p.filename, p.filename_bytes
    FROM {s}.predictions AS p LEFT JOIN {s}.runs AS r ON r.id = p.run_id
    WHERE p.inputid = ANY(%s::bigint[]) AND p.filename IS NOT NULL
""")

FAILURES_CALLED = SQL("""
    SELECT f.id, r.directory, f.filename, f.filename_bytes
    FROM {s}.failures AS f JOIN {s}.runs AS r ON r.id = f.run_id
    WHERE substring(regexp_replace(f.filename, '#[0-9]+$', '') FROM '[^/]*$') = ANY(%s::text[])
    ORDER BY f.id
""")
"""By the last part of their names; a page goes by the name of its file."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file whose image is to be erased: where it is, its SHA-256 (32 bytes), and its content in Base64."""

    path: str
    sha256: bytes
    base64: str


@dataclass(frozen=True, slots=True)
class Doomed:
    """Rows that are to be deleted, by their ids, and how many there are.

    `inputs` are to go whether a prediction needed them or not, and what was said of images with the SHA-256
    `digests`. `missing` are predictions that were named and are not there.
    """

    predictions: Sequence[int] = ()
    failures: Sequence[int] = ()
    inputs: Sequence[int] = ()
    digests: Sequence[bytes] = ()
    missing: tuple[int, ...] = ()
    counted: Deleted = field(default_factory=Deleted)


def by_filter(connection: Connection, wanted: PredictionFilter) -> Doomed:
    """The predictions that meet a filter, and the failures, where it asks nothing that they do not have."""
    values = values_of(connection, wanted)
    condition = failure_condition(values)
    failures: Sequence[int] = ()
    if condition is not None:
        failures = _ids(connection, named(connection, FAILURES, where=condition), values)
    return _found(connection, Doomed(failures=failures), where(values), values, joined(connection, values))


def by_ids(connection: Connection, ids: Iterable[int]) -> Doomed:
    """The predictions of these ids."""
    wanted = sorted(set(map(bigint, ids)))
    doomed = _found(connection, Doomed(), BY_ID, {"ids": wanted})
    there = set(doomed.predictions)
    return replace(doomed, missing=tuple(one for one in wanted if one not in there))


def by_pictures(connection: Connection, pictures: Iterable[Picture]) -> Doomed:
    """All that is stored of pictures, whatever they were called and whoever predicted them."""
    inputs: set[int] = set()
    digests: list[bytes] = []
    paths: set[str] = set()
    for picture in pictures:
        found = _inputs_of(connection, picture)
        rows = connection.execute(named(connection, NAMES_OF_INPUTS), (list(found),))
        paths |= {_place(*row) for row in rows} | {_place(os.getcwd(), picture.path, None)}
        inputs |= found
        digests.append(picture.sha256)
    doomed = Doomed((), [*_failures_called(connection, paths)], sorted(inputs), digests)
    return _found(connection, doomed, OF_INPUTS, {})


def _found(
    connection: Connection,
    doomed: Doomed,
    condition: Composable,
    values: Values,
    joins: Composable = NOTHING,
) -> Doomed:
    """The predictions that meet a condition, and all that goes with them, counted."""
    parts = {"joined": joins, "where": condition}
    values = {**values, "inputs": list(doomed.inputs), "digests": list(doomed.digests)}
    ids = _ids(connection, named(connection, PREDICTIONS, **parts), values)
    row = connection.execute(named(connection, COUNTED, **parts), values).fetchone()
    assert row is not None
    return replace(doomed, predictions=ids, counted=Deleted(len(ids), row[0], row[1], len(doomed.failures)))


def _ids(connection: Connection, statement: Composed, values: Any) -> Sequence[int]:
    """Ids in eight bytes each, as there may be millions."""
    with connection.cursor() as cursor:
        return array("q", (one for (one,) in cursor.stream(statement, values, size=rows_at_once())))


def _inputs_of(connection: Connection, picture: Picture) -> set[int]:
    rows = connection.execute(named(connection, INPUTS_OF_IMAGE), (picture.sha256,)).fetchall()
    if connection.execute(named(connection, ANY_WITHOUT_HASH)).fetchone() is not None:
        statement = named(connection, INPUTS_WITHOUT_HASH)
        rows += connection.execute(statement, {"data": f",{picture.base64}"}).fetchall()
    return {input_id for (input_id,) in rows}


def _failures_called(connection: Connection, paths: set[str]) -> Iterator[int]:
    names = sorted({storable(os.path.basename(path)) for path in paths})
    rows = connection.execute(named(connection, FAILURES_CALLED), (names,))
    return (failure_id for failure_id, *name in rows if _place(*name) in paths)


def _place(directory: str, text: str, raw: bytes | None) -> str:
    """Where a file was that a run knew by this name."""
    name = decode_filename(text, raw) or ""
    return _without_page(name if is_remote(name) else os.path.normpath(os.path.join(directory, name)))


def _without_page(path: str) -> str:
    head, mark, page = path.rpartition("#")
    return head if mark and page.isdecimal() else path
