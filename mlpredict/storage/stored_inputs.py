"""Stored images by the ids of predictions: what is known of them first, then their bytes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from psycopg.sql import SQL

from mlpredict.domain.predictions import StoredImage
from mlpredict.domain.stored import StoredInput
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named
from mlpredict.storage.values import decode_filename

INPUTS = SQL("""
    SELECT p.id, p.filename, p.filename_bytes, p.contenttype, i.kept,
           i.id, i.sha256, i.contenttype, i.width, i.height, i.length
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS wanted (id, place)
    CROSS JOIN LATERAL (
        SELECT p.id, p.inputid, p.filename, p.filename_bytes, p.contenttype
        FROM {s}.predictions AS p WHERE p.id = wanted.id OFFSET 0
    ) AS p
    CROSS JOIN LATERAL (
        SELECT own.id, own.sha256, own.kept FROM {s}.inputs AS own WHERE own.id = p.inputid OFFSET 0
    ) AS own
    CROSS JOIN LATERAL (
        SELECT i.id, i.kept, i.sha256, i.contenttype, i.width, i.height,
               coalesce(octet_length(i.image), 0) AS length
        FROM {s}.inputs AS i WHERE i.id = {which} OFFSET 0
    ) AS i
    ORDER BY wanted.place
""")
"""The length of an image is known without reading it. `OFFSET 0` keeps to the indexes, whatever PostgreSQL
knows of the tables: no block of images is looked for in all of them."""

OWN = SQL("own.id")

BEST = SQL("""
    CASE WHEN own.sha256 IS NULL OR own.kept = 'original' THEN own.id ELSE (
        SELECT one.id FROM {s}.inputs AS one
        WHERE one.sha256 = own.sha256
          AND (NOT starts_with(coalesce(one.kept, ''), 'model-input/')
               OR coalesce(substring(one.kept FROM '#[0-9]+$'), '#1')
                  = coalesce(substring(p.filename FROM '#[0-9]+$'), '#1'))
        ORDER BY one.kept = 'original' DESC, split_part(one.kept, '#', 1) = %(prepared)s::text DESC,
                 one.kept = 'reference' DESC, one.id = own.id DESC, one.id
        LIMIT 1
    ) END
""")
"""Of what was kept of one image: the file itself, what the same preprocessing made of it, or where it is."""

IMAGES = SQL("SELECT id, image FROM {s}.inputs WHERE id = ANY(%s::bigint[])")


class MeasuredInput(NamedTuple):
    """A stored image whose URI is yet to be read, and how many bytes that has."""

    stored: StoredInput
    size: int


def measured_inputs(
    connection: Connection, ids: Sequence[int], prepared: str | None = None
) -> list[MeasuredInput]:
    """The images of predictions, in the order of their ids; those that are gone are left out.

    Each is the very input of its prediction. With `prepared`, which is "model-input/" and the name of a
    preprocessing, it is the best that was kept of the same image by any prediction.
    """
    which = OWN if prepared is None else named(connection, BEST)
    values = {"ids": list(ids), "prepared": prepared}
    rows = connection.execute(named(connection, INPUTS, which=which), values).fetchall()
    return [
        MeasuredInput(
            StoredInput(
                prediction_id,
                decode_filename(name, raw),
                contenttype,
                kept,
                StoredImage(input_id, None, sha256, *rest),
            ),
            size,
        )
        for prediction_id, name, raw, contenttype, kept, input_id, sha256, *rest, size in rows
    ]


def image_uris(connection: Connection, input_ids: Collection[int]) -> dict[int, str | None]:
    """The URIs of inputs; those that are gone are left out."""
    rows = connection.execute(named(connection, IMAGES), (list(input_ids),))
    return dict(rows.fetchall())
