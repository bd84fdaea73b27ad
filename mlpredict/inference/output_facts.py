"""What a model's outputs are like, as a few rows of noise show them, and what they mean therefore."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from mlpredict.domain import Activation, Task
from mlpredict.inference.class_maps import MapKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUM_TOLERANCE = 1e-3
"""Softmax in float32 over a thousand classes is well within this of one."""

LINEAR = frozenset({"MatMul", "BatchMatMul", "BatchMatMulV2", "Einsum", "BiasAdd", "Add", "AddV2", "Conv2D"})
"""Operations that dense and convolutional layers without an activation end in."""

SAMPLED = 1 << 18
"""So many numbers tell well enough how long all of them are as JSON."""

Meaning = tuple[Task, Activation]


class OutputFacts(NamedTuple):
    """What a few rows of an output have in common, by which its meaning is guessed.

    `shape` is that of one row; `within_unit` says that all numbers are within 0..1, `sums_to_one` that
    those of each row sum to one, `pixels_sum_to_one` that those along the last of several axes do.
    `json_bytes` is about the size of a row as JSON, and `integers` says that its numbers are such.
    """

    shape: tuple[int, ...]
    within_unit: bool
    sums_to_one: bool
    pixels_sum_to_one: bool = False
    json_bytes: int = 0
    integers: bool = False

    @classmethod
    def of(cls, outputs: NDArray[Any]) -> OutputFacts:
        """The facts of outputs of shape (n, …)."""
        rows = outputs.reshape(len(outputs), -1)
        within_unit = bool(((rows >= 0) & (rows <= 1)).all())
        return cls(
            outputs.shape[1:],
            within_unit,
            within_unit and _sum_to_one(rows),
            within_unit and outputs.ndim > 2 and _sum_to_one(outputs),
            _json_bytes(outputs[0]),
            outputs.dtype.kind in "iu",
        )

    @property
    def is_number(self) -> bool:
        """Whether a row is a single number."""
        return self.shape in ((), (1,))

    @property
    def is_map(self) -> bool:
        """Whether a row has a vector for each of several pixels: (height, width, channels)."""
        return len(self.shape) == 3 and self.shape[0] * self.shape[1] > 1

    @property
    def numbers(self) -> int:
        """How many numbers a row has."""
        return math.prod(self.shape)

    def map_kind(self, ending: str = "") -> MapKind:
        """What it has for each pixel, where it is taken for a map of classes.

        A matrix is a map of one number a pixel, unless the numbers of each of its rows sum to one.
        """
        several = self.shape[-1] > 1 if len(self.shape) == 3 else self._rows_are_pixels(ending)
        if several:
            return MapKind.PROBABILITIES
        return MapKind.CLASSES if self.integers else MapKind.MASK

    def _rows_are_pixels(self, ending: str) -> bool:
        return len(self.shape) == 2 and (ending == "Softmax" or self.pixels_sum_to_one)

    def classes(self, task: Task | None = None, ending: str = "") -> int | None:
        """How many labels fit; None where there are no classes, or nothing tells how many.

        Two for a single number, or a single number for each pixel, unless each has its own label.
        """
        if task is Task.SEGMENTATION and len(self.shape) in (2, 3):
            kind = self.map_kind(ending)
            fixed = {MapKind.MASK: 2, MapKind.PROBABILITIES: self.shape[-1]}
            return fixed.get(kind)
        match len(self.shape):
            case 0 | 1 if task is Task.MULTI_LABEL:
                return self.numbers
            case 0 | 1:
                return 2 if self.is_number else self.numbers
            case 3 if not self.integers:
                return 2 if self.shape[-1] == 1 else self.shape[-1]
        return None

    def is_class_map(self, ending: str) -> bool:
        """Whether a row plainly has the probabilities of classes for each pixel."""
        return self.is_map and self.shape[-1] > 1 and (ending == "Softmax" or self.pixels_sum_to_one)

    def told(self, ending: str = "") -> Meaning:
        """What the first versions of this program took outputs for, of which nothing was said.

        A vector that comes from a softmax, or sums to one, is a classification, a single number a
        regression, anything else raw. A quantised softmax need not sum to one.
        """
        if len(self.shape) > 1:
            return Task.RAW, Activation.NONE
        if self.is_number:
            return Task.REGRESSION, Activation.NONE
        if ending == "Softmax" or self.sums_to_one:
            return Task.CLASSIFICATION, Activation.SOFTMAX
        return Task.RAW, Activation.NONE

    def meaning(self, labels: Sequence[str] | None, ending: str = "") -> Meaning:
        """What outputs mean that nobody has described; `ending` is the operation that makes them.

        It is what is `told` of them, but for classes of each pixel, and with labels that fit:

        - one number is binary where there are two;
        - several numbers of a sigmoid are several labels, each of which may hold;
        - other numbers are one class of several;
        - the numbers of each pixel are its classes.
        """
        fits = labels is not None and len(labels) == self.classes()
        if self.is_class_map(ending) or (self.is_map and fits):
            return Task.SEGMENTATION, self.activation(ending)
        if not fits or len(self.shape) > 1:
            return self.told(ending)
        if self.is_number:
            return Task.BINARY, self.activation(ending)
        if ending == "Sigmoid" and not self.sums_to_one:
            return Task.MULTI_LABEL, Activation.SIGMOID
        return Task.CLASSIFICATION, self.activation(ending)

    def activation(self, ending: str = "") -> Activation:
        """What numbers have gone through that stand for classes; none where they are logits."""
        if ending == "Softmax" or self.sums_to_one or self.is_class_map(ending):
            return Activation.SOFTMAX
        if ending == "Sigmoid":
            return Activation.SIGMOID
        # Noise may happen to give logits within 0..1.
        return Activation.SIGMOID if self.within_unit and ending not in LINEAR else Activation.NONE

    def fits(self, task: Task) -> bool:
        """Whether a row can be what a task has."""
        match task:
            case Task.BINARY | Task.REGRESSION:
                return self.is_number
            case Task.CLASSIFICATION:
                return len(self.shape) == 1 and not self.is_number
            case Task.MULTI_LABEL:
                return len(self.shape) < 2
            case Task.SEGMENTATION:
                return len(self.shape) in (2, 3)
            case Task.RAW:
                return True


def _sum_to_one(vectors: NDArray[Any]) -> bool:
    return bool((np.abs(vectors.sum(axis=-1) - 1) <= SUM_TOLERANCE).all())


def _json_bytes(row: NDArray[Any]) -> int:
    """About how many bytes a row takes as JSON, from the first of its numbers."""
    numbers = np.ascontiguousarray(row).reshape(-1)
    sample = numbers[:SAMPLED]
    if not sample.size:
        return 0
    brackets = 2 * numbers.size // row.shape[-1] if row.ndim > 1 else 2
    text = len(orjson.dumps(sample, option=orjson.OPT_SERIALIZE_NUMPY))
    return round(text * numbers.size / sample.size) + brackets
