"""The best classes of an output: as they are stored, and as they are read again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.domain import Activation, Prediction, Task
from mlpredict.inference.best_classes import best_of, is_best
from mlpredict.inference.outputs import NO_CLASSES, OutputReader, stored_classes

LABELS = tuple(f"n{place}" for place in range(20))
SOFTMAX = OutputReader(Task.CLASSIFICATION, Activation.SOFTMAX, LABELS)
LOGITS = SOFTMAX._replace(activation=Activation.NONE)


def rows(seed: int = 0, count: int = 5) -> Any:
    return np.random.default_rng(seed).dirichlet(np.full(20, 0.2), count).astype(np.float32)


@pytest.mark.parametrize("reader", [SOFTMAX, LOGITS], ids=["softmax", "logits"])
@pytest.mark.parametrize("best", [1, 3, 19])
def test_the_best_classes_are_the_first_of_all_and_everything_else_is_the_same(
    reader: OutputReader, best: int
) -> None:
    outputs = (
        rows() if reader is SOFTMAX else np.random.default_rng(1).normal(0, 2, (5, 20)).astype(np.float32)
    )
    for whole, cut in zip(reader.read(outputs), reader._replace(best=best).read(outputs), strict=True):
        assert isinstance(whole, Prediction)
        assert isinstance(cut, Prediction)
        assert cut._replace(values="") == whole._replace(values="")
        ranked = stored_classes(whole.values, reader.task, reader.activation, LABELS)
        assert stored_classes(cut.values, reader.task, reader.activation, LABELS) == (ranked or [])[:best]
        assert next(iter(json.loads(cut.values))) == str(whole.likely_class)
        assert is_best(cut.values)
        assert not is_best(whole.values)
        assert reader.of_stored(json.loads(cut.values)) == cut


@given(st.lists(st.floats(0, 1, width=32), min_size=20, max_size=20), st.integers(1, 19))
def test_probabilities_come_back_to_the_bit(numbers: list[float], best: int) -> None:
    (cut,) = SOFTMAX._replace(best=best).read(np.asarray([numbers], np.float32))
    assert isinstance(cut, Prediction)
    found = best_of(json.loads(cut.values))
    assert found is not None
    assert len(found) == best
    assert all(np.float32(share) == np.float32(numbers[place]) for place, share in found.items())
    assert np.asarray([*found.values()], np.float32).tolist() == sorted(numbers, reverse=True)[:best]


def test_of_equal_classes_the_first_are_stored() -> None:
    (cut,) = SOFTMAX._replace(best=3).read(np.full((1, 20), 0.05, np.float32))
    assert isinstance(cut, Prediction)
    assert cut.values == '{"0":0.05,"1":0.05,"2":0.05}'


def test_whole_numbers_that_have_no_sign_are_ordered_as_any() -> None:
    outputs = np.zeros((1, 20), np.uint8)
    outputs[0, [4, 9]] = 255, 254
    (cut,) = SOFTMAX._replace(best=2).read(outputs)
    assert isinstance(cut, Prediction)
    assert (list(json.loads(cut.values)), cut.likely_class) == (["4", "9"], 4)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": 1},
        {"01": 0.5},
        {"-1": 0.5},
        {"1": "0.5"},
        {"1": True},
        {"1": [0.5]},
        {"٣": 0.5},
        {"1": 1e39},
        7,
    ],
)
def test_another_object_is_taken_for_no_classes(values: object) -> None:
    assert best_of(values) is None
    if isinstance(values, dict):
        assert SOFTMAX.of_stored(values) == NO_CLASSES
        assert stored_classes(json.dumps(values), Task.CLASSIFICATION, Activation.SOFTMAX, LABELS) is None


def test_a_class_that_the_model_does_not_have_is_no_prediction_of_it() -> None:
    assert SOFTMAX.of_stored({"20": 0.9}) == NO_CLASSES
    assert stored_classes('{"20": 0.9}', Task.CLASSIFICATION, None, LABELS) == [("20", 0.9)]


@pytest.mark.parametrize("task", [None, Task.RAW, Task.REGRESSION])
def test_an_object_that_no_classifying_model_has_stored_has_no_classes(task: Task | None) -> None:
    assert stored_classes('{"3": 0.9}', task, None, None) is None
