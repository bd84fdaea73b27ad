"""Which predictions are meant: the conditions of every command that selects some, in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, LiteralString

from psycopg import sql
from psycopg.sql import SQL

from mlpredict.domain import LAST_RUN, PredictionFilter
from mlpredict.storage import truth
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.names import catalog_only, named
from mlpredict.storage.values import bigint, glob_to_regex, real, storable

Values = Mapping[str, Any]
"""What conditions compare with, by their names in `CONDITIONS`."""

IN_ORDER = frozenset({"before", "label", "one_of_several", "model", "run"})
"""Conditions with an index that has the rows in the order of their ids."""

OF_TIME = frozenset({"since", "until"})
"""Conditions of which it is worth to know in which partitions they hold."""

OF_TRUTH = frozenset({"true_labels", "labelled", "unlabelled", "right", "wrong"})
"""Conditions that need the truth joined."""

MODEL_IDS = SQL("""
    SELECT m.id FROM {s}.models AS m
    WHERE starts_with(m.fingerprint, lower(%(model)s))
       OR m.name = %(model)s
       OR m.id IN (SELECT r.model_id FROM {s}.runs AS r WHERE r.model_name = %(model)s)
       OR (%(digits)s <> '' AND starts_with(m.fingerprint, lower(%(digits)s)) AND (
           m.name = %(name)s
           OR m.id IN (SELECT r.model_id FROM {s}.runs AS r WHERE r.model_name = %(name)s)
       ))
    ORDER BY m.id
""")
"""By any name that a model has had: it is listed by the first, and its file may have been renamed since."""

NEWEST_RUN = SQL("SELECT max(id) FROM {s}.runs")

SEVERAL_LABELS = SQL("""
    SELECT FROM {s}.models WHERE task = 'multi-label' OR description ->> 'activation' = 'sigmoid' LIMIT 1
""")
"""A model that was recorded before it was known to have several labels has the activation of those that do.
"""

CONDITIONS = {
    "id": SQL("p.id = %(id)s"),
    "ids": SQL("p.id = ANY(%(ids)s::bigint[])"),
    "before": SQL("p.id < %(before)s::bigint"),
    "label": SQL("p.label = %(label)s"),
    "labels": SQL("p.label = ANY(%(labels)s::text[])"),
    "one_of_several": SQL("(p.label = %(one_of_several)s OR p.labels @> ARRAY[%(one_of_several)s]::text[])"),
    "some_of_several": SQL(
        "(p.label = ANY(%(some_of_several)s::text[]) OR p.labels && %(some_of_several)s::text[])"
    ),
    "model": SQL("p.model_id = %(model)s"),
    "models": SQL("p.model_id = ANY(%(models)s::bigint[])"),
    "run": SQL("p.run_id = %(run)s"),
    "min_score": SQL("p.score >= %(min_score)s::real"),
    "max_score": SQL("p.score <= %(max_score)s::real"),
    "since": SQL("p.created_at >= %(since)s"),
    "until": SQL("p.created_at < %(until)s"),
    "from_run": SQL("(p.run_id >= %(from_run)s OR p.run_id IS NULL)"),
    "to_run": SQL("(p.run_id < %(to_run)s OR p.run_id IS NULL)"),
    "filename": SQL("p.filename ~ %(filename)s"),
    "input": SQL("p.inputid = %(input)s"),
    "true_labels": SQL(
        f"({truth.TRUE_LABEL} = ANY(%(true_labels)s::text[])"
        f" OR {truth.TRUE_LABELS} && %(true_labels)s::text[])"
    ),
    "labelled": SQL(truth.IS_LABELLED),
    "unlabelled": SQL(f"NOT {truth.IS_LABELLED}"),
    "right": SQL(f"({truth.IS_RIGHT})"),
    "wrong": SQL(f"NOT ({truth.IS_RIGHT})"),
}
"""One label or model is compared with `=`: an index on it and the id then has the rows in order."""


def where(values: Values, *more: sql.Composable) -> sql.Composable:
    """The conditions that values are for, and more of them, over `predictions AS p` and its truth."""
    conditions: list[sql.Composable] = [*(CONDITIONS[name] for name in values), *more]
    return SQL(" AND ").join(conditions) if conditions else SQL("true")


def all_of(conditions: Mapping[str, LiteralString], values: Values) -> sql.Composable:
    """The conditions that values are for, of those of another table, by the same names."""
    return SQL(" AND ").join([SQL(conditions[name]) for name in values] or [SQL("true")])


def joined(connection: Connection, values: Values) -> sql.Composed:
    """What is joined to `predictions AS p` for the conditions of its truth; nothing where there are none."""
    return named(connection, truth.JOIN) if values.keys() & OF_TRUTH else sql.Composed([])


def values_of(connection: Connection, wanted: PredictionFilter, before: int | None = None) -> Values:
    """What the conditions of a filter compare with, by their names; none for what it leaves open."""
    values = {
        "before": None if before is None else bigint(before),
        "run": _run(connection, wanted.run_id),
        "min_score": None if wanted.min_score is None else real(wanted.min_score),
        "max_score": None if wanted.max_score is None else real(wanted.max_score),
        "since": wanted.since,
        "until": wanted.until,
        "filename": None if wanted.filename is None else glob_to_regex(storable(wanted.filename)),
        "input": None if wanted.input_id is None else bigint(wanted.input_id),
        "ids": None if wanted.ids is None else list(map(bigint, wanted.ids)),
        **_labels(connection, [storable(label) for label in wanted.labels]),
        **({} if wanted.model is None else _models(connection, wanted.model)),
        "true_labels": [storable(label) for label in wanted.true_labels] or None,
        **_of_truth("labelled", "unlabelled", wanted.labelled),
        **_of_truth("right", "wrong", wanted.right),
    }
    return {name: value for name, value in values.items() if value is not None}


def _of_truth(yes: str, no: str, wanted: bool | None) -> Values:
    return {} if wanted is None else {yes if wanted else no: True}


def _labels(connection: Connection, wanted: Sequence[str]) -> Values:
    """One label or more, compared with all that a prediction may have only where there are such models."""
    if not wanted:
        return {}
    with translated(), catalog_only(connection):
        several = connection.execute(named(connection, SEVERAL_LABELS)).fetchone() is not None
    if len(wanted) == 1:
        return {"one_of_several" if several else "label": wanted[0]}
    return {"some_of_several" if several else "labels": list(wanted)}


def model_ids(connection: Connection, wanted: str) -> list[int]:
    """The models that have had a name, `name@digits` or the first digits of a fingerprint."""
    name, _, digits = wanted.rpartition("@")
    values = {"model": storable(wanted), "name": storable(name), "digits": storable(digits)}
    with translated(), catalog_only(connection):
        rows = connection.execute(named(connection, MODEL_IDS), values).fetchall()
    return [model_id for (model_id,) in rows]


def newest_run(connection: Connection) -> int | None:
    """The number of the newest run; None where there was none."""
    with translated(), catalog_only(connection):
        row = connection.execute(named(connection, NEWEST_RUN)).fetchone()
    return None if row is None else row[0]


def _run(connection: Connection, wanted: int | Literal["last"] | None) -> int | None:
    """The number of a run; 0, which no run has, for the last one where there was none."""
    if wanted == LAST_RUN:
        return newest_run(connection) or 0
    return None if wanted is None else bigint(wanted)


def _models(connection: Connection, wanted: str) -> Values:
    ids = model_ids(connection, wanted)
    # A model that nobody knows has no predictions, rather than all of them.
    return {"model": ids[0]} if len(ids) == 1 else {"models": ids}
