"""Storing the truth of images, and taking it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson
from psycopg.sql import SQL

from mlpredict.domain import Labelled, NewLabel, Task, Truth
from mlpredict.domain.labels import Vocabulary
from mlpredict.errors import NotPermitted
from mlpredict.storage import truth
from mlpredict.storage.connection import Connection, require_primary, translated
from mlpredict.storage.labelled_images import find_images
from mlpredict.storage.names import catalog_only, named, schema_of
from mlpredict.storage.refusals import GRANT_HINT
from mlpredict.storage.values import storable

SHOWN = 5
"""Labels that are named in a message."""

LOCK = SQL("SELECT pg_advisory_xact_lock(%s::bigint)")
ADVISORY_LOCK = 0x6D6C6C62
"""Any constant will do that nobody else takes. A lock of the table would need more rights than writers have.

Two who label the same image do so one after the other, and the second revises what the first said."""

TEXTS = SQL("""
    SELECT DISTINCT w.text FROM pg_temp.wanted AS w JOIN pg_temp.found AS f ON f.place = w.place
""")

MODELS = SQL("""
    SELECT m.name, m.task, m.labels FROM {s}.models AS m
    WHERE EXISTS (
        SELECT FROM pg_temp.found AS f
        JOIN {s}.inputs AS i ON i.sha256 = f.sha256
        JOIN {s}.predictions AS p ON p.inputid = i.id
        WHERE p.model_id = m.id
    )
    ORDER BY m.id
""")
"""The models that have predicted the images."""

UNDERSTOOD = SQL("""
    CREATE TEMPORARY TABLE truths ON COMMIT DROP AS
    SELECT DISTINCT ON (f.sha256, f.input_id) f.sha256, f.input_id, u.label, u.value,
           CASE WHEN u.labels IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(u.labels)) END AS labels
    FROM pg_temp.found AS f
    JOIN pg_temp.wanted AS w ON w.place = f.place
    JOIN unnest(%s::text[], %s::text[], %s::json[], %s::float8[]) AS u (text, label, labels, value)
         ON u.text = w.text
    ORDER BY f.sha256, f.input_id, f.place DESC
""")
"""Of an image that is named twice, what was said last."""

CONTRADICTED = SQL("""
    SELECT count(*) FROM (
        SELECT FROM pg_temp.found AS f JOIN pg_temp.wanted AS w ON w.place = f.place
        GROUP BY f.sha256, f.input_id HAVING count(DISTINCT w.text) > 1
    ) AS several
""")

REVISE = SQL("""
    WITH revised AS (
        UPDATE {s}.labels AS l SET superseded_at = now(), superseded_by = %(by)s
        FROM pg_temp.truths AS t
        WHERE l.{key} = t.{key} AND l.superseded_at IS NULL AND l.label <> t.label
        RETURNING l.id
    )
    SELECT count(*) FROM revised
""")

ADD = SQL("""
    WITH added AS (
        INSERT INTO {s}.labels (sha256, input_id, label, labels, value, source, labelled_by)
        SELECT t.sha256, t.input_id, t.label, t.labels, t.value, %(source)s, %(by)s
        FROM pg_temp.truths AS t
        WHERE t.{key} IS NOT NULL AND NOT EXISTS (
            SELECT FROM {s}.labels AS l WHERE l.{key} = t.{key} AND l.superseded_at IS NULL
        )
        RETURNING id
    )
    SELECT count(*) FROM added
""")

REMOVE = SQL("""
    WITH removed AS (
        UPDATE {s}.labels AS l SET superseded_at = now(), superseded_by = %(by)s
        FROM (SELECT DISTINCT sha256, input_id FROM pg_temp.found) AS t
        WHERE l.{key} = t.{key} AND l.superseded_at IS NULL
        RETURNING l.id
    )
    SELECT count(*) FROM removed
""")

IMAGES = SQL("SELECT count(*) FROM (SELECT DISTINCT sha256, input_id FROM pg_temp.found) AS images")

TRUTHS = SQL("""
    SELECT p.id, {label}, {right} FROM {s}.predictions AS p {truth}
    WHERE p.id = ANY(%s::bigint[]) AND {labelled}
""")

RIGHTS = SQL("""
    SELECT current_user::text,
           has_any_column_privilege(c.oid, 'INSERT'),
           has_any_column_privilege(c.oid, 'UPDATE'),
           has_database_privilege(current_database(), 'TEMPORARY')
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = 'labels'
""")
LACKS = ("INSERT on the table labels", "UPDATE of the table labels", "TEMPORARY on the database")

KEYS = (SQL("sha256"), SQL("input_id"))


class ModelLabels(NamedTuple):
    """A model that has predicted an image, and the labels that it knows."""

    name: str
    task: str
    labels: list[str] | None


def require_labelling(connection: Connection) -> None:
    """Look whether labels can be stored, before somebody has thought of one.

    Raises:
        DatabaseError: the server is a standby, or this role lacks a right.
    """
    require_primary(connection)
    with translated(), catalog_only(connection):
        row = connection.execute(RIGHTS, (schema_of(connection),)).fetchone()
    role, *rights = row or ("this role", *(True for _ in LACKS))
    lacking = [name for name, has in zip(LACKS, rights, strict=True) if not has]
    if lacking:
        raise NotPermitted(
            f"{role} may store no labels: it has no {' and no '.join(lacking)}", hint=GRANT_HINT
        )


def add_labels(
    connection: Connection, labels: Sequence[NewLabel], *, source: str, labelled_by: str | None
) -> Labelled:
    """Store labels within the transaction there is; what was said of an image before is history then."""
    connection.execute(LOCK, (ADVISORY_LOCK,))
    missing = find_images(connection, labels)
    vocabulary, models = _vocabulary(connection)
    texts = [text for (text,) in connection.execute(TEXTS)]
    truths = [vocabulary.truth(text) for text in texts]
    (contradicted,) = _row(connection, CONTRADICTED)
    connection.execute(UNDERSTOOD, [texts, *_columns(truths)])
    said = {"source": source, "by": None if labelled_by is None else storable(labelled_by)}
    revised = sum(_row(connection, REVISE, said, key)[0] for key in KEYS)
    added = sum(_row(connection, ADD, said, key)[0] for key in KEYS)
    (images,) = _row(connection, IMAGES)
    return Labelled(
        labelled=added - revised,
        unchanged=images - added,
        revised=revised,
        missing=missing,
        remarks=(
            *_remarks(vocabulary, models, texts, truths),
            *(
                [f"{contradicted:,} images are named with several labels; the last counts"]
                * bool(contradicted)
            ),
        ),
    )


def remove_labels(connection: Connection, images: Sequence[NewLabel], *, removed_by: str | None) -> Labelled:
    """End what is said of images, within the transaction there is; it stays as history."""
    connection.execute(LOCK, (ADVISORY_LOCK,))
    missing = find_images(connection, images)
    said = {"by": None if removed_by is None else storable(removed_by)}
    removed = sum(_row(connection, REMOVE, said, key)[0] for key in KEYS)
    (found,) = _row(connection, IMAGES)
    return Labelled(removed=removed, unchanged=found - removed, missing=missing)


def truths_of(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, bool | None]]:
    """The truth of predictions that have one, and whether they are right."""
    parts = {
        "label": SQL(truth.TRUE_LABEL),
        "right": SQL(truth.IS_RIGHT),
        "labelled": SQL(truth.IS_LABELLED),
        "truth": named(connection, truth.JOIN),
    }
    query = named(connection, TRUTHS, **parts)
    return {one: (label, right) for one, label, right in connection.execute(query, (list(ids),))}


def _vocabulary(connection: Connection) -> tuple[Vocabulary, list[ModelLabels]]:
    models = [ModelLabels(*row) for row in connection.execute(named(connection, MODELS))]
    known = (str(label) for one in models for label in one.labels or ())
    return Vocabulary(known, several=any(one.task == "multi-label" for one in models)), models


def _columns(truths: Iterable[Truth]) -> list[list[Any]]:
    rows = [
        (one.label, None if one.labels is None else orjson.dumps(one.labels).decode(), one.value)
        for one in truths
    ]
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], []]


def _remarks(
    vocabulary: Vocabulary, models: Sequence[ModelLabels], texts: Sequence[str], truths: Sequence[Truth]
) -> list[str]:
    """How labels were understood, and which of them no model knows."""
    found = []
    taken = [
        f"{text} for {one.label}"
        for text, one in zip(texts, truths, strict=True)
        if one.labels is None and one.label != text
    ]
    if taken:
        found.append(f"taken: {_some(sorted(taken))}, as the model calls it")
    strange = sorted({label for one in truths for label in vocabulary.unknown(one)})
    names = [one.name for one in models if one.labels]
    if not names and any(Task(one.task).has_classes for one in models if one.task in set(Task)):
        strange = [label for label in strange if not label.isdecimal()]
        if strange:
            found.append(
                f"{_some(strange)}: the classes of {models[0].name} are numbers; --labels names them"
            )
    elif strange and names:
        of = names[0] if len(names) == 1 else "any model that has seen these images"
        are = "is no label" if len(strange) == 1 else "are no labels"
        found.append(f"{_some(strange)} {are} of {of}; taken all the same")
    return found


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def counted(
    connection: Connection, statement: SQL, values: dict[str, Any] | None = None, key: SQL | None = None
) -> int:
    """The number that one of the statements here gives; `key` is by which column images are found."""
    return int(_row(connection, statement, values, key)[0])


def _row(
    connection: Connection, statement: SQL, values: dict[str, Any] | None = None, key: SQL | None = None
) -> tuple[Any, ...]:
    parts = {} if key is None else {"key": key}
    row = connection.execute(named(connection, statement, **parts), values).fetchone()
    assert row is not None
    return row
