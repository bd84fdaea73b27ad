"""A model's output numbers → predictions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlpredict.domain import Activation, Prediction, Task
from mlpredict.inference.outputs import NOT_FINITE, OutputFacts, OutputReader, top_classes

LABELS = ("cat", "dog", "owl")
float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)


def read(
    values: object,
    task: Task,
    activation: Activation = Activation.SOFTMAX,
    labels: tuple[str, ...] | None = None,
) -> Prediction:
    """The prediction for one row of output."""
    (answer,) = OutputReader(task, activation, labels).read(np.asarray([values], np.float32))
    assert isinstance(answer, Prediction)
    return answer


def test_a_classification_has_a_likely_class_its_label_and_its_probability() -> None:
    answer = read([0.1, 0.7, 0.2], Task.CLASSIFICATION, labels=LABELS)
    assert answer == Prediction("[0.1,0.7,0.2]", 1, "dog", 0.7)


def test_without_labels_the_label_is_the_class_itself() -> None:
    assert read([0.1, 0.2, 0.7], Task.CLASSIFICATION).label == "2"


def test_of_equal_classes_the_first_is_likely() -> None:
    assert read([0.4, 0.2, 0.4], Task.CLASSIFICATION).likely_class == 0


def test_logits_are_stored_as_they_are_and_scored_by_their_softmax() -> None:
    answer = read([-2.5, 1000.0, 1000.0 + np.log(3.0)], Task.CLASSIFICATION, Activation.NONE, LABELS)
    assert json.loads(answer.values)[:2] == [-2.5, 1000.0]
    assert answer.label == "owl"
    assert answer.score == pytest.approx(0.75, abs=1e-4)


@pytest.mark.parametrize(("output", "likely", "score"), [(0.25, 0, 0.75), (0.75, 1, 0.75), (1.0, 1, 1.0)])
def test_a_binary_output_is_the_probability_of_the_second_class(
    output: float, likely: int, score: float
) -> None:
    answer = read([output], Task.BINARY, Activation.SIGMOID, ("no", "yes"))
    assert answer == Prediction(f"[{output}]", likely, ("no", "yes")[likely], score)


@pytest.mark.parametrize(
    ("logit", "likely", "score"), [(0.0, 0, 0.5), (2.0, 1, 0.880797), (-2.0, 0, 0.880797), (1e30, 1, 1.0)]
)
def test_a_binary_logit_goes_through_the_logistic_function(logit: float, likely: int, score: float) -> None:
    answer = read([logit], Task.BINARY, Activation.NONE)
    assert answer.likely_class == likely
    assert answer.score == pytest.approx(score, abs=1e-6)
    assert json.loads(answer.values) == [np.float32(logit)]


@pytest.mark.parametrize("task", [Task.REGRESSION, Task.RAW])
def test_numbers_without_classes_have_neither_label_nor_score(task: Task) -> None:
    assert read([36.5], task, labels=("x",)) == Prediction("[36.5]", None, None, None)


def test_a_regression_without_an_axis_of_its_own_is_an_array_all_the_same() -> None:
    assert read(36.5, Task.REGRESSION).values == "[36.5]"


def test_raw_outputs_of_higher_rank_keep_their_shape() -> None:
    values = np.arange(12.0).reshape(2, 3, 2)
    assert json.loads(read(values, Task.RAW).values) == values.tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("task", list(Task))
def test_a_row_with_nan_or_infinity_is_refused_and_its_neighbours_are_not(task: Task, value: float) -> None:
    outputs = np.array([[0.5, 0.5], [0.5, value], [1.0, 0.0]], np.float32)
    first, second, third = OutputReader(task, Activation.SOFTMAX, None).read(outputs)
    assert isinstance(first, Prediction)
    assert second == NOT_FINITE
    assert isinstance(third, Prediction)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float16", "float64"])
def test_outputs_of_other_dtypes_are_numbers_too(dtype: str) -> None:
    outputs = np.array([[3, 1]], dtype)
    (answer,) = OutputReader(Task.RAW, Activation.NONE, None).read(outputs)
    assert isinstance(answer, Prediction)
    assert json.loads(answer.values) == [3, 1]


@given(st.lists(float32s, min_size=1, max_size=20))
def test_stored_numbers_give_every_bit_of_a_float32_back(values: list[float]) -> None:
    vector = np.array(values, np.float32)
    stored = json.loads(read(vector, Task.RAW).values)
    assert np.array(stored, np.float32).tobytes() == vector.tobytes()


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20))
def test_a_score_gives_its_float32_back(values: list[float]) -> None:
    vector = np.array(values, np.float32)
    answer = read(vector, Task.CLASSIFICATION)
    assert answer.score is not None
    assert np.float32(answer.score) == vector.max()
    assert len(repr(answer.score)) <= len("1.2345678901e-45")


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=2, max_size=20))
def test_the_softmax_of_any_logits_is_a_distribution(values: list[float]) -> None:
    ranked = top_classes(values, Task.CLASSIFICATION, Activation.NONE, None)
    assert sum(score for _, score in ranked) == pytest.approx(1, abs=1e-5)
    # Logits that hardly differ may have the same probability.
    assert dict(ranked)[str(np.argmax(np.array(values, np.float32)))] == ranked[0][1]


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


def test_top_classes_come_likeliest_first() -> None:
    ranked = top_classes([0.2, 0.5, 0.3], CLASSES, Activation.SOFTMAX, LABELS)
    assert ranked == [("dog", 0.5), ("owl", 0.3), ("cat", 0.2)]


def test_equal_classes_keep_their_order() -> None:
    ranked = top_classes([0.25] * 4, CLASSES, Activation.SOFTMAX, None)
    assert [label for label, _ in ranked] == ["0", "1", "2", "3"]


def test_labels_that_do_not_fit_are_not_used() -> None:
    ranked = top_classes([0.4, 0.6], CLASSES, Activation.SOFTMAX, LABELS)
    assert ranked == [("1", 0.6), ("0", 0.4)]


def test_a_binary_output_has_two_top_classes() -> None:
    ranked = top_classes([0.25], Task.BINARY, Activation.SIGMOID, ("no", "yes"))
    assert ranked == [("no", 0.75), ("yes", 0.25)]
