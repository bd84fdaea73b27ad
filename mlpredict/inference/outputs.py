"""A model's output numbers → predictions: what they mean, the likely class and its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from mlpredict.domain import Activation, Prediction, Task
from mlpredict.inference.best_classes import LARGEST_FLOAT32, best_as_json, best_of, ranked_best
from mlpredict.inference.class_maps import MapKind, class_maps, class_shares, map_as_png
from mlpredict.inference.output_facts import SUM_TOLERANCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The kinds of numpy's dtypes that can be stored: no complex numbers, no strings.
NUMBERS = "biuf"
NOT_FINITE = "the model answered NaN or infinity"
NO_CLASSES = "what is stored are no classes of the model"

SCORE_THRESHOLD = 0.5
"""The probability from which on a label holds, where nothing else is said."""

UNKNOWN = "unknown"
"""The label of what no class is likely enough for."""

MOST_JSON = 1_000_000
"""More bytes of JSON are not stored of an image: one model filled a gigabyte of memory with 100 images."""

SMALL = 30_000
"""So few numbers are never more than `MOST_JSON`, with 24 characters and brackets for each."""

Outputs = Mapping[str, "NDArray[Any]"]


class OutputReader(NamedTuple):
    """How one model's output is read."""

    task: Task
    activation: Activation
    labels: tuple[str, ...] | None
    score_threshold: float = SCORE_THRESHOLD
    """Of several labels those hold whose probability is at least this; so do the pixels of a mask."""
    unknown_below: float | None = None
    """The label of an image is "unknown" where the score is less than this."""
    unit: str | None = None
    """What the value of a regression is counted in."""
    factor: float = 1.0
    """The value of a regression is its number times this; there is none where float32 has no room for it."""
    keep_map: bool = False
    """Whether the class of each pixel is kept as a PNG."""
    map_kind: MapKind = MapKind.PROBABILITIES
    """What a segmentation has for each pixel; of classes themselves the labels say how many there are."""
    best: int | None = None
    """How many classes of a classification are stored, the likeliest; None stores the output itself."""

    def read(self, outputs: NDArray[Any], others: Outputs | None = None) -> list[Prediction | str]:
        """One prediction for each row of `outputs`, or the reason why there is none.

        `others` are outputs that are kept as they are, by their names.
        """
        others = others or {}
        reasons = self._reasons(outputs, others)
        if not any(reasons):
            return [*_with_others(self._predictions(outputs), others)]
        usable = [place for place, reason in enumerate(reasons) if reason is None]
        some = {name: rows[usable] for name, rows in others.items()}
        predictions = iter(_with_others(self._predictions(outputs[usable]), some))
        return [next(predictions) if reason is None else reason for reason in reasons]

    def of_stored(self, values: object) -> Prediction | str:
        """What follows from one output as it was stored; of a map, from the shares of its classes."""
        if isinstance(values, dict):
            return self._of_best(values)
        row = np.asarray([values])
        outputs = row.astype(np.float32) if row.dtype.kind == "f" else row
        if self.task is Task.SEGMENTATION:
            (found,) = self._classified(rows_as_json(outputs), outputs, outputs.argmax(axis=1))
            return found
        (answer,) = self.read(outputs)
        return answer

    def _of_best(self, values: dict[str, object]) -> Prediction | str:
        """The same of the best classes, of which the first is the likely one."""
        found = best_of(values)
        if found is None or (self.labels and max(found) >= len(self.labels)):
            return NO_CLASSES
        likely = max(found, key=found.__getitem__)
        (score,) = shortest(np.asarray([found[likely]], np.float32))
        return Prediction(orjson.dumps(values).decode(), likely, self._label(likely, score), score)

    def _reasons(self, outputs: NDArray[Any], others: Outputs) -> list[str | None]:
        """Why a row is no prediction, for each row; None where it is one."""
        reasons: list[str | None] = [None] * len(outputs)
        if self.map_kind is MapKind.CLASSES:
            reasons = [_outside(row, len(self.labels or ())) for row in outputs]
        is_whole = self.task is not Task.SEGMENTATION and self.best is None
        stored = [*([outputs] if is_whole else []), *others.values()]
        if len(outputs) and sum(rows[0].size for rows in stored) > SMALL:
            for place in range(len(outputs)):
                size = sum(len(_as_json(rows[place])) for rows in stored)
                reasons[place] = too_large(size) if size > MOST_JSON else reasons[place]
        for rows in (outputs, *others.values()):
            finite = np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
            if not finite.all():
                reasons = [
                    reason if fine else NOT_FINITE for reason, fine in zip(reasons, finite, strict=True)
                ]
        return reasons

    def _predictions(self, outputs: NDArray[Any]) -> list[Prediction]:
        if not len(outputs):
            return []
        if self.task is Task.SEGMENTATION:
            return self._segmented(outputs)
        if self.task is Task.REGRESSION:
            return self._regressed(outputs, rows_as_json(outputs))
        if not self.task.has_classes:
            return [Prediction(text) for text in rows_as_json(outputs)]
        probabilities = class_probabilities(outputs, self.task, self.activation)
        # Of the values: logits that hardly differ may have the same probability.
        likely = (probabilities if self.task is Task.BINARY else outputs.reshape(len(outputs), -1)).argmax(
            axis=1
        )
        texts = (
            rows_as_json(outputs) if self.best is None else best_as_json(outputs, probabilities, self.best)
        )
        found = self._classified(texts, probabilities, likely)
        if self.task is not Task.MULTI_LABEL:
            return found
        several = self._several(probabilities)
        return [one._replace(labels=labels) for one, labels in zip(found, several, strict=True)]

    def _classified(
        self, texts: Sequence[str], probabilities: NDArray[np.float32], likely: NDArray[np.intp]
    ) -> list[Prediction]:
        scores = shortest(probabilities[np.arange(len(likely)), likely])
        return [
            Prediction(text, place, self._label(place, score), score)
            for text, place, score in zip(texts, likely.tolist(), scores, strict=True)
        ]

    def _several(self, probabilities: NDArray[np.float32]) -> list[tuple[str, ...]]:
        """The labels that hold of each row, the likeliest first."""
        holds = probabilities >= np.float32(self.score_threshold)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            tuple(self._name(place) for place in places if held[place])
            for places, held in zip(order.tolist(), holds, strict=True)
        ]

    def _regressed(self, outputs: NDArray[Any], texts: Sequence[str]) -> list[Prediction]:
        if outputs[0].size != 1:
            return [Prediction(text) for text in texts]
        products = outputs.reshape(-1).astype(np.float64) * self.factor
        with np.errstate(over="ignore"):
            values = shortest(products.astype(np.float32))
        return [
            Prediction(text, value=value, unit=self.unit) for text, value in zip(texts, values, strict=True)
        ]

    def _segmented(self, outputs: NDArray[Any]) -> list[Prediction]:
        maps = class_maps(outputs, self.map_kind, self.activation, self.score_threshold)
        classes = {MapKind.MASK: 2, MapKind.PROBABILITIES: outputs.shape[-1]}
        shares = class_shares(maps, classes.get(self.map_kind, len(self.labels or ())))
        found = self._classified(rows_as_json(shares), shares, shares.argmax(axis=1))
        if not self.keep_map:
            return found
        return [one._replace(map=map_as_png(of_one)) for one, of_one in zip(found, maps, strict=True)]

    def _label(self, likely: int, score: float) -> str:
        if self.unknown_below is not None and score < self.unknown_below:
            return UNKNOWN
        return self._name(likely)

    def _name(self, place: int) -> str:
        return self.labels[place] if self.labels else str(place)


def _outside(classes: NDArray[Any], count: int) -> str | None:
    least, most = int(classes.min()), int(classes.max())
    if least >= 0 and most < count:
        return None
    return f"the model answered class {least if least < 0 else most}, and its labels are {count}"


def too_large(size: int) -> str:
    """What is said of an output that would be so many bytes of JSON."""
    return f"its output is {size / 1e6:.1f} MB of JSON for each image, and at most 1 MB is stored"


def _with_others(predictions: list[Prediction], others: Outputs) -> list[Prediction]:
    """The predictions, with other outputs of the same images as a JSON object by their names."""
    if not others:
        return predictions
    names = [orjson.dumps(name).decode() for name in others]
    columns = [rows_as_json(rows) for rows in others.values()]
    objects = (
        "{" + ",".join(f"{name}:{text}" for name, text in zip(names, texts, strict=True)) + "}"
        for texts in zip(*columns, strict=True)
    )
    return [one._replace(outputs=text) for one, text in zip(predictions, objects, strict=True)]


def rows_as_json(outputs: NDArray[Any]) -> list[str]:
    """Every row of an array as JSON text, an array also where the row is a single number."""
    if outputs.ndim != 2 or not outputs.size:
        return [_as_json(np.atleast_1d(row)) for row in outputs]
    return [f"[{row}]" for row in _as_json(outputs)[2:-2].split("],[")]


def _as_json(array: NDArray[Any]) -> str:
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY).decode()


def class_probabilities(outputs: NDArray[Any], task: Task, activation: Activation) -> NDArray[np.float32]:
    """The probability of every class, float32 of shape (n, classes), from n output vectors.

    A binary output p stands for the classes (1 - p, p). The logits of several labels are each their own;
    of a map the shares of the classes are what is stored.
    """
    vectors = np.asarray(outputs, np.float32).reshape(len(outputs), -1)
    if task is Task.BINARY:
        positive = sigmoid(vectors[:, 0]) if activation is Activation.NONE else vectors[:, 0]
        return np.stack([1 - positive, positive], axis=1)
    if activation is not Activation.NONE or task is Task.SEGMENTATION:
        return vectors
    return sigmoid(vectors) if task is Task.MULTI_LABEL else softmax(vectors)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax of float32 vectors of shape (n, classes), safe from overflow."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logistic function of float32 numbers, safe from overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)


def shortest(values: NDArray[np.float32]) -> list[float]:
    """The floats whose decimal digits are the fewest that give float32 values back; None for infinity."""
    numbers: list[float] = orjson.loads(_as_json(values))
    return numbers


def top_classes(
    values: object, task: Task, activation: Activation, labels: tuple[str, ...] | None
) -> list[tuple[str, float]]:
    """Labels and probabilities, the likeliest first, from an output vector as it was stored.

    Where only the best classes are stored, it is these.
    """
    if (best := best_of(values)) is not None:
        return ranked_best(best, labels)
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
    values = _loaded(output)
    if task is Task.CLASSIFICATION and (best := best_of(values)) is not None:
        return ranked_best(best, labels)
    vector = _stored_vector(values)
    if task is None and vector is not None and len(vector) > 1 and abs(sum(vector) - 1) <= SUM_TOLERANCE:
        task, activation = Task.CLASSIFICATION, Activation.SOFTMAX
    if vector is None or task is None or not task.has_classes:
        return None
    return top_classes(vector, task, activation or Activation.SOFTMAX, tuple(labels or ()) or None)


def _loaded(output: str) -> object:
    try:
        return orjson.loads(output)
    except orjson.JSONDecodeError:
        # Deeper, or with larger numbers, than any model's output.
        return None


def _stored_vector(values: object) -> list[float] | None:
    """A flat list of numbers; the 2020 program may have stored a list around it, others anything."""
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if isinstance(values, list) and values and all(type(value) in (int, float) for value in values):
        return values if max(map(abs, values)) <= LARGEST_FLOAT32 else None
    return None
