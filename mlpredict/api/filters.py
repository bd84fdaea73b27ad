"""Which predictions are meant, in the words of Python."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypedDict

from mlpredict.domain import PredictionFilter
from mlpredict.support.units import point_in_time


class Filters(TypedDict, total=False):
    """Which predictions are meant; what is left out, or None, is no restriction.

    `since` and `until` are times, or ages such as "7d". `labelled` and `right` restrict predictions to those
    that are, or, where they are False, that are not.
    """

    label: str | Iterable[str]
    model: str | None
    run: int | Literal["last"] | None
    min_score: float | None
    max_score: float | None
    since: str | datetime | None
    until: str | datetime | None
    filename: str | None
    true_label: str | Iterable[str]
    labelled: bool | None
    right: bool | None


def filter_of(filters: Filters) -> PredictionFilter:
    """The filter that these words mean.

    Raises:
        UsageError: one of the times is none.

    Example:
        >>> filter_of({"label": "cat"}).labels
        ('cat',)
    """
    return PredictionFilter(
        labels=_texts(filters.get("label", ())),
        model=filters.get("model"),
        run_id=filters.get("run"),
        min_score=filters.get("min_score"),
        max_score=filters.get("max_score"),
        since=_time(filters.get("since"), "since"),
        until=_time(filters.get("until"), "until"),
        filename=filters.get("filename"),
        true_labels=_texts(filters.get("true_label", ())),
        labelled=filters.get("labelled"),
        right=filters.get("right"),
    )


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _time(given: str | datetime | None, name: str) -> datetime | None:
    return point_in_time(given, name) if isinstance(given, str) else given
