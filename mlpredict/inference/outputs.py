"""A model's output numbers → predictions: what they mean, the likely class and its score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from mlpredict.domain import Activation, Prediction, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Softmax in float32 over a thousand classes is well within this of one.
SUM_TOLERANCE = 1e-3
NOT_FINITE = "the model answered NaN or infinity"


class OutputReader(NamedTuple):
    """How one model's output is read."""

    task: Task
    activation: Activation
    labels: tuple[str, ...] | None

    def read(self, outputs: NDArray[Any]) -> list[Prediction | str]:
        """One prediction for each row of `outputs`, or the reason why there is none."""
        finite = np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)
        return [
            self._prediction(row) if usable else NOT_FINITE
            for row, usable in zip(outputs, finite, strict=True)
        ]

    def _prediction(self, row: NDArray[Any]) -> Prediction:
        values = orjson.dumps(np.atleast_1d(row), option=orjson.OPT_SERIALIZE_NUMPY).decode()
        if self.task not in (Task.CLASSIFICATION, Task.BINARY):
            return Prediction(values)
        probabilities = class_probabilities(row, self.task, self.activation)
        # Of the values: logits that hardly differ may have the same probability.
        likely = int((probabilities if self.task is Task.BINARY else row).argmax())
        return Prediction(values, likely, self._label(likely), shortest(probabilities[likely]))

    def _label(self, likely: int) -> str:
        return self.labels[likely] if self.labels else str(likely)


def class_probabilities(values: NDArray[Any], task: Task, activation: Activation) -> NDArray[np.float32]:
    """The probability of every class, float32 of shape (classes,), from one output vector.

    A binary output p stands for the classes (1 - p, p).
    """
    vector = np.asarray(values, np.float32).reshape(-1)
    if task is Task.BINARY:
        positive = sigmoid(vector[0]) if activation is Activation.NONE else vector[0]
        return np.array([1 - positive, positive], np.float32)
    return softmax(vector) if activation is Activation.NONE else vector


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax of a float32 vector, safe from overflow."""
    exponentials = np.exp(logits - logits.max())
    return np.asarray(exponentials / exponentials.sum(), np.float32)


def sigmoid(logit: np.float32) -> np.float32:
    """The logistic function of a float32, safe from overflow."""
    return np.float32(0.5 * (1 + np.tanh(0.5 * logit)))


def shortest(value: np.float32) -> float:
    """The float whose decimal digits are the fewest that give `value` back as float32."""
    return float(str(value))


def guess_task(outputs: NDArray[Any], labels: tuple[str, ...] | None) -> tuple[Task, Activation]:
    """What outputs mean that nobody has described, from a few rows of them.

    A vector that sums to one is a classification, a single number a regression, anything else raw;
    labels that fit make it a classification, or a binary one where there are two for one number.
    """
    if outputs.ndim > 2:
        return Task.RAW, Activation.NONE
    rows = outputs.reshape(len(outputs), -1)
    within_unit = bool(((rows >= 0) & (rows <= 1)).all())
    classes = rows.shape[1]
    if classes == 1:
        if labels is not None and len(labels) == 2:
            return Task.BINARY, Activation.SIGMOID if within_unit else Activation.NONE
        return Task.REGRESSION, Activation.NONE
    if within_unit and bool((np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE).all()):
        return Task.CLASSIFICATION, Activation.SOFTMAX
    if labels is not None and len(labels) == classes:
        return Task.CLASSIFICATION, Activation.SIGMOID if within_unit else Activation.NONE
    return Task.RAW, Activation.NONE


def top_classes(
    values: object, task: Task, activation: Activation, labels: tuple[str, ...] | None
) -> list[tuple[str, float]]:
    """Labels and probabilities, the likeliest first, from an output vector as it was stored."""
    probabilities = class_probabilities(np.asarray(values, np.float32), task, activation)
    names = (
        labels if labels and len(labels) == len(probabilities) else list(map(str, range(len(probabilities))))
    )
    order = np.argsort(-probabilities, kind="stable")
    return [(names[index], shortest(probabilities[index])) for index in order]
