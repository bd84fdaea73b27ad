"""A model's output numbers → predictions."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mlpredict.domain import Activation, Prediction, Task
from mlpredict.inference.class_maps import MapKind, class_colour
from mlpredict.inference.outputs import NOT_FINITE, OutputReader, top_classes

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


def test_numbers_without_classes_have_neither_label_nor_score() -> None:
    assert read([36.5], Task.RAW, labels=("x",)) == Prediction("[36.5]", None, None, None)
    assert read([36.5], Task.REGRESSION, labels=("x",)) == Prediction("[36.5]", value=36.5)


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


@pytest.mark.parametrize(
    ("activation", "values", "holding"),
    [
        (Activation.SIGMOID, [0.7, 0.2, 0.9], ("owl", "cat")),
        (Activation.SIGMOID, [0.1, 0.2, 0.3], ()),
        # float32 has no 0.7, and the number next to it is meant by both.
        (Activation.SIGMOID, [0.7, 0.7, 0.69], ("cat", "dog")),
        (Activation.NONE, [3.0, -3.0, 0.0], ("cat",)),
    ],
)
def test_as_many_labels_hold_as_are_likely_enough(
    activation: Activation, values: list[float], holding: tuple[str, ...]
) -> None:
    reader = OutputReader(Task.MULTI_LABEL, activation, LABELS, score_threshold=0.7)
    (answer,) = reader.read(np.array([values], np.float32))
    assert isinstance(answer, Prediction)
    likely = int(np.argmax(values))
    assert (answer.labels, answer.likely_class, answer.label) == (holding, likely, LABELS[likely])
    expected = values[likely] if activation is Activation.SIGMOID else 1 / (1 + np.exp(-values[likely]))
    assert answer.score == pytest.approx(expected, abs=1e-6)
    assert json.loads(answer.values) == pytest.approx(values)


@pytest.mark.parametrize(
    ("values", "label", "likely", "score"),
    [([0.2, 0.6, 0.2], "dog", 1, 0.6), ([0.25, 0.5, 0.25], "unknown", 1, 0.5)],
)
def test_what_no_class_is_likely_enough_for_is_unknown(
    values: list[float], label: str, likely: int, score: float
) -> None:
    reader = OutputReader(CLASSES, Activation.SOFTMAX, LABELS, unknown_below=0.6)
    (answer,) = reader.read(np.array([values], np.float32))
    assert answer == Prediction(json.dumps(values, separators=(",", ":")), likely, label, score)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_the_value_of_a_regression_is_its_number_times_the_factor(shape: tuple[int, ...]) -> None:
    reader = OutputReader(Task.REGRESSION, Activation.NONE, None, unit="years", factor=116)
    first, second = reader.read(np.array([0.25, 0.3156], np.float32).reshape(shape))
    assert first == Prediction("[0.25]", value=29.0, unit="years")
    assert isinstance(second, Prediction)
    assert second.value == pytest.approx(36.6096, abs=1e-5)
    assert (second.values, second.score) == ("[0.3156]", None)


def test_a_regression_of_several_numbers_has_no_single_value() -> None:
    assert read([1.0, 2.0], Task.REGRESSION) == Prediction("[1.0,2.0]")


def test_a_map_of_classes_is_stored_as_their_shares_and_kept_as_a_picture() -> None:
    classes = np.array([[0, 1, 2, 2], [2, 2, 2, 1]])
    reader = OutputReader(Task.SEGMENTATION, Activation.SOFTMAX, LABELS, keep_map=True)
    (answer,) = reader.read(np.eye(3, dtype=np.float32)[classes][None])
    assert isinstance(answer, Prediction)
    assert (answer.values, answer.likely_class, answer.label, answer.score) == (
        "[0.125,0.25,0.625]",
        2,
        "owl",
        0.625,
    )
    assert answer.map is not None
    picture = Image.open(io.BytesIO(answer.map))
    assert (picture.format, picture.mode) == ("PNG", "P")
    np.testing.assert_array_equal(np.asarray(picture), classes)
    assert picture.convert("RGB").getpixel((1, 0)) == class_colour(1) == (128, 0, 0)
    assert top_classes([0.125, 0.25, 0.625], Task.SEGMENTATION, Activation.NONE, LABELS)[0] == ("owl", 0.625)


@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 2, 2, 1)])
@pytest.mark.parametrize(
    ("activation", "values"), [(Activation.SIGMOID, [0.9, 0.1, 0.3, 0.2]), (Activation.NONE, [3, -2, -1, -4])]
)
def test_a_mask_has_two_classes(shape: tuple[int, ...], activation: Activation, values: list[float]) -> None:
    reader = OutputReader(Task.SEGMENTATION, activation, ("ground", "road"), map_kind=MapKind.MASK)
    (answer,) = reader.read(np.array(values, np.float32).reshape(shape))
    assert answer == Prediction("[0.75,0.25]", 0, "ground", 0.75)


def test_other_outputs_are_kept_by_their_names() -> None:
    reader = OutputReader(CLASSES, Activation.SOFTMAX, LABELS)
    others = {"age": np.array([[36.5], [np.nan]], np.float32), 'a "map"': np.zeros((2, 1, 2), np.float32)}
    first, second = reader.read(np.array([[0.25, 0.5, 0.25]] * 2, np.float32), others)
    assert isinstance(first, Prediction)
    assert (first.values, first.label) == ("[0.25,0.5,0.25]", "dog")
    assert json.loads(first.outputs or "") == {"age": [36.5], 'a "map"': [[0.0, 0.0]]}
    assert second == NOT_FINITE


def test_what_is_too_much_to_store_is_refused_and_its_neighbours_are_not() -> None:
    outputs = np.zeros((2, 120_000), np.float32)
    outputs[1] += np.float32(0.123456)
    first, second = OutputReader(Task.RAW, Activation.NONE, None).read(outputs)
    assert isinstance(first, Prediction)
    assert second == "its output is 1.1 MB of JSON for each image, and at most 1 MB is stored"


@pytest.mark.parametrize("shape", [(2, 2, 2), (2, 2, 2, 1)])
def test_a_map_may_have_the_classes_themselves(shape: tuple[int, ...]) -> None:
    reader = OutputReader(Task.SEGMENTATION, Activation.NONE, LABELS, map_kind=MapKind.CLASSES)
    first, second = reader.read(np.array([2, 2, 0, 2, 1, 3, 0, 0]).reshape(shape))
    assert first == Prediction("[0.25,0.0,0.75]", 2, "owl", 0.75)
    assert second == "the model answered class 3, and its labels are 3"


def test_the_pixels_of_a_map_may_stand_in_a_row() -> None:
    reader = OutputReader(Task.SEGMENTATION, Activation.SOFTMAX, LABELS)
    (answer,) = reader.read(np.eye(3, dtype=np.float32)[[2, 2, 0, 2]][None])
    assert answer == Prediction("[0.25,0.0,0.75]", 2, "owl", 0.75)
