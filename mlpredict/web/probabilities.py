"""The probabilities of all classes, from what is stored of a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from mlpredict.domain import Activation, PredictionDetail, PredictionRecord, Task
from mlpredict.inference.outputs import SUM_TOLERANCE, OutputReader, top_classes

WITH_CLASSES = (Task.CLASSIFICATION, Task.BINARY)
LARGEST_FLOAT32 = 3.4e38

Ranking = list[dict[str, Any]]


def top(reader: OutputReader, record: PredictionRecord) -> Ranking | None:
    """All labels of a prediction that has just been made, the likeliest first; None without classes."""
    if reader.task not in WITH_CLASSES:
        return None
    return _ranked(orjson.loads(record.prediction), reader.task, reader.activation, reader.labels)


def probabilities(detail: PredictionDetail) -> Ranking | None:
    """The same of a stored prediction, whoever stored it."""
    vector = _vector(detail.record.prediction)
    task, activation = detail.task, detail.activation
    if task is None and vector is not None and len(vector) > 1 and abs(sum(vector) - 1) <= SUM_TOLERANCE:
        task, activation = Task.CLASSIFICATION, Activation.SOFTMAX
    if vector is None or task not in WITH_CLASSES:
        return None
    return _ranked(vector, task, activation or Activation.SOFTMAX, detail.labels)


def _ranked(vector: list[float], task: Task, activation: Activation, labels: Sequence[str] | None) -> Ranking:
    ranked = top_classes(vector, task, activation, tuple(labels or ()) or None)
    return [{"label": label, "score": score} for label, score in ranked]


def _vector(prediction: str) -> list[float] | None:
    """A flat list of numbers; the 2020 program may have stored a list around it, others anything."""
    try:
        values = orjson.loads(prediction)
    except orjson.JSONDecodeError:
        return None  # deeper, or with larger numbers, than any model's output
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if isinstance(values, list) and values and all(type(value) in (int, float) for value in values):
        return values if max(map(abs, values)) <= LARGEST_FLOAT32 else None
    return None
