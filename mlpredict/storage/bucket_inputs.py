"""Inputs whose images lie in a bucket: put there before their rows are, and taken away after them.

Whoever stores such rows holds a lock that others may hold, too, from before images are uploaded until the
rows are committed. Whoever takes images away holds it alone, and looks first which of them have a row: no
image goes that a row is just about to need.

The lock ends with the connection, and the bucket may do after that what it was asked for before. Who stores
the same image in that moment finds it there, and loses it: nothing here prevents that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from psycopg.sql import SQL

from mlpredict.domain import NewInput
from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection, describe
from mlpredict.storage.names import named

LOCK = 0x6D6C6275636B6574
"""Any number that nobody else locks: "mlbucket"."""

SHARED = SQL("SELECT pg_catalog.pg_advisory_xact_lock_shared(%s::bigint)")
ALONE = SQL("SELECT pg_catalog.pg_advisory_xact_lock(%s::bigint)")

KNOWN = SQL("""
    SELECT inputs.sha256, inputs.kept
    FROM unnest(%b::bytea[], %b::text[]) AS wanted (sha256, kept)
    CROSS JOIN LATERAL (
        SELECT inputs.sha256, inputs.kept FROM {s}.inputs
        WHERE inputs.sha256 OPERATOR(pg_catalog.=) wanted.sha256
          AND inputs.kept OPERATOR(pg_catalog.=) wanted.kept
        OFFSET 0
    ) AS inputs
""")


REFERENCES = SQL("""
    SELECT inputs.sha256, inputs.kept, inputs.image
    FROM pg_catalog.unnest(%b::bytea[]) AS wanted (sha256)
    CROSS JOIN LATERAL (
        SELECT i.sha256, i.kept, i.image FROM {s}.inputs AS i
        WHERE i.sha256 OPERATOR(pg_catalog.=) wanted.sha256
          AND (i.kept OPERATOR(pg_catalog.=) 'reference'
               OR pg_catalog.strpos(i.kept, '://') OPERATOR(pg_catalog.>) 0)
        OFFSET 0
    ) AS inputs
""")
"""Whatever else was kept of an image is in the row itself, and may be long."""

IN_RECOVERY = SQL("SELECT pg_catalog.pg_is_in_recovery()")


class BucketObject(NamedTuple):
    """An image that lies in a bucket, as its row had it."""

    sha256: bytes
    kept: str
    uri: str


class Reference(NamedTuple):
    """A row that says where an image lies, in a bucket or in a file."""

    sha256: bytes
    kept: str
    uri: str


def upload_new(connection: Connection, inputs: Sequence[NewInput]) -> None:
    """Upload the images of inputs that have no row yet, within the transaction that makes their rows."""
    images = {(one.sha256, one.kept): one for one in inputs if one.upload is not None}
    if not images:
        return
    connection.execute(SHARED, (LOCK,))
    known = _known(connection, list(images))
    fresh = [one for key, one in images.items() if key not in known]
    if fresh and fresh[0].upload is not None:
        fresh[0].upload(fresh)


def sweep(
    connection: Connection, objects: Sequence[BucketObject], remove: Callable[[Sequence[str]], None]
) -> None:
    """Have those taken away that no row refers to, within the transaction there is."""
    connection.execute(ALONE, (LOCK,))
    rows = references(connection, [one.sha256 for one in objects])
    keys, uris = {(one.sha256, one.kept) for one in rows}, {one.uri for one in rows}
    left = [one.uri for one in objects if (one.sha256, one.kept) not in keys and one.uri not in uris]
    if left:
        remove(left)


def sweep_unreferred(
    connection: Connection, digests: Sequence[bytes], remove: Callable[[Sequence[Reference]], None]
) -> None:
    """Have images taken away, by the SHA-256 of their files, within the transaction there is.

    `remove` is told which rows refer to images of these, wherever they lie, and takes the others away. While
    it does so no row comes to refer to an image in a bucket.

    Raises:
        DatabaseError: the server is a standby, which may not know all rows.
    """
    require_all_rows(connection)
    connection.execute(ALONE, (LOCK,))
    remove(references(connection, digests))


def references(connection: Connection, digests: Sequence[bytes]) -> list[Reference]:
    """The rows that refer to images in buckets or to files, by the SHA-256 of these."""
    rows = connection.execute(named(connection, REFERENCES), (list(set(digests)),))
    return [Reference(bytes(sha256), kept, uri) for sha256, kept, uri in rows]


def require_all_rows(connection: Connection) -> None:
    """Look whether a server has every row that is committed; a pooler may have another one each time.

    Raises:
        DatabaseError: it is a standby.
    """
    if connection.execute(IN_RECOVERY).fetchone() != (False,):
        message = f"{describe(connection)} is a standby, which may not know the newest rows"
        raise DatabaseError(message, hint="name the primary with --dsn")


def _known(connection: Connection, keys: Sequence[tuple[bytes, str]]) -> set[tuple[bytes, str]]:
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = connection.execute(named(connection, KNOWN), columns)
    return {(bytes(sha256), kept) for sha256, kept in rows}
