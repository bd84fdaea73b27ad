"""Statistics of classes, scores and distributions, against scikit-learn's and scipy's."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.support.statistics import (
    Bin,
    class_scores,
    expected_calibration_error,
    jensen_shannon,
    macro,
    mcnemar,
    weighted,
    wilson,
)

CLASSES = ("a", "b", "c", "never")
LABELS = st.sampled_from(CLASSES)
PAIRS = st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40)
DISTRIBUTIONS = st.dictionaries(LABELS, st.integers(0, 50))


@pytest.fixture(scope="module")
def metrics() -> Any:
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")


@given(PAIRS)
def test_precision_recall_f1_and_support_are_those_of_scikit_learn(
    metrics: Any, pairs: list[tuple[str, str]]
) -> None:
    truths, said = zip(*pairs, strict=True)
    scores = class_scores(Counter(pairs))
    labels = [one.label for one in scores]
    assert labels == sorted({*truths, *said})
    expected = metrics.precision_recall_fscore_support(truths, said, labels=labels, zero_division=0)
    for place, name in enumerate(("precision", "recall", "f1", "support")):
        assert [getattr(one, name) for one in scores] == pytest.approx(list(expected[place]), abs=1e-12)
    for averages, average in ((macro(scores), "macro"), (weighted(scores), "weighted")):
        expected = metrics.precision_recall_fscore_support(truths, said, average=average, zero_division=0)
        found = (averages.precision, averages.recall, averages.f1)
        assert found == pytest.approx(tuple(expected[:3]), abs=1e-12)


def test_nothing_has_no_classes() -> None:
    assert class_scores({}) == []
    assert macro([]).f1 == weighted([]).precision == 0.0


@given(DISTRIBUTIONS, DISTRIBUTIONS)
def test_the_distance_of_distributions_is_that_of_scipy(one: dict[str, int], other: dict[str, int]) -> None:
    distance = pytest.importorskip("scipy.spatial.distance", reason="scipy is not installed")
    found = jensen_shannon(one, other)
    if not sum(one.values()) or not sum(other.values()):
        assert found is None
        return
    shares = [[side.get(label, 0) for label in CLASSES] for side in (one, other)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a root of -1e-17, which scipy makes NaN
        expected = float(distance.jensenshannon(*shares, base=2))
    assert found == pytest.approx(0.0 if math.isnan(expected) else expected, abs=1e-7)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_calibration_error_is_its_definition(scored: list[tuple[float, bool]]) -> None:
    bins = []
    expected = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        inside = [
            (score, right) for score, right in scored if min(max(math.ceil(score * 15), 1), 15) == number + 1
        ]
        rights = sum(right for _, right in inside)
        bins.append(Bin(low, high, len(inside), rights, sum(score for score, _ in inside)))
        if inside:
            accuracy = rights / len(inside)
            confidence = sum(score for score, _ in inside) / len(inside)
            expected += len(inside) / len(scored) * abs(accuracy - confidence)
    assert expected_calibration_error(bins) == pytest.approx(expected, abs=1e-12)


def test_of_nothing_there_is_no_calibration_error() -> None:
    assert expected_calibration_error([]) is None
    assert expected_calibration_error([Bin(0, 1, 0, 0, 0.0)]) is None


@given(st.integers(0, 400), st.integers(1, 400))
def test_the_interval_is_that_of_scipy(right: int, more: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    expected = stats.binomtest(right, right + more).proportion_ci(0.95, method="wilson")
    assert wilson(right, right + more) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_p_is_that_of_scipy(one: int, other: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    expected = stats.binomtest(one, one + other).pvalue if one + other else 1.0
    assert mcnemar(one, other) == pytest.approx(expected, rel=1e-7)
