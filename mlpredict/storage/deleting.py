"""Deleting predictions, and the inputs and labels that nobody needs any more, a block at a time.

A block is a transaction of its own: whoever is killed leaves whole blocks behind. Locks are taken in one
order: the table of labels, predictions by their ids, inputs. An input that another transaction holds at
that moment is about to be predicted again; it is passed over, and looked at once more in the end. Nobody
therefore waits for a deletion longer than for a block, and a deletion waits for nobody while it holds inputs.

A run that reuses an input which a deletion takes away meanwhile is told so by the foreign key, and
stores its batch again, with the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg.sql import SQL

from mlpredict.domain.deletion import Deleted
from mlpredict.storage import remote_objects
from mlpredict.storage.bucket_inputs import BucketObject
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named
from mlpredict.storage.waiting import keep_from_moving

BLOCK_ROWS = 2000
"""So many predictions take some tenths of a second, with their inputs."""

LOCK_LABELS = SQL("LOCK TABLE {s}.labels IN ROW EXCLUSIVE MODE")
"""Whoever labels holds it while looking for inputs, and so must not be waited for with inputs locked."""

LOCK_PREDICTIONS = SQL("""
    SELECT id FROM {s}.predictions WHERE id OPERATOR(pg_catalog.=) ANY (%s::bigint[]) ORDER BY id FOR UPDATE
""")

DELETE_PREDICTIONS = SQL("""
    DELETE FROM {s}.predictions WHERE id OPERATOR(pg_catalog.=) ANY (%s::bigint[]) RETURNING inputid
""")

FORGET_REPLIES = SQL("""
    DELETE FROM {s}.idempotency_keys
    WHERE created_at OPERATOR(pg_catalog.=) ANY (ARRAY(
        SELECT created_at FROM {s}.predictions WHERE id OPERATOR(pg_catalog.=) ANY (%s::bigint[])
    ))
""")
"""What was answered to requests that stored these predictions: the answer was stored in their transaction,
at the same time by the database's clock, and holds names of files and labels."""

LOCK_INPUTS = SQL("""
    SELECT id, sha256 FROM {s}.inputs WHERE id OPERATOR(pg_catalog.=) ANY (%s::bigint[])
    ORDER BY id FOR UPDATE SKIP LOCKED
""")

NEEDED_INPUTS = SQL("""
    SELECT DISTINCT inputid FROM {s}.predictions WHERE inputid OPERATOR(pg_catalog.=) ANY (%s::bigint[])
""")
"""A statement of its own, after the locks: it sees what was stored before they were had, and while they are
held no prediction can come to refer to one of these. Anti joins, here and below, are at times planned to read
all inputs for each block."""

STILL_THERE = SQL("""
    SELECT id FROM {s}.inputs WHERE id OPERATOR(pg_catalog.=) ANY (%s::bigint[])
""")

DELETE_INPUTS = SQL("""
    DELETE FROM {s}.inputs WHERE id OPERATOR(pg_catalog.=) ANY (%s::bigint[])
    RETURNING CASE WHEN pg_catalog.strpos(kept, '://') OPERATOR(pg_catalog.>) 0 THEN sha256 END, kept,
              CASE WHEN pg_catalog.strpos(kept, '://') OPERATOR(pg_catalog.>) 0 THEN image END
""")
"""With what lies in a bucket of them: that goes when they are gone for good."""

LABELS_OF_INPUTS = SQL("""
    DELETE FROM {s}.labels WHERE input_id OPERATOR(pg_catalog.=) ANY (%s::bigint[])
    RETURNING superseded_at IS NULL
""")
"""Those of the 2020 program's, which have no hash."""

STORED_IMAGES = SQL("""
    SELECT DISTINCT sha256 FROM {s}.inputs WHERE sha256 OPERATOR(pg_catalog.=) ANY (%s::bytea[])
""")
"""An image that is kept in another way, too, keeps its label."""

LABELS_OF_IMAGES = (
    SQL("""
        DELETE FROM {s}.labels
        WHERE sha256 OPERATOR(pg_catalog.=) ANY (%s::bytea[]) AND superseded_at IS NULL
        RETURNING true
    """),
    SQL("""
        DELETE FROM {s}.labels
        WHERE sha256 OPERATOR(pg_catalog.=) ANY (%s::bytea[]) AND superseded_at IS NOT NULL
        RETURNING false
    """),
)
"""The one in force and its history, each with an index of its own."""

DELETE_FAILURES = SQL("DELETE FROM {s}.failures WHERE id OPERATOR(pg_catalog.=) ANY (%s::bigint[])")


@dataclass(frozen=True, slots=True)
class Block:
    """What one transaction has deleted, and the inputs that it could not look at.

    `objects` are the images in buckets whose rows are gone.
    """

    deleted: Deleted
    busy: tuple[int, ...] = ()
    objects: tuple[BucketObject, ...] = ()


def delete_predictions(connection: Connection, ids: Sequence[int]) -> Block:
    """Delete predictions within the transaction there is, with what only they needed.

    Those that are not there, or not any more, do not count.
    """
    # Before anything else: who moves runs has locks of all their rows until the end.
    keep_from_moving(connection, "a range of runs")
    connection.execute(named(connection, LOCK_LABELS))
    connection.execute(named(connection, LOCK_PREDICTIONS), (list(ids),))
    connection.execute(named(connection, FORGET_REPLIES), (list(ids),))
    rows = connection.execute(named(connection, DELETE_PREDICTIONS), (list(ids),)).fetchall()
    inputs = sorted({input_id for (input_id,) in rows if input_id is not None})
    # An image that stays may have been known by a name that goes.
    remote_objects.forget(connection, inputs)
    block = _delete_unneeded(connection, inputs)
    return replace(block, deleted=Deleted(predictions=len(rows)) + block.deleted)


def delete_inputs(connection: Connection, input_ids: Sequence[int]) -> Block:
    """Delete those of these inputs that no prediction needs, within the transaction there is."""
    connection.execute(named(connection, LOCK_LABELS))
    return _delete_unneeded(connection, sorted(set(input_ids)))


def delete_labels(connection: Connection, digests: Sequence[bytes]) -> Deleted:
    """Delete what was said of images that are not stored any more, by the SHA-256 of their files."""
    if not digests:
        return Deleted()
    stored = {bytes(one) for one in _column(connection, STORED_IMAGES, digests)}
    gone = [one for one in digests if one not in stored]
    return Deleted(labels=sum(sum(_column(connection, one, gone)) for one in LABELS_OF_IMAGES))


def delete_failures(connection: Connection, ids: Sequence[int]) -> Deleted:
    """Delete the names of files that gave no prediction."""
    cursor = connection.execute(named(connection, DELETE_FAILURES), (list(ids),))
    return Deleted(failures=cursor.rowcount)


def _delete_unneeded(connection: Connection, input_ids: Sequence[int]) -> Block:
    if not input_ids:
        return Block(Deleted())
    rows = connection.execute(named(connection, LOCK_INPUTS), (list(input_ids),))
    locked: dict[int, bytes | None] = dict(rows.fetchall())
    needed = set(_column(connection, NEEDED_INPUTS, list(locked)))
    unneeded = {one: digest for one, digest in locked.items() if one not in needed}
    ids, digests = list(unneeded), list({bytes(one) for one in unneeded.values() if one is not None})
    labels = sum(_column(connection, LABELS_OF_INPUTS, ids)) if ids else 0
    gone = connection.execute(named(connection, DELETE_INPUTS), (ids,)).fetchall()
    objects = [BucketObject(bytes(sha), kept, uri) for sha, kept, uri in gone if sha is not None and uri]
    deleted = Deleted(inputs=len(ids), labels=labels) + delete_labels(connection, digests)
    passed_over = [one for one in input_ids if one not in locked]
    busy = tuple(_column(connection, STILL_THERE, passed_over)) if passed_over else ()
    return Block(deleted, busy, tuple(objects))


def _column(connection: Connection, statement: SQL, of: Sequence[int] | Sequence[bytes]) -> list[Any]:
    """The one column of a statement about these."""
    return [value for (value,) in connection.execute(named(connection, statement), (list(of),))]
