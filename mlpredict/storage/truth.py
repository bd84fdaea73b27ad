"""The truth of a prediction's image, in SQL over `predictions AS p`: where it is found, and what is right."""

from __future__ import annotations

from typing import LiteralString

from psycopg.sql import SQL

JOIN = SQL("""
    LEFT JOIN {s}.inputs AS i ON i.id = p.inputid
    LEFT JOIN {s}.labels AS t ON t.sha256 = i.sha256 AND t.superseded_at IS NULL
    LEFT JOIN {s}.labels AS u ON u.input_id = i.id AND u.superseded_at IS NULL
""")
"""As the view `predictions_labelled` does it: by the image file, else by the input of the 2020 program."""

NO_JOIN = SQL("""
    CROSS JOIN (
        SELECT NULL::bigint AS id, NULL::text AS label, NULL::text[] AS labels, NULL::float8 AS value
    ) AS t
    CROSS JOIN (
        SELECT NULL::bigint AS id, NULL::text AS label, NULL::text[] AS labels, NULL::float8 AS value
    ) AS u
""")
"""In its place where nothing is labelled: a list is read without looking for what is not there."""

ANY_LABEL = SQL("SELECT FROM {s}.labels WHERE superseded_at IS NULL LIMIT 1")

IS_LABELLED: LiteralString = "(t.id IS NOT NULL OR u.id IS NOT NULL)"
TRUE_LABEL: LiteralString = "coalesce(t.label, u.label)"
TRUE_LABELS: LiteralString = "coalesce(t.labels, u.labels)"
TRUE_VALUE: LiteralString = "coalesce(t.value, u.value)"


def is_right(of: LiteralString) -> LiteralString:
    """Whether a prediction by the name of its row is right; null where there is no truth, or no label.

    Of several labels all must hold and no other; one label must be among those that hold.
    """
    return f"""
        CASE WHEN t.id IS NULL AND u.id IS NULL THEN NULL
             WHEN {of}.labels IS NULL
             THEN {of}.label = coalesce(t.label, u.label)
                  OR coalesce({of}.label = ANY (coalesce(t.labels, u.labels)), false)
             ELSE {of}.labels @> coalesce(t.labels, u.labels, ARRAY[coalesce(t.label, u.label)])
                  AND {of}.labels <@ coalesce(t.labels, u.labels, ARRAY[coalesce(t.label, u.label)])
        END
    """


IS_RIGHT: LiteralString = is_right("p")
