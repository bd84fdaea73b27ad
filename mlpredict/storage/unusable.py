"""Images that somebody has looked at and found to show nothing that has a label.

That is no truth that a prediction could be compared with, so no row that holds. It is a row of `labels` that
was superseded in the moment in which it was made, and stands for as long as nothing newer is said of the
image.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.sql import SQL

from mlpredict.domain import Labelled, NewLabel
from mlpredict.domain.reviews import UNUSABLE
from mlpredict.storage.connection import Connection
from mlpredict.storage.labelled_images import find_images
from mlpredict.storage.labels import ADVISORY_LOCK, IMAGES, KEYS, LOCK, REMOVE, counted
from mlpredict.storage.names import named
from mlpredict.storage.values import bigint, storable

MARK = SQL("""
    WITH marked AS (
        INSERT INTO {s}.labels (
            sha256, input_id, label, source, labelled_by, labelled_at, superseded_by, superseded_at
        )
        SELECT f.sha256, f.input_id, %(unusable)s, %(source)s, %(by)s, now(), %(by)s, now()
        FROM (SELECT DISTINCT sha256, input_id FROM pg_temp.found) AS f
        RETURNING id
    )
    SELECT count(*) FROM marked
""")

IS_MARKED = SQL("""
    (SELECT (array_agg(ended.superseded_at = ended.labelled_at AND ended.label = 'not usable'
                       ORDER BY ended.id DESC))[1]
     FROM (
         SELECT id, label, labelled_at, superseded_at FROM {s}.labels
         WHERE sha256 = i.sha256 AND superseded_at IS NOT NULL
         UNION ALL
         SELECT id, label, labelled_at, superseded_at FROM {s}.labels
         WHERE input_id = i.id AND superseded_at IS NOT NULL
     ) AS ended) IS TRUE
""")
"""Of an input `i` that has no label now. It has few that ended: for the newest one with LIMIT, all labels of
the database would be gone through from their newest."""

OF_PREDICTION = SQL("""
    SELECT {marked} AND NOT EXISTS (
        SELECT FROM {s}.labels AS l
        WHERE l.superseded_at IS NULL AND (l.sha256 = i.sha256 OR l.input_id = i.id)
    )
    FROM {s}.predictions AS p JOIN {s}.inputs AS i ON i.id = p.inputid
    WHERE p.id = %s
""")


def mark(
    connection: Connection, images: Sequence[NewLabel], *, source: str, marked_by: str | None
) -> Labelled:
    """Say it of images, within the transaction there is; the labels that they had are history then."""
    connection.execute(LOCK, (ADVISORY_LOCK,))
    missing = find_images(connection, images)
    by = None if marked_by is None else storable(marked_by)
    removed = sum(counted(connection, REMOVE, {"by": by}, key) for key in KEYS)
    counted(connection, MARK, {"unusable": UNUSABLE, "source": source, "by": by})
    return Labelled(removed=removed, unchanged=counted(connection, IMAGES) - removed, missing=missing)


def is_marked(connection: Connection, prediction_id: int) -> bool:
    """Whether somebody has said it of the image of a prediction, and nobody anything since."""
    query = named(connection, OF_PREDICTION, marked=named(connection, IS_MARKED))
    row = connection.execute(query, (bigint(prediction_id),)).fetchone()
    return row is not None and bool(row[0])
