"""The names of formats and columns, for options: without what the formats themselves need."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum

from mlpredict.domain import PredictionRecord

FIELDS = tuple(field.name for field in fields(PredictionRecord))


class Format(StrEnum):
    """How records are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
