"""What stored predictions were worth: counts, shares and errors, as they are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mlpredict.domain.predictions import PredictionRecord


class GroupBy(StrEnum):
    """By what predictions are told apart in a report."""

    DAY = "day"
    WEEK = "week"
    RUN = "run"
    MODEL = "model"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """One label: how often it was predicted and with which scores.

    Where it is the truth or the label of a labelled image, also how well it is recognised.
    """

    label: str
    predicted: int
    mean_score: float | None
    support: int | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Labelled predictions with scores above `low` and not above `high`."""

    low: float
    high: float
    count: int
    mean_score: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Probabilities:
    """What the probabilities of all classes say, over the labelled predictions that have them.

    `log_loss` and `brier` are None where only the best classes of each are stored.
    """

    count: int
    """The ones that all classes are stored of, which `log_loss` and `brier` are of."""
    log_loss: float | None
    brier: float | None
    """Over all classes, as Brier (1950) has it; of two classes half of that, the square of one difference."""
    top_k: Mapping[int, float]
    """How often the truth is among the k likeliest; of `count` and of `best_only` together."""
    best_only: int = 0
    """The others: only the best classes of them are stored, at least as many as the largest k."""


@dataclass(frozen=True, slots=True)
class Regression:
    """How far numbers are from the truth; `r2` is None of less than two."""

    count: int
    mae: float
    rmse: float
    r2: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """The predictions of a day, a week, a run, a model or a folder."""

    key: str
    predictions: int
    labelled: int
    right: int
    judged: int
    """The labelled ones that are right or wrong, which numbers are not."""
    mean_score: float | None
    labels: Mapping[str, int]
    """How often each label was predicted."""
    distance: float | None = None
    """The Jensen-Shannon distance of the labels' shares to those of the reference, from 0 to 1."""
    mae: float | None = None

    @property
    def accuracy(self) -> float | None:
        """How many of the judged are right."""
        return self.right / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be said of predictions; None is what nothing can be said of."""

    predictions: int
    images: int
    labelled: int
    right: int
    judged: int
    """The labelled ones that are right or wrong: those that have labels, and not numbers."""
    sources: Mapping[str, int]
    """How the labelled ones were chosen and labelled."""
    models: Sequence[str]
    by_label: Sequence[LabelCounts]
    confusion: Mapping[str, Mapping[str, int]]
    """How often each truth was taken for each label."""
    calibration: Sequence[CalibrationBin]
    ece: float | None
    mean_score: float | None
    mean_score_right: float | None
    mean_score_wrong: float | None
    scores: Sequence[int]
    """How many predictions have scores in each fifteenth from 0 to 1."""
    over_time: Sequence[Group]
    interval: tuple[float, float] | None = None
    averages: Mapping[str, float] = field(default_factory=dict)
    """Precision, recall and F1: `macro_f1`, `weighted_recall` and so on."""
    probabilities: Probabilities | None = None
    regression: Regression | None = None
    by: GroupBy | None = None
    against: str | None = None
    groups: Sequence[Group] = ()
    worst: Sequence[PredictionRecord] = ()
    """Mistakes, those first that the model was most sure of; only where they are asked for."""
    remarks: Sequence[str] = ()
    """What a reader should know of how this was measured."""

    @property
    def accuracy(self) -> float | None:
        """How many of the judged are right."""
        return self.right / self.judged if self.judged else None
