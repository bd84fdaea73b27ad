"""The probabilities of all classes, from what is stored of a prediction."""

from __future__ import annotations

from typing import Any

from mlpredict.domain import PredictionDetail, PredictionRecord
from mlpredict.inference.outputs import OutputReader, stored_classes

Ranking = list[dict[str, Any]]


def top(reader: OutputReader, record: PredictionRecord) -> Ranking | None:
    """All labels of a prediction that has just been made, the likeliest first; None without classes."""
    return _named(stored_classes(record.prediction, reader.task, reader.activation, reader.labels))


def probabilities(detail: PredictionDetail) -> Ranking | None:
    """The same of a stored prediction, whoever stored it."""
    record = detail.record
    return _named(stored_classes(record.prediction, detail.task, detail.activation, detail.labels))


def _named(ranked: list[tuple[str, float]] | None) -> Ranking | None:
    return None if ranked is None else [{"label": label, "score": score} for label, score in ranked]
