"""Reports of random tables and of degenerate ones, against scikit-learn over the same rows."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import orjson
import pytest

from mlpredict.domain import (
    EngineName,
    Keep,
    ModelIdentity,
    NewLabel,
    Prediction,
    PredictionFilter,
    Task,
)
from mlpredict.domain.reports import GroupBy, Report
from mlpredict.errors import UsageError
from mlpredict.pipeline.reporting import report
from mlpredict.storage.repository import Repository
from tests.rows import LABELS, model, new

EVERYTHING = PredictionFilter()


@pytest.fixture(scope="module")
def metrics() -> Any:
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")


def identity(task: Task, activation: str, labels: tuple[str, ...] | None = LABELS) -> ModelIdentity:
    name = f"{task}-{activation}"
    return ModelIdentity(name, name.ljust(64, "0"), "keras", "/m", task, labels, {"activation": activation})


def add(repository: Repository, model: ModelIdentity, said: list[Prediction]) -> list[int]:
    run = repository.start_run(model, engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    batch = [
        new(n, image=f"{run.run_id}-{n}".encode(), prediction=one, filename=f"f{n % 3}/{n}.png")
        for n, one in enumerate(said)
    ]
    return [one.prediction_id or 0 for one in repository.add(run, batch, [])]


def label(repository: Repository, ids: list[int], truths: list[str | None]) -> None:
    labels = [
        NewLabel(truth, prediction_id=one)
        for one, truth in zip(ids, truths, strict=True)
        if truth is not None
    ]
    if labels:
        repository.label(labels, source="csv")


def softmax(numbers: list[float]) -> list[float]:
    weights = [math.exp(one - max(numbers)) for one in numbers]
    return [one / sum(weights) for one in weights]


def classified(numbers: list[float], shares: list[float], labels: tuple[str, ...] = LABELS) -> Prediction:
    likely = max(range(len(shares)), key=shares.__getitem__)
    return Prediction(orjson.dumps(numbers).decode(), likely, labels[likely], shares[likely])


@pytest.mark.parametrize("activation", ["softmax", "none"])
@pytest.mark.parametrize("seed", range(3))
def test_a_random_table_of_classes_is_told_as_scikit_learn_tells_it(
    repository: Repository, metrics: Any, activation: str, seed: int
) -> None:
    chance = random.Random(seed)
    logits = [[chance.gauss(0, 2) for _ in LABELS] for _ in range(200)]
    shares = [softmax(one) for one in logits]
    numbers = shares if activation == "softmax" else logits
    said = [classified(n, s) for n, s in zip(numbers, shares, strict=True)]
    # The last class is never a truth in one of the tables.
    truths = [chance.choice(LABELS[: 2 if seed == 2 else 3]) for _ in said]
    ids = add(repository, identity(Task.CLASSIFICATION, activation), said)
    label(repository, ids, [*truths[:150], *[None] * 50])
    found = report(repository, EVERYTHING)
    truths, labels = truths[:150], [str(one.label) for one in said[:150]]
    assert (found.predictions, found.labelled, found.judged) == (200, 150, 150)
    assert found.sources == {"csv": 150}
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truths, labels))
    assert found.averages["macro_f1"] == pytest.approx(
        metrics.f1_score(truths, labels, average="macro", zero_division=0)
    )
    assert found.averages["weighted_precision"] == pytest.approx(
        metrics.precision_score(truths, labels, average="weighted", zero_division=0)
    )
    pairs = Counter(zip(truths, labels, strict=True))
    assert {(t, p): n for t, row in found.confusion.items() for p, n in row.items()} == pairs
    predicted = Counter(str(one.label) for one in said)
    assert {one.label: one.predicted for one in found.by_label if one.predicted} == predicted
    assert found.probabilities is not None
    assert found.probabilities.count == 150
    assert found.probabilities.log_loss == pytest.approx(
        metrics.log_loss(truths, shares[:150], labels=LABELS), rel=1e-6
    )
    right = [[float(one == truth) for one in LABELS] for truth in truths]
    brier = sum(
        (share - is_) ** 2
        for row, of in zip(shares, right, strict=False)
        for share, is_ in zip(row, of, strict=True)
    )
    assert found.probabilities.brier == pytest.approx(brier / 150, rel=1e-6)
    places = [LABELS.index(one) for one in truths]
    for k, share in found.probabilities.top_k.items():
        expected = metrics.top_k_accuracy_score(places, shares[:150], k=k, labels=range(3))
        assert share == pytest.approx(expected)
    assert set(found.probabilities.top_k) == {1, 2}
    scores = [max(one) for one in shares[:150]]
    assert found.ece == pytest.approx(calibration_error(scores, truths, labels), abs=1e-6)
    wrong = [s for s, t, p in zip(scores, truths, labels, strict=True) if t != p]
    assert found.mean_score_wrong == pytest.approx(sum(wrong) / len(wrong), rel=1e-6)


def calibration_error(scores: list[float], truths: list[str], labels: list[str]) -> float:
    error = 0.0
    for number in range(15):
        inside = [
            (score, truth == said)
            for score, truth, said in zip(scores, truths, labels, strict=True)
            if number / 15 < score <= (number + 1) / 15
        ]
        error += abs(sum(right for _, right in inside) - sum(score for score, _ in inside))
    return error / len(scores)


def test_one_number_of_two_classes_is_told_as_scikit_learn_tells_it(
    repository: Repository, metrics: Any
) -> None:
    chance = random.Random(7)
    numbers = [chance.random() for _ in range(100)]
    said = [
        Prediction(f"[{one}]", int(one > 0.5), LABELS[int(one > 0.5)], max(one, 1 - one)) for one in numbers
    ]
    truths = [chance.choice(LABELS[:2]) for _ in said]
    label(repository, add(repository, identity(Task.BINARY, "sigmoid", LABELS[:2]), said), [*truths])
    found = report(repository, EVERYTHING).probabilities
    assert found is not None
    is_dog = [truth == "dog" for truth in truths]
    assert found.log_loss == pytest.approx(metrics.log_loss(is_dog, numbers))
    assert found.brier == pytest.approx(metrics.brier_score_loss(is_dog, numbers))


@pytest.mark.parametrize("truths", [["5", "7.5", "-2", "3"], ["4", "4", "4", "4"], ["1", None, None, None]])
def test_numbers_are_told_as_scikit_learn_tells_them(
    repository: Repository, metrics: Any, truths: list[str | None]
) -> None:
    values = [4.5, 7.0, 1.0, 3.0]
    said = [Prediction(f"[{one}]", value=one, unit="years") for one in values]
    label(repository, add(repository, identity(Task.REGRESSION, "none", None), said), truths)
    found = report(repository, EVERYTHING)
    assert found.regression is not None
    assert (found.accuracy, found.confusion) == (None, {})
    pairs = [(float(t), v) for t, v in zip(truths, values, strict=True) if t is not None]
    right, got = zip(*pairs, strict=True)
    assert found.regression.count == len(pairs)
    assert found.regression.mae == pytest.approx(metrics.mean_absolute_error(right, got))
    assert found.regression.rmse == pytest.approx(metrics.root_mean_squared_error(right, got))
    if len(pairs) > 1:
        assert found.regression.r2 == pytest.approx(metrics.r2_score(right, got))
    else:
        assert found.regression.r2 is None


def test_several_labels_are_told_as_scikit_learn_tells_them(repository: Repository, metrics: Any) -> None:
    chance = random.Random(3)
    sets = [tuple(one for one in LABELS if chance.random() < 0.5) for _ in range(60)]
    truths = [tuple(one for one in LABELS if chance.random() < 0.5) for _ in range(60)]
    said = [Prediction("[0,0,0]", 0, "cat", 0.9, labels=one) for one in sets]
    ids = add(repository, identity(Task.MULTI_LABEL, "sigmoid"), said)
    label(repository, ids, [",".join(one) for one in truths])
    found = report(repository, EVERYTHING)
    matrix = [[[int(one in row) for one in LABELS] for row in rows] for rows in (truths, sets)]
    assert found.accuracy == pytest.approx(metrics.accuracy_score(*map(array, matrix)))
    expected = metrics.precision_recall_fscore_support(*map(array, matrix), zero_division=0)
    assert [one.f1 for one in found.by_label] == pytest.approx(list(expected[2]))
    assert [one.support for one in found.by_label] == list(expected[3])


def array(rows: Any) -> Any:
    import numpy as np

    return np.array(rows)


def test_nothing_and_nothing_labelled_are_told_without_an_accuracy(repository: Repository) -> None:
    nothing = report(repository, EVERYTHING)
    assert (nothing.predictions, nothing.accuracy, nothing.ece, nothing.by_label) == (0, None, None, [])
    add(repository, model(), [classified([0.1, 0.8, 0.1], [0.1, 0.8, 0.1])] * 2)
    found = report(repository, EVERYTHING, by=GroupBy.RUN)
    assert (found.predictions, found.images, found.labelled) == (2, 2, 0)
    assert (found.accuracy, found.interval, found.ece, found.probabilities) == (None, None, None, None)
    assert [(one.label, one.predicted) for one in found.by_label] == [("dog", 2)]
    assert found.mean_score == pytest.approx(0.8)


def test_one_class_that_is_always_right_is_a_perfect_report(repository: Repository) -> None:
    ids = add(repository, model(), [classified([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])] * 3)
    label(repository, ids, ["cat"] * 3)
    found = report(repository, EVERYTHING)
    assert (found.accuracy, found.averages["macro_f1"], found.ece) == (1.0, 1.0, 0.0)
    assert found.probabilities is not None
    assert (found.probabilities.log_loss, found.probabilities.brier) == (0.0, 0.0)
    assert found.interval == pytest.approx((0.4385, 1.0), abs=1e-4)


def grouped(found: Report) -> list[tuple[str, int, int]]:
    return [(one.key, one.predictions, one.right) for one in found.groups]


def test_groups_are_told_apart_and_compared(repository: Repository) -> None:
    cat, dog = (classified(one, one) for one in ([0.9, 0.1, 0.0], [0.2, 0.8, 0.0]))
    ids = add(repository, model(), [cat, dog, cat, dog])
    label(repository, ids, ["cat"] * 4)
    add(repository, model("birds", "77" * 32), [dog])
    assert grouped(report(repository, EVERYTHING, by=GroupBy.RUN)) == [("1", 4, 2), ("2", 1, 0)]
    models = report(repository, EVERYTHING, by=GroupBy.MODEL)
    assert [one.key for one in models.groups] == ["pets@3f2a91c0", "birds@77777777"]
    assert [one.distance for one in models.groups] == [0.0, pytest.approx(0.55792, abs=1e-4)]
    folders = report(repository, EVERYTHING, by=GroupBy.FOLDER, against="f1")
    assert grouped(folders) == [("f0", 3, 1), ("f1", 1, 0), ("f2", 1, 1)]
    assert folders.against == "f1"
    assert [one.distance for one in folders.groups] == [pytest.approx(0.43689, abs=1e-4), 0.0, 1.0]
    for by in (GroupBy.DAY, GroupBy.WEEK):
        assert sum(one.predictions for one in report(repository, EVERYTHING, by=by).groups) == 5
    with pytest.raises(UsageError, match="no such group"):
        report(repository, EVERYTHING, by=GroupBy.RUN, against="9")


def test_the_worst_mistakes_are_those_the_model_was_surest_of(repository: Repository) -> None:
    said = [classified([s, 1 - s, 0.0], [s, 1 - s, 0.0]) for s in (0.6, 0.99, 0.8, 0.7)]
    label(repository, add(repository, model(), said), ["dog", "dog", "cat", "dog"])
    worst = report(repository, EVERYTHING, worst=2).worst
    assert [(one.prediction_id, one.true_label) for one in worst] == [(2, "dog"), (4, "dog")]
    assert report(repository, PredictionFilter(right=True), worst=2).worst == []
