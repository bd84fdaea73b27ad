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
    SELECT sha256, id FROM {s}.inputs WHERE sha256 OPERATOR(pg_catalog.=) ANY (%b::bytea[])
""")

PREDICTED = SQL("""
    SELECT o.version, i.sha256
    FROM unnest(%b::bytea[]) AS wanted (version)
    JOIN {s}.remote_objects AS o ON o.version = wanted.version
    JOIN {s}.inputs AS i ON i.id = o.input_id
    JOIN {s}.models AS m ON m.fingerprint = %s::text
    CROSS JOIN LATERAL (
        SELECT FROM (SELECT id FROM {s}.inputs WHERE sha256 = i.sha256 OFFSET 0) AS same
        CROSS JOIN LATERAL (SELECT model_id FROM {s}.predictions WHERE inputid = same.id OFFSET 0) AS p
        WHERE p.model_id = m.id
        LIMIT 1
    ) AS known
""")
"""However the image was kept when it was predicted. The offsets keep the last part as it stands, one image
at a time by its indexes: as a join it may read all predictions of the model for each, while the planner
knows nothing of tables that have just grown."""

FORGET = SQL("""
    DELETE FROM {s}.remote_objects
    WHERE version OPERATOR(pg_catalog.=) ANY (ARRAY(
        SELECT o.version
        FROM {s}.inputs AS own
        JOIN {s}.inputs AS same ON same.sha256 OPERATOR(pg_catalog.=) own.sha256
        JOIN {s}.remote_objects AS o ON o.input_id OPERATOR(pg_catalog.=) same.id
        WHERE own.id OPERATOR(pg_catalog.=) ANY (%s::bigint[])
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
    rows = connection.execute(named(connection, PREDICTED), (list(versions), fingerprint))
    return {bytes(version): bytes(sha256) for version, sha256 in rows}


def forget(connection: Connection, input_ids: Sequence[int]) -> None:
    """Delete all versions of the images of inputs, within the transaction there is."""
    connection.execute(named(connection, FORGET), (list(input_ids),))
