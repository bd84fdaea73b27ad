"""Reports of runs that have stored the best classes alone, against the same ones with all classes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
import pytest

from mlpredict.domain import (
    Activation,
    EngineName,
    Keep,
    ModelIdentity,
    NewLabel,
    Prediction,
    PredictionFilter,
    Task,
)
from mlpredict.domain.environments import Environment
from mlpredict.domain.reports import Report
from mlpredict.inference.outputs import OutputReader
from mlpredict.pipeline.reporting import report
from mlpredict.storage.repository import Repository
from tests.rows import new

CLASSES = 12
STORED = 5
IMAGES = 120
NAMED = tuple(f"class {number}" for number in range(CLASSES))


def logits(seed: int) -> Any:
    return np.random.default_rng(seed).normal(0, 2, (IMAGES, CLASSES)).astype(np.float32)


def told(
    repository: Repository,
    reader: OutputReader,
    outputs: Any,
    truths: Sequence[str],
    *,
    best: int | None,
    start: int = 0,
) -> None:
    """Store predictions of outputs, as a run of `--store-top` or without, and their truths."""
    name = f"many-{reader.activation}"
    model = ModelIdentity(
        name,
        name.ljust(64, "0"),
        "keras",
        "/m",
        reader.task,
        reader.labels,
        {"activation": reader.activation},
    )
    made = Environment({} if best is None else {"store_top": best})
    run = repository.start_run(model, engine=EngineName.LITERT, keep=Keep.ORIGINAL, environment=made)
    said = [one for one in reader._replace(best=best).read(outputs) if isinstance(one, Prediction)]
    batch = [new(start + place, prediction=one) for place, one in enumerate(said)]
    stored = repository.add(run, batch, [])
    labels = [
        NewLabel(truth, prediction_id=one.prediction_id) for one, truth in zip(stored, truths, strict=True)
    ]
    repository.label(labels, source="csv")


def of_run(repository: Repository, number: int) -> Report:
    return report(repository, PredictionFilter(run_id=number))


@pytest.mark.parametrize("labels", [NAMED, None], ids=["named", "nameless"])
@pytest.mark.parametrize("activation", [Activation.SOFTMAX, Activation.NONE])
def test_what_the_best_classes_tell_is_what_all_tell(
    repository: Repository, activation: Activation, labels: tuple[str, ...] | None
) -> None:
    reader = OutputReader(Task.CLASSIFICATION, activation, labels)
    outputs = logits(3)
    if activation is Activation.SOFTMAX:
        weights = np.exp(outputs)
        outputs = weights / weights.sum(axis=1, keepdims=True)
    chance = random.Random(1)
    truths = [chance.choice(labels or [str(one) for one in range(CLASSES)]) for _ in outputs]
    told(repository, reader, outputs, truths, best=None)
    told(repository, reader, outputs, truths, best=STORED)
    whole, best = of_run(repository, 1), of_run(repository, 2)
    assert whole.probabilities is not None
    assert best.probabilities is not None
    assert set(whole.probabilities.top_k) == {1, 2, 3, 5, 10}
    assert dict(best.probabilities.top_k) == {k: whole.probabilities.top_k[k] for k in (1, 2, 3, 5)}
    assert (best.probabilities.log_loss, best.probabilities.brier) == (None, None)
    assert (best.probabilities.count, best.probabilities.best_only) == (0, IMAGES)
    assert (best.accuracy, best.ece, best.confusion) == (whole.accuracy, whole.ece, whole.confusion)
    assert best.mean_score == whole.mean_score
    [remark] = best.remarks
    assert "log loss and Brier score take all, and are left out" in remark
    assert not whole.remarks


def test_of_both_kinds_the_whole_ones_have_a_log_loss(repository: Repository) -> None:
    reader = OutputReader(Task.CLASSIFICATION, Activation.NONE, NAMED)
    outputs, chance = logits(5), random.Random(2)
    truths = [chance.choice(NAMED) for _ in outputs]
    told(repository, reader, outputs[:50], truths[:50], best=None)
    told(repository, reader, outputs[50:], truths[50:], best=STORED, start=50)
    told(repository, reader, outputs[50:], truths[50:], best=None, start=50)
    alone = of_run(repository, 1).probabilities
    both = report(repository, PredictionFilter(ids=tuple(range(1, IMAGES + 1))))
    every = report(repository, PredictionFilter(ids=(*range(1, 51), *range(IMAGES + 1, IMAGES + 71))))
    assert alone is not None
    assert both.probabilities is not None
    assert every.probabilities is not None
    assert both.probabilities.log_loss == pytest.approx(alone.log_loss)
    assert both.probabilities.brier == pytest.approx(alone.brier)
    assert (both.probabilities.count, both.probabilities.best_only) == (50, 70)
    assert dict(both.probabilities.top_k) == {k: every.probabilities.top_k[k] for k in (1, 2, 3, 5)}
    assert any("are of the other 50" in remark for remark in both.remarks)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"1": 1e999}',
        '{"1": 1e-999}',
        '{"1": "x"}',
        "{}",
        '{"1": [1]}',
        "null",
        '"{"',
        '{"1": null}',
    ],
)
def test_what_another_has_put_there_is_not_counted(
    repository: Repository, connection: psycopg.Connection[tuple[object, ...]], text: str
) -> None:
    reader = OutputReader(Task.CLASSIFICATION, Activation.NONE, NAMED)
    told(repository, reader, logits(5)[:2], NAMED[:2], best=STORED)
    connection.execute("UPDATE predictions SET predictions = %s WHERE id = 1", (text,))
    found = report(repository, PredictionFilter()).probabilities
    assert found is not None
    assert found.best_only == 1
