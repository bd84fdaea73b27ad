"""Which images the objects of buckets are, by what tells a version of an object: see `object_version`.

No name is in this table. Still nothing that was made of a name stays when that is deleted: with a prediction
go all versions of its image, and those under other names are learnt again by fetching them once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg.sql import SQL

from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named

INSERT = SQL("""
    INSERT INTO {s}.remote_objects (version, input_id)
    SELECT * FROM unnest(%b::bytea[], %b::bigint[])
    ON CONFLICT (version) DO NOTHING
""")

INPUTS = SQL("""
    SELECT wanted.sha256, found.id
    FROM pg_catalog.unnest(%b::bytea[]) AS wanted (sha256)
    CROSS JOIN LATERAL (
        SELECT i.id FROM {s}.inputs AS i WHERE i.sha256 OPERATOR(pg_catalog.=) wanted.sha256 OFFSET 0
    ) AS found
""")

PREDICTED = SQL("""
    SELECT wanted.version, own.sha256
    FROM unnest(%(versions)s::bytea[]) AS wanted (version)
    CROSS JOIN LATERAL (
        SELECT input_id FROM {s}.remote_objects WHERE version = wanted.version OFFSET 0
    ) AS found
    CROSS JOIN LATERAL (SELECT sha256 FROM {s}.inputs WHERE id = found.input_id OFFSET 0) AS own
    CROSS JOIN LATERAL (
        SELECT FROM (SELECT id FROM {s}.inputs WHERE sha256 = own.sha256 OFFSET 0) AS same
        CROSS JOIN LATERAL (SELECT model_id FROM {s}.predictions WHERE inputid = same.id OFFSET 0) AS p
        WHERE p.model_id = (SELECT id FROM {s}.models WHERE fingerprint = %(fingerprint)s)
        LIMIT 1
    ) AS known
""")
"""However the image was kept when it was predicted. `OFFSET 0` keeps PostgreSQL to the indexes, one version
at a time, whatever it knows of tables that have just grown: a join may read all predictions for each."""

FORGET = SQL("""
    DELETE FROM {s}.remote_objects
    WHERE version OPERATOR(pg_catalog.=) ANY (ARRAY(
        SELECT o.version
        FROM {s}.remote_objects AS o
        WHERE o.input_id OPERATOR(pg_catalog.=) ANY (ARRAY(
            SELECT same.id
            FROM pg_catalog.unnest(%s::bigint[]) AS wanted (id)
            CROSS JOIN LATERAL (
                SELECT i.sha256 FROM {s}.inputs AS i
                WHERE i.id OPERATOR(pg_catalog.=) wanted.id OFFSET 0
            ) AS own
            CROSS JOIN LATERAL (
                SELECT i.id FROM {s}.inputs AS i
                WHERE i.sha256 OPERATOR(pg_catalog.=) own.sha256 OFFSET 0
            ) AS same
        ))
        ORDER BY o.version
        FOR UPDATE OF o
    ))
""")
"""Locked in one order: two deletions do not wait for one another in a circle."""


def add(connection: Connection, objects: Mapping[bytes, int]) -> None:
    """Store which inputs versions are, within the transaction there is; what is known stays."""
    if objects:
        # In one order, as inputs are: two runs that store the same do not wait for each other in a circle.
        columns = [list(column) for column in zip(*sorted(objects.items()), strict=True)]
        connection.execute(named(connection, INSERT), columns)


def add_by_image(connection: Connection, objects: Mapping[bytes, bytes]) -> None:
    """The same of images by the SHA-256 of their files; those that are no inputs are left out."""
    rows = connection.execute(named(connection, INPUTS), (list(set(objects.values())),)).fetchall()
    inputs = {bytes(sha256): input_id for sha256, input_id in rows}
    add(connection, {one: inputs[digest] for one, digest in objects.items() if digest in inputs})


def predicted(connection: Connection, fingerprint: str, versions: Sequence[bytes]) -> dict[bytes, bytes]:
    """The versions whose images a model has predicted, each with the SHA-256 of its image."""
    values = {"versions": list(versions), "fingerprint": fingerprint}
    rows = connection.execute(named(connection, PREDICTED), values)
    return {bytes(version): bytes(sha256) for version, sha256 in rows}


def forget(connection: Connection, input_ids: Sequence[int]) -> None:
    """Delete all versions of the images of inputs, within the transaction there is."""
    connection.execute(named(connection, FORGET), (list(input_ids),))
