"""The schema of the API and the records it describes."""

from __future__ import annotations

from mlpredict.domain import FIELDS
from mlpredict.web.openapi import FIELD_SCHEMAS


def test_every_field_of_a_record_has_a_schema() -> None:
    assert tuple(FIELD_SCHEMAS) == FIELDS


def test_a_schema_tells_the_type_of_the_field() -> None:
    assert {
        "prediction_id": {"type": "integer"},
        "run_id": {"type": ["integer", "null"]},
        "filename": {"type": ["string", "null"]},
        "prediction": {},
        "score": {"type": ["number", "null"]},
        "created_at": {"type": ["string", "null"], "format": "date-time"},
    }.items() <= FIELD_SCHEMAS.items()
