"""Predictions of every task compared with themselves, and with what somebody has made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from mlpredict.domain import Activation, Prediction, Task
from mlpredict.domain.verification import Finding, StoredAnswer, Verdict
from mlpredict.inference.class_maps import MapKind
from mlpredict.inference.outputs import OutputReader
from mlpredict.pipeline.same_answer import LABEL_ASTRAY, NO_NUMBERS, OTHER_SHAPE, SCORE_ASTRAY, Rule

ANIMALS = ("cat", "dog", "mouse")
VECTOR = np.array([[0.1, 0.7, 0.2]], np.float32)
MAP = np.random.default_rng(0).random((1, 4, 5, 3), dtype=np.float32)
READERS: dict[str, tuple[OutputReader, Any]] = {
    "classification": (OutputReader(Task.CLASSIFICATION, Activation.SOFTMAX, ANIMALS), VECTOR),
    "logits": (OutputReader(Task.CLASSIFICATION, Activation.NONE, ANIMALS), VECTOR * 9),
    "unknown": (OutputReader(Task.CLASSIFICATION, Activation.SOFTMAX, ANIMALS, unknown_below=0.9), VECTOR),
    "binary": (OutputReader(Task.BINARY, Activation.SIGMOID, ANIMALS[:2]), VECTOR[:, :1]),
    "several labels": (OutputReader(Task.MULTI_LABEL, Activation.SIGMOID, ANIMALS, 0.15), VECTOR),
    "a number": (
        OutputReader(Task.REGRESSION, Activation.NONE, None, unit="years", factor=100),
        VECTOR[:, 0],
    ),
    "numbers": (OutputReader(Task.RAW, Activation.NONE, None), VECTOR[:, None]),
    "a map": (
        OutputReader(
            Task.SEGMENTATION, Activation.SOFTMAX, ANIMALS, keep_map=True, map_kind=MapKind.PROBABILITIES
        ),
        MAP,
    ),
}


def rule(reader: OutputReader, *, same: bool = True) -> Rule:
    return Rule(reader.of_stored, 1e-4, same, "" if same else "numpy 1, now 2", str)


def answered(reader: OutputReader, outputs: Any, others: Any = None) -> Prediction:
    (answer,) = reader.read(outputs, others)
    assert isinstance(answer, Prediction)
    return answer


def stored(now: Prediction, **changes: Any) -> StoredAnswer:
    labels = None if now.labels is None else list(now.labels)
    fields = (now.values, now.likely_class, now.label, now.score, labels, now.value, now.unit, now.outputs)
    return StoredAnswer(7, 3, "cat.jpg", *fields, now.map)._replace(**changes)


def found(reader: OutputReader, before: StoredAnswer, now: Prediction, *, same: bool = True) -> Finding:
    finding = rule(reader, same=same).finding(before, now)
    assert finding is not None
    return finding


def nudged(outputs: Any, by: int = 1) -> Any:
    """The same numbers, the lowest bits of the first another."""
    changed = outputs.copy()
    changed.reshape(-1).view(np.uint32)[0] ^= by
    return changed


@pytest.mark.parametrize("kind", READERS)
def test_an_answer_is_the_same_as_itself(kind: str) -> None:
    reader, outputs = READERS[kind]
    now = answered(reader, outputs)
    assert rule(reader).finding(stored(now), now) is None
    spaced = orjson.dumps(orjson.loads(now.values), option=orjson.OPT_INDENT_2).decode()
    assert rule(reader).finding(stored(now, prediction=spaced), now) is None


@pytest.mark.parametrize("kind", sorted(READERS.keys() - {"a map"}))
def test_another_last_bit_is_a_fault_only_where_nothing_explains_it(kind: str) -> None:
    reader, outputs = READERS[kind]
    now, before = answered(reader, outputs), stored(answered(reader, nudged(outputs)))
    made_here, made_elsewhere = found(reader, before, now), found(reader, before, now, same=False)
    assert (made_here.verdict, made_here.is_fault) == (Verdict.DIFFERS, True)
    assert (made_elsewhere.verdict, made_elsewhere.is_fault) == (Verdict.WITHIN, False)
    assert made_elsewhere.reason == "numpy 1, now 2"
    assert 0 < (made_elsewhere.difference or 0) < 1e-4


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("classification", {"label": "cat"}, LABEL_ASTRAY),
        ("classification", {"label": None}, LABEL_ASTRAY),
        ("classification", {"score": 0.8}, SCORE_ASTRAY),
        ("classification", {"score": None}, SCORE_ASTRAY),
        ("unknown", {"label": "dog"}, LABEL_ASTRAY),
        ("several labels", {"labels": ["dog"]}, LABEL_ASTRAY),
        ("a number", {"value": 11.0}, SCORE_ASTRAY),
        ("a number", {"unit": "months"}, SCORE_ASTRAY),
        ("a map", {"label": "bird"}, LABEL_ASTRAY),
        ("numbers", {"prediction": "[1]"}, OTHER_SHAPE),
        ("numbers", {"prediction": '["a"]'}, NO_NUMBERS),
        ("numbers", {"prediction": "[[1],[1,2]]"}, NO_NUMBERS),
    ],
)
def test_what_does_not_follow_is_a_fault_wherever_it_was_made(
    kind: str, changes: dict[str, Any], reason: str, same: bool
) -> None:
    reader, outputs = READERS[kind]
    now = answered(reader, outputs)
    finding = found(reader, stored(now, **changes), now, same=same)
    assert (finding.verdict, finding.reason, finding.is_fault) == (Verdict.DIFFERS, reason, True)


def test_another_class_of_a_pixel_is_found() -> None:
    reader, outputs = READERS["a map"]
    now = answered(reader, outputs)
    other = answered(reader, outputs[:, ::-1])
    assert found(reader, stored(now, map=other.map), now, same=False).is_fault
    assert found(reader, stored(now, map=None), now, same=False).is_fault
    assert found(reader, stored(now, map=b"no picture"), now, same=False).reason == NO_NUMBERS


def test_other_outputs_are_compared_as_well() -> None:
    reader, outputs = READERS["classification"]
    now = answered(reader, outputs, {"embedding": np.ones((1, 4), np.float32)})
    assert rule(reader).finding(stored(now), now) is None
    finding = found(reader, stored(now, outputs='{"embedding":[1,1,1,3]}'), now, same=False)
    assert finding.verdict is Verdict.DIFFERS
    assert finding.difference == pytest.approx(2 / 3)
    assert found(reader, stored(now, outputs=None), now).reason == OTHER_SHAPE


def test_another_label_is_a_fault_however_small_the_difference() -> None:
    reader, _ = READERS["classification"]
    close = np.array([[0.4, 0.4, 0.2]], np.float32)
    now = answered(reader, close)
    swapped = answered(
        reader, np.array([[0.4, np.nextafter(np.float32(0.4), np.float32(1)), 0.2]], np.float32)
    )
    finding = found(reader, stored(swapped), now, same=False)
    assert (finding.label, finding.label_now, finding.is_fault) == ("dog", "cat", True)
    assert (finding.difference or 1) < 1e-6
