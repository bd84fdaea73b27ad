"""Looking at images one by one, to say what they show: in which order, and what that makes of the labels."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from mlpredict.domain.labels import LabelSource
from mlpredict.domain.predictions import PredictionFilter

UNUSABLE: Final = "not usable"
"""What stands in the place of a label where an image shows nothing that has one."""


class ReviewOrder(StrEnum):
    """Which images come first."""

    LEAST_CONFIDENT = "least-confident"
    """Those without a label, the least score first."""
    MOST_WRONG = "most-wrong"
    """Those whose label is not the prediction, the greatest score first."""
    RANDOM = "random"
    """Those without a label, as chance has it."""


class ReviewPosition(NamedTuple):
    """Up to where images have been read: a score and an id, or an id alone where there is no score."""

    prediction_id: int | None = None
    score: float | None = None
    is_scored: bool = True


class ReviewImage(NamedTuple):
    """An image to be reviewed, with the prediction that it is chosen for.

    `key` tells images apart: the SHA-256 of the file, else the input's number in digits.
    """

    prediction_id: int
    key: bytes


class ReviewPage(NamedTuple):
    """Images in their order, and where to go on; None behind the last."""

    images: list[ReviewImage]
    position: ReviewPosition | None


def to_review(wanted: PredictionFilter, order: ReviewOrder) -> PredictionFilter:
    """The filter with what an order asks of the truth, where the filter asks nothing of it."""
    if wanted.labelled is not None or wanted.right is not None or wanted.true_labels:
        return wanted
    if order is ReviewOrder.MOST_WRONG:
        return wanted._replace(right=False)
    return wanted._replace(labelled=False)


def source_of_review(wanted: PredictionFilter, order: ReviewOrder) -> LabelSource:
    """How images are chosen that are reviewed in an order.

    Chance chooses fairly only among images that nothing else has chosen by what a model or a person says.
    """
    if order is ReviewOrder.MOST_WRONG or wanted.right is False:
        return LabelSource.REVIEW_WRONG
    chosen_by_what_is_said = (
        wanted.labels
        or wanted.true_labels
        or wanted.min_score is not None
        or wanted.max_score is not None
        or wanted.right is not None
        or wanted.labelled
    )
    if order is ReviewOrder.RANDOM and not chosen_by_what_is_said:
        return LabelSource.REVIEW_RANDOM
    return LabelSource.REVIEW
