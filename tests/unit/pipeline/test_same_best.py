"""Predictions of which the best classes alone are stored, compared with themselves and with others."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlpredict.domain import Activation, Prediction, Task
from mlpredict.domain.verification import Finding, StoredAnswer, Verdict
from mlpredict.inference.outputs import OutputReader
from mlpredict.pipeline.same_answer import LABEL_ASTRAY, NO_NUMBERS, OTHER_SHAPE, SCORE_ASTRAY, Rule
from mlpredict.pipeline.same_best import Best

READER = OutputReader(Task.CLASSIFICATION, Activation.SOFTMAX, ("cat", "dog", "mouse", "owl", "pig"))
VECTOR = np.array([[0.1, 0.5, 0.25, 0.05, 0.1]], np.float32)
LOGITS = READER._replace(activation=Activation.NONE)
BEST = {"1": 0.5, "2": 0.25}


def answered(outputs: Any = VECTOR, reader: OutputReader = READER) -> Prediction:
    (answer,) = reader.read(outputs)
    assert isinstance(answer, Prediction)
    return answer


def stored(prediction: Prediction, changes: dict[str, Any] | None = None) -> StoredAnswer:
    said = (prediction.values, prediction.likely_class, prediction.label, prediction.score)
    return StoredAnswer(7, 3, "dog.jpg", *said, None, None, None, None, None)._replace(**(changes or {}))


def finding(
    before: StoredAnswer, now: Prediction, *, same: bool = True, reader: OutputReader = READER
) -> Finding | None:
    because = "" if same else "numpy 1, now 2"
    rule = Rule(reader.of_stored, 1e-4, same, because, str, Best.of_run({"store_top": 2}, reader))
    return rule.finding(before, now)


@pytest.mark.parametrize("reader", [READER, LOGITS], ids=["softmax", "logits"])
def test_the_best_classes_are_the_same_as_those_of_all(reader: OutputReader) -> None:
    before = stored(answered(VECTOR * 9, reader._replace(best=2)))
    assert finding(before, answered(VECTOR * 9, reader), reader=reader) is None
    spaced = json.dumps(json.loads(before.prediction), indent=1)
    assert finding(before._replace(prediction=spaced), answered(VECTOR * 9, reader), reader=reader) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prediction": '{"1": 0.5, "2": 0.2500001}'}, "other bits, made with the same"),
        ({"prediction": '{"1": 0.5, "2": 0.26}'}, "by more than 0.0001 (made with the same)"),
        ({"prediction": '{"1": 0.5, "0": 0.1}'}, "by more than 0.0001 (made with the same)"),
        ({"prediction": '{"1": 0.5}'}, OTHER_SHAPE),
        ({"prediction": '{"1": 0.5, "2": 0.25, "0": 0.1}'}, OTHER_SHAPE),
        ({"prediction": '{"1": 0.5, "9": 0.25}'}, NO_NUMBERS),
        ({"prediction": "[0.1, 0.5, 0.25, 0.05, 0.1]"}, NO_NUMBERS),
        ({"label": "owl"}, LABEL_ASTRAY),
        ({"score": 0.75}, SCORE_ASTRAY),
    ],
)
def test_what_somebody_has_changed_is_found(changes: dict[str, Any], reason: str) -> None:
    found = finding(stored(answered(reader=READER._replace(best=2)), changes), answered())
    assert found is not None
    assert (found.verdict, found.reason, found.is_fault) == (Verdict.DIFFERS, reason, True)


def test_an_object_in_a_run_that_stored_whole_outputs_is_none_of_its_outputs() -> None:
    rule = Rule(READER.of_stored, 1e-4, True, "", str)
    found = rule.finding(stored(answered(reader=READER._replace(best=2))), answered())
    assert found is not None
    assert found.reason == NO_NUMBERS


def test_a_class_that_has_become_better_than_the_last_one_is_a_difference() -> None:
    """The others are not stored, and what is known of them is that none was better."""
    now = VECTOR + np.array([[0.16, 0, 0, 0, 0]], np.float32)
    found = finding(stored(answered(reader=READER._replace(best=2))), answered(now), same=False)
    assert found is not None
    assert found.verdict == Verdict.DIFFERS
    assert found.difference == pytest.approx(0.01, abs=1e-6)


def test_two_that_change_places_at_the_end_are_within_the_tolerance() -> None:
    close = np.array([[0.1, 0.5, 0.2, 0.19999, 0]], np.float32)
    swapped = np.array([[0.1, 0.5, 0.19999, 0.2, 0]], np.float32)
    found = finding(stored(answered(close, READER._replace(best=2))), answered(swapped), same=False)
    assert found is not None
    assert (found.verdict, found.is_fault) == (Verdict.WITHIN, False)


@pytest.mark.parametrize("facts", [None, {}, {"store_top": "2"}, {"store_top": 0}, {"store_top": None}])
def test_a_run_that_recorded_nothing_has_stored_whole_outputs(facts: dict[str, Any] | None) -> None:
    assert Best.of_run(facts, READER) is None
