"""What outputs are like, and what they are taken for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpredict.domain import Activation, Task
from mlpredict.inference.output_facts import OutputFacts

LABELS = ("cat", "dog", "owl")
CLASSES = Task.CLASSIFICATION


@pytest.mark.parametrize(
    ("rows", "labels", "expected"),
    [
        pytest.param([[0.2, 0.8], [1, 0]], None, (CLASSES, Activation.SOFTMAX), id="sums to one"),
        pytest.param([[0.2, 0.8004]], None, (CLASSES, Activation.SOFTMAX), id="sums to almost one"),
        pytest.param([[0.2, 0.8], [0.9, 0.9]], None, (Task.RAW, Activation.NONE), id="one row does not"),
        pytest.param([[-0.5, 1.5]], None, (Task.RAW, Activation.NONE), id="sums to one out of range"),
        pytest.param([[0.9, 0.8, 0.1]], LABELS, (CLASSES, Activation.SIGMOID), id="labels and 0..1"),
        pytest.param([[4.0, -2.0, 1.0]], LABELS, (CLASSES, Activation.NONE), id="labels and logits"),
        pytest.param([[4.0, -2.0]], LABELS, (Task.RAW, Activation.NONE), id="labels that do not fit"),
        pytest.param([[0.3], [0.9]], None, (Task.REGRESSION, Activation.NONE), id="a single number"),
        pytest.param([0.3, 0.9], None, (Task.REGRESSION, Activation.NONE), id="a number without an axis"),
        pytest.param([[0.3]], ("no", "yes"), (Task.BINARY, Activation.SIGMOID), id="a number, two labels"),
        pytest.param([[3.0]], ("no", "yes"), (Task.BINARY, Activation.NONE), id="a logit, two labels"),
        pytest.param([[0.3]], LABELS, (Task.REGRESSION, Activation.NONE), id="a number, three labels"),
        pytest.param([[[0.5, 0.5]]], None, (Task.RAW, Activation.NONE), id="higher rank"),
    ],
)
def test_what_nobody_described_is_guessed(
    rows: Any, labels: tuple[str, ...] | None, expected: tuple[Task, Activation]
) -> None:
    outputs: NDArray[np.float32] = np.array(rows, np.float32)
    assert OutputFacts.of(outputs).meaning(labels) == expected


SIGMOIDS = OutputFacts((3,), within_unit=True, sums_to_one=False)
NUMBER = OutputFacts((1,), within_unit=True, sums_to_one=False)
MAP = OutputFacts((4, 4, 3), within_unit=True, sums_to_one=False)
MASK = OutputFacts((4, 4, 1), within_unit=True, sums_to_one=False)


@pytest.mark.parametrize(
    ("facts", "ending", "labels", "expected"),
    [
        pytest.param(SIGMOIDS, "Sigmoid", LABELS, (Task.MULTI_LABEL, Activation.SIGMOID), id="sigmoids"),
        pytest.param(SIGMOIDS, "Sigmoid", None, (Task.RAW, Activation.NONE), id="sigmoids of nobody knows"),
        pytest.param(SIGMOIDS, "BiasAdd", LABELS, (CLASSES, Activation.NONE), id="logits by chance in 0..1"),
        pytest.param(SIGMOIDS, "Softmax", None, (CLASSES, Activation.SOFTMAX), id="a softmax of 8 bits"),
        pytest.param(
            NUMBER, "MatMul", LABELS[:2], (Task.BINARY, Activation.NONE), id="a logit by chance in 0..1"
        ),
        pytest.param(NUMBER, "Sigmoid", None, (Task.REGRESSION, Activation.NONE), id="a sigmoid alone"),
        pytest.param(MAP, "Softmax", None, (Task.SEGMENTATION, Activation.SOFTMAX), id="a map"),
        pytest.param(MAP, "Sigmoid", None, (Task.RAW, Activation.NONE), id="an image that comes out"),
        pytest.param(
            MAP, "Sigmoid", LABELS, (Task.SEGMENTATION, Activation.SIGMOID), id="a map by its labels"
        ),
        pytest.param(MASK, "Sigmoid", LABELS[:2], (Task.SEGMENTATION, Activation.SIGMOID), id="a mask"),
        pytest.param(
            OutputFacts((1, 1, 3), True, True, True), "Softmax", None, (Task.RAW, Activation.NONE), id="1×1"
        ),
    ],
)
def test_the_operation_at_the_end_tells_more(
    facts: OutputFacts, ending: str, labels: tuple[str, ...] | None, expected: tuple[Task, Activation]
) -> None:
    assert facts.meaning(labels, ending) == expected


def test_a_map_whose_pixels_sum_to_one_needs_no_ending() -> None:
    outputs = np.full((2, 4, 4, 4), 0.25, np.float32)
    assert OutputFacts.of(outputs).meaning(None) == (Task.SEGMENTATION, Activation.SOFTMAX)


@pytest.mark.parametrize("shape", [(3,), (1,), (), (40, 50, 2), (700, 700)])
def test_the_size_as_json_is_about_right(shape: tuple[int, ...]) -> None:
    import orjson

    outputs = np.random.default_rng(1).random((1, *shape), np.float32)
    exact = (
        len(orjson.dumps(np.ascontiguousarray(outputs[0]), option=orjson.OPT_SERIALIZE_NUMPY))
        if shape
        else 12
    )
    assert OutputFacts.of(outputs).json_bytes == pytest.approx(exact, rel=0.02, abs=10)
