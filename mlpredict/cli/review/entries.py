"""The images of a review: what is known of each, and what has been said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.cli.review.choices import Choices
from mlpredict.domain import Task

if TYPE_CHECKING:
    from PIL import Image


class Said(StrEnum):
    """What has been done with an image."""

    LABEL = "label"
    UNUSABLE = "not usable"
    SKIPPED = "skipped"
    NOTHING = "nothing"
    """A label that was given has been taken back."""


class Decision(NamedTuple):
    """What is to be stored of an image; `text` is the label as `mlpredict label` would take it."""

    said: Said
    text: str = ""


class Kind(StrEnum):
    """How an image is labelled."""

    ONE = "one"
    SEVERAL = "several"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Item:
    """An image with the prediction that it is reviewed for, all but its picture."""

    prediction_id: int
    filename: str
    model: str
    kind: Kind
    choices: Choices
    best: tuple[tuple[str, float], ...]
    """The likeliest labels with their probabilities."""
    predicted: str | None
    labels: tuple[str, ...] | None = None
    """Those that the model says hold, where several may."""
    value: float | None = None
    unit: str | None = None
    truth: str | None = None
    """The label that the image had before."""

    @property
    def likeliest(self) -> list[str]:
        """The likeliest labels."""
        return [label for label, _ in self.best]


@dataclass(slots=True)
class Entry:
    """An image in the order of the review, and its state."""

    item: Item
    decision: Decision | None = None
    is_stored: bool = False
    problem: str | None = None
    """Why what was said of it could not be stored."""
    picture: Image.Image | str | None = None
    """What is drawn, or why there is none; None before it is loaded, and long after it was looked at."""

    @property
    def label(self) -> str | None:
        """The label that it has by now."""
        if self.decision is None or self.decision.said is Said.SKIPPED:
            return self.item.truth
        return self.decision.text if self.decision.said is Said.LABEL else None


def kind_of(task: Task | None, labels: Sequence[str] | None) -> Kind:
    """How the images of a task are labelled."""
    if task is Task.REGRESSION:
        return Kind.NUMBER
    return Kind.SEVERAL if task is Task.MULTI_LABEL or labels is not None else Kind.ONE


def is_right(item: Item, text: str) -> bool | None:
    """Whether the prediction is what somebody says; None of numbers, and where nothing was predicted."""
    if item.kind is Kind.NUMBER:
        return None
    if item.labels is not None:
        return joined(item.labels) == text
    return None if item.predicted is None else item.predicted == text


def joined(labels: Iterable[str]) -> str:
    """Several labels as one text."""
    return ",".join(sorted(labels))


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been done so far."""

    labelled: int = 0
    skipped: int = 0
    unusable: int = 0
    right: int = 0
    judged: int = 0
    off: float = 0.0
    """The sum of how far numbers were from what was said."""
    numbers: int = 0

    @property
    def accuracy(self) -> float | None:
        """The share of the predictions that were right, of those that were labelled here."""
        return self.right / self.judged if self.judged else None


def counts_of(entries: Sequence[Entry]) -> Counts:
    """Count what has been done."""
    labelled = [one for one in entries if one.decision and one.decision.said is Said.LABEL]
    verdicts = [is_right(one.item, one.decision.text) for one in labelled if one.decision]
    differences = [
        abs(one.item.value - float(one.decision.text))
        for one in labelled
        if one.decision and one.item.kind is Kind.NUMBER and one.item.value is not None
    ]
    said = [one.decision.said for one in entries if one.decision]
    return Counts(
        labelled=len(labelled),
        skipped=said.count(Said.SKIPPED),
        unusable=said.count(Said.UNUSABLE),
        right=verdicts.count(True),
        judged=len(verdicts) - verdicts.count(None),
        off=sum(differences),
        numbers=len(differences),
    )
