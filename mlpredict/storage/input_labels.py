"""What is said of one image, and whether a model may say several labels of it."""

from __future__ import annotations

from psycopg.rows import class_row
from psycopg.sql import SQL

from mlpredict.domain.labels import KnownLabel
from mlpredict.errors import NotFound
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named
from mlpredict.storage.values import bigint

IN_FORCE = SQL("""
    SELECT i.id AS input_id, coalesce(t.label, u.label) AS true_label,
           coalesce(t.labels, u.labels) AS true_labels, coalesce(t.value, u.value) AS true_value,
           coalesce(t.source, u.source) AS source, coalesce(t.labelled_by, u.labelled_by) AS labelled_by,
           coalesce(t.labelled_at, u.labelled_at) AS labelled_at
    FROM {s}.inputs AS i
    LEFT JOIN {s}.labels AS t ON t.sha256 = i.sha256 AND t.superseded_at IS NULL
    LEFT JOIN {s}.labels AS u ON u.input_id = i.id AND u.superseded_at IS NULL
    WHERE i.id = %s
""")
"""By the image file, else by the input of the 2020 program."""

SEVERAL = SQL("""
    SELECT FROM {s}.inputs AS i
    JOIN {s}.inputs AS other ON other.id = i.id OR other.sha256 = i.sha256
    JOIN {s}.predictions AS p ON p.inputid = other.id
    JOIN {s}.models AS m ON m.id = p.model_id
    WHERE i.id = %s AND m.task = 'multi-label'
    LIMIT 1
""")


def label_in_force(connection: Connection, input_id: int) -> KnownLabel:
    """What is said of an image; `true_label` is None where nothing is.

    Raises:
        NotFound: there is no such input.
    """
    with connection.cursor(row_factory=class_row(KnownLabel)) as cursor:
        found = cursor.execute(named(connection, IN_FORCE), (bigint(input_id),)).fetchone()
    if found is None:
        raise NotFound(f"there is no input {input_id}")
    return found


def may_have_several(connection: Connection, input_id: int) -> bool:
    """Whether a model has predicted the image that says several labels of one."""
    return connection.execute(named(connection, SEVERAL), (bigint(input_id),)).fetchone() is not None
