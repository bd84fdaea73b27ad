"""The schema of the API and the records it describes."""

from __future__ import annotations

from mlpredict.domain import FIELDS
from mlpredict.web.openapi import FIELD_SCHEMAS


def test_every_field_of_a_record_has_a_schema() -> None:
    assert tuple(FIELD_SCHEMAS) == FIELDS
