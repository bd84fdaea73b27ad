"""A model's output numbers → predictions: what they mean, the likely class and its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from mlpredict.domain import Activation, Prediction, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Softmax in float32 over a thousand classes is well within this of one.
SUM_TOLERANCE = 1e-3
# The kinds of numpy's dtypes that can be stored: no complex numbers, no strings.
NUMBERS = "biuf"
LARGEST_FLOAT32 = 3.4e38
NOT_FINITE = "the model answered NaN or infinity"


@dataclass(frozen=True, slots=True)
class OutputReader:
    """How one model's output is read."""

    task: Task
    activation: Activation
    labels: tuple[str, ...] | None

    def read(self, outputs: NDArray[Any]) -> list[Prediction | str]:
        """One prediction for each row of `outputs`, or the reason why there is none."""
        finite = np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)
        predictions = iter(self._predictions(outputs if finite.all() else outputs[finite]))
        return [next(predictions) if usable else NOT_FINITE for usable in finite.tolist()]

    def _predictions(self, outputs: NDArray[Any]) -> list[Prediction]:
        if not len(outputs):
            return []
        texts = rows_as_json(outputs)
        if self.task not in (Task.CLASSIFICATION, Task.BINARY):
            return [Prediction(text) for text in texts]
        probabilities = class_probabilities(outputs, self.task, self.activation)
        # Of the values: logits that hardly differ may have the same probability.
        likely = (probabilities if self.task is Task.BINARY else outputs).argmax(axis=1)
        scores = shortest(probabilities[np.arange(len(likely)), likely])
        return [
            Prediction(text, place, self._label(place), score)
            for text, place, score in zip(texts, likely.tolist(), scores, strict=True)
        ]

    def _label(self, likely: int) -> str:
        return self.labels[likely] if self.labels else str(likely)


def rows_as_json(outputs: NDArray[Any]) -> list[str]:
    """Every row of an array as JSON text, an array also where the row is a single number."""
    if outputs.ndim != 2 or not outputs.size:
        return [_as_json(np.atleast_1d(row)) for row in outputs]
    return [f"[{row}]" for row in _as_json(outputs)[2:-2].split("],[")]


def _as_json(array: NDArray[Any]) -> str:
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY).decode()


def class_probabilities(outputs: NDArray[Any], task: Task, activation: Activation) -> NDArray[np.float32]:
    """The probability of every class, float32 of shape (n, classes), from n output vectors.

    A binary output p stands for the classes (1 - p, p).
    """
    vectors = np.asarray(outputs, np.float32).reshape(len(outputs), -1)
    if task is Task.BINARY:
        positive = sigmoid(vectors[:, 0]) if activation is Activation.NONE else vectors[:, 0]
        return np.stack([1 - positive, positive], axis=1)
    return softmax(vectors) if activation is Activation.NONE else vectors


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax of float32 vectors of shape (n, classes), safe from overflow."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logistic function of float32 numbers, safe from overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)


def shortest(values: NDArray[np.float32]) -> list[float]:
    """The floats whose decimal digits are the fewest that give float32 values back."""
    numbers: list[float] = orjson.loads(_as_json(values))
    return numbers


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """What a few rows of an output have in common, by which its meaning is guessed.

    `shape` is that of one row; `within_unit` says that all numbers are within 0..1, `sums_to_one` that
    those of each row sum to one.
    """

    shape: tuple[int, ...]
    within_unit: bool
    sums_to_one: bool

    @classmethod
    def of(cls, outputs: NDArray[Any]) -> OutputFacts:
        """The facts of outputs of shape (n, …)."""
        rows = outputs.reshape(len(outputs), -1)
        within_unit = bool(((rows >= 0) & (rows <= 1)).all())
        sums_to_one = bool((np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE).all())
        return cls(outputs.shape[1:], within_unit, within_unit and sums_to_one)

    @property
    def classes(self) -> int | None:
        """How many labels would fit: two for a single number; None where a row is no vector."""
        if len(self.shape) > 1:
            return None
        numbers = self.shape[0] if self.shape else 1
        return 2 if numbers == 1 else numbers

    def meaning(self, labels: tuple[str, ...] | None, ending: str = "") -> tuple[Task, Activation]:
        """What outputs mean that nobody has described; `ending` is the operation that makes them.

        A vector that comes from a softmax, or sums to one, is a classification, a single number a
        regression, anything else raw; labels that fit make it a classification, or a binary one where
        there are two for one number. A quantised softmax need not sum to one.
        """
        if len(self.shape) > 1:
            return Task.RAW, Activation.NONE
        fit = labels is not None and len(labels) == self.classes
        if not self.shape or self.shape[0] == 1:
            if fit:
                return Task.BINARY, Activation.SIGMOID if self.within_unit else Activation.NONE
            return Task.REGRESSION, Activation.NONE
        if ending == "Softmax" or self.sums_to_one:
            return Task.CLASSIFICATION, Activation.SOFTMAX
        if fit:
            return Task.CLASSIFICATION, Activation.SIGMOID if self.within_unit else Activation.NONE
        return Task.RAW, Activation.NONE


def top_classes(
    values: object, task: Task, activation: Activation, labels: tuple[str, ...] | None
) -> list[tuple[str, float]]:
    """Labels and probabilities, the likeliest first, from an output vector as it was stored."""
    (probabilities,) = class_probabilities(np.asarray([values], np.float32), task, activation)
    names = (
        labels if labels and len(labels) == len(probabilities) else list(map(str, range(len(probabilities))))
    )
    order = np.argsort(-probabilities, kind="stable")
    return [(names[index], score) for index, score in zip(order, shortest(probabilities[order]), strict=True)]


def stored_classes(
    output: str, task: Task | None, activation: Activation | None, labels: Sequence[str] | None
) -> list[tuple[str, float]] | None:
    """The same of an output as any program may have stored it; None where it has no classes.

    Without a task, as the 2020 program left it, a vector that sums to one is a classification.
    """
    vector = _stored_vector(output)
    if task is None and vector is not None and len(vector) > 1 and abs(sum(vector) - 1) <= SUM_TOLERANCE:
        task, activation = Task.CLASSIFICATION, Activation.SOFTMAX
    if vector is None or task not in (Task.CLASSIFICATION, Task.BINARY):
        return None
    return top_classes(vector, task, activation or Activation.SOFTMAX, tuple(labels or ()) or None)


def _stored_vector(output: str) -> list[float] | None:
    """A flat list of numbers; the 2020 program may have stored a list around it, others anything."""
    try:
        values = orjson.loads(output)
    except orjson.JSONDecodeError:
        # Deeper, or with larger numbers, than any model's output.
        return None
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if isinstance(values, list) and values and all(type(value) in (int, float) for value in values):
        return values if max(map(abs, values)) <= LARGEST_FLOAT32 else None
    return None
