"""The fields of a prediction, and the columns of the database that they are read from and stored in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, LiteralString, NamedTuple

from mlpredict.domain import FIELDS
from mlpredict.storage.truth import IS_RIGHT, TRUE_LABEL
from mlpredict.storage.values import storable


class Column(NamedTuple):
    """Where a field is kept.

    `read` is SQL that makes JSON of it, over `predictions AS p`, its model `m` and its truth; integers and
    reals are JSON as they are, other types go through `to_json`. `name` is the column that the value
    of a new prediction goes into, through `stored` where that is given. It is empty where the value
    does not come from the record.
    """

    read: LiteralString
    name: str = ""
    stored: Callable[[Any], Any] | None = None


FILENAME = """
    CASE WHEN length(p.filename_bytes) > 0
         THEN (chr(10) || json_build_array(p.filename, encode(p.filename_bytes, 'hex')))::json
         ELSE to_json(p.filename) END
"""
"""A name that is not UTF-8 becomes an array of its text and its bytes in hexadecimal.

The line end in front of it, which no other field but the prediction can have, is quickly found in many rows.
"""

COLUMNS: Mapping[str, Column] = {
    "prediction_id": Column("p.id", "id"),
    "input_id": Column("p.inputid", "inputid"),
    "run_id": Column("p.run_id", "run_id"),
    "filename": Column(FILENAME),
    "contenttype": Column("to_json(p.contenttype)", "contenttype"),
    "prediction": Column("coalesce(p.predictions, 'null')", "predictions"),
    "likely_class": Column("p.likely_class", "likely_class"),
    "label": Column("to_json(p.label)", "label", storable),
    "score": Column("p.score", "score"),
    "model": Column("m.label"),
    "created_at": Column("to_json(p.created_at)"),
    "labels": Column("to_json(p.labels)", "labels", lambda labels: [*map(storable, labels)]),
    "value": Column("p.value", "value"),
    "unit": Column("to_json(p.unit)", "unit", storable),
    "outputs": Column("p.outputs", "outputs"),
    "true_label": Column(f"to_json({TRUE_LABEL})"),
    "right": Column(f"to_json({IS_RIGHT})"),
}
"""By the names of `PredictionRecord`, which has their types."""

READ = tuple(COLUMNS[field].read for field in FIELDS)
"""What is selected of a prediction, in the order of its fields."""

STORED_FIELDS = {field: column for field, column in COLUMNS.items() if column.name}
"""Those whose value is stored as the record of a new prediction has it."""
