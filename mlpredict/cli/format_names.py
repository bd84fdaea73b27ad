"""The names of formats and columns, for options: without what the formats themselves need."""

from __future__ import annotations

from enum import StrEnum

from mlpredict.domain import PredictionRecord

FIELDS = PredictionRecord._fields


class Format(StrEnum):
    """How records are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
