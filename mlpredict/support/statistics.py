"""What counts say of a model, and how sure that is.

By `math` alone: scipy takes four seconds to be imported, and scikit-learn five.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Z_95 = 1.959963984540054
"""The standard normal distribution has 95 % of its mass within so many deviations."""


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927); from 0 to 1 where nothing was counted.

    Example:
        >>> [round(bound, 3) for bound in wilson(9, 10)]
        [0.596, 0.982]
    """
    if of == 0:
        return 0.0, 1.0
    share, spread = right / of, Z_95 * Z_95 / of
    centre = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """How likely so unequal a share of the images that one of two alone has right is by chance.

    The exact two-sided p of McNemar's test (1947): the binomial one for a half.

    Example:
        >>> mcnemar(0, 5)
        0.0625
    """
    changed = only_first + only_second
    if changed == 0:
        return 1.0
    fewer = min(only_first, only_second)
    # By logarithms: a binomial coefficient of a thousand has three hundred digits.
    tail = sum(math.exp(_log_binomial(changed, k) - changed * math.log(2)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How well one class is recognised.

    `support` counts the images that are of it, `predicted` those that are said to be, `right` those that are
    both. A share of nothing is 0, as scikit-learn has it.
    """

    label: str
    support: int
    predicted: int
    right: int

    @property
    def precision(self) -> float:
        """How many of those that are said to be of the class are."""
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """How many of those that are of the class are said to be."""
        return self.right / self.support if self.support else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.support + self.predicted
        return 2 * self.right / both if both else 0.0


def class_scores(confusion: Mapping[tuple[str, str], int]) -> list[ClassScore]:
    """The scores of every class that is a truth or was predicted, from how often each was taken for what.

    Example:
        >>> [round(one.f1, 2) for one in class_scores({("cat", "cat"): 3, ("cat", "dog"): 1})]
        [0.86, 0.0]
    """
    support: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    for (truth, said), count in confusion.items():
        support[truth] += count
        predicted[said] += count
    return [
        ClassScore(label, support[label], predicted[label], confusion.get((label, label), 0))
        for label in sorted(support.keys() | predicted.keys())
    ]


@dataclass(frozen=True, slots=True)
class Averages:
    """Precision, recall and F1 over classes."""

    precision: float
    recall: float
    f1: float


def macro(scores: Sequence[ClassScore]) -> Averages:
    """The mean over classes, each of the same weight."""
    return _averages(scores, [1] * len(scores))


def weighted(scores: Sequence[ClassScore]) -> Averages:
    """The mean over classes, each of the weight of its images."""
    return _averages(scores, [one.support for one in scores])


def _averages(scores: Sequence[ClassScore], weights: Sequence[int]) -> Averages:
    total = sum(weights)
    if not total:
        return Averages(0.0, 0.0, 0.0)

    def mean(values: Iterable[float]) -> float:
        return math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total

    return Averages(
        mean(one.precision for one in scores),
        mean(one.recall for one in scores),
        mean(one.f1 for one in scores),
    )


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions whose scores are above `low` and not above `high`."""

    low: float
    high: float
    count: int
    right: int
    score_sum: float

    @property
    def accuracy(self) -> float | None:
        """How many are right; None where there are none."""
        return self.right / self.count if self.count else None

    @property
    def mean_score(self) -> float | None:
        """How sure the model was of them; None where there are none."""
        return self.score_sum / self.count if self.count else None


def expected_calibration_error(bins: Iterable[Bin]) -> float | None:
    """By how much scores and accuracy differ (Guo et al., 2017); None where nothing was counted.

    Example:
        >>> expected_calibration_error([Bin(0.9, 1.0, count=4, right=3, score_sum=3.8)])
        0.2
    """
    there = [one for one in bins if one.count]
    total = sum(one.count for one in there)
    return math.fsum(abs(one.right - one.score_sum) for one in there) / total if total else None


def jensen_shannon(first: Mapping[str, int], second: Mapping[str, int]) -> float | None:
    """How far two distributions of counts are apart, from 0 to 1; None where one of them counts nothing.

    The distance of Endres and Schindelin (2003): the root of the divergence, by logarithms of base 2.

    Example:
        >>> jensen_shannon({"cat": 5}, {"dog": 7})
        1.0
    """
    total, other_total = sum(first.values()), sum(second.values())
    if not total or not other_total:
        return None
    divergence = 0.0
    for label in first.keys() | second.keys():
        share, other = first.get(label, 0) / total, second.get(label, 0) / other_total
        middle = (share + other) / 2
        divergence += sum(one * math.log2(one / middle) for one in (share, other) if one) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))
