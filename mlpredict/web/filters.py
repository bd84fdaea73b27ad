"""Which stored predictions a request asks for: the parameters that several calls have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request

from mlpredict.domain import Order, PredictionFilter
from mlpredict.errors import UsageError
from mlpredict.support.units import point_in_time
from mlpredict.web.errors import Unprocessable

LAST_ID = 2**63 - 1
PAGE = 50
LARGEST_PAGE = 1000

TIME = "2026-11-23, 2026-11-23T09:30, today, yesterday, 2h or 7d"
CURSOR = "the id of the last prediction of the page before; `next` has it"

Id = Annotated[int | None, Query(ge=1, le=LAST_ID)]
Score = Annotated[float | None, Query(ge=0, le=1)]
Model = Annotated[str | None, Query(description="a name, name@digits, or a fingerprint")]
Since = Annotated[str | None, Query(description=TIME)]
Until = Annotated[str | None, Query(description=f"and not later: {TIME}")]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="how many at most")]
Before = Annotated[int | None, Query(ge=1, le=LAST_ID, description=CURSOR)]


class ImageOrder(StrEnum):
    """The orders that images come in, each by the first of its predictions."""

    NEWEST = Order.NEWEST.value
    OLDEST = Order.OLDEST.value
    LEAST_SURE = Order.LEAST_SURE.value
    SUREST = Order.SUREST.value


def wanted(
    label: Annotated[list[str] | None, Query(description="the likely class, or one that holds")] = None,
    model: Model = None,
    run: Id = None,
    input_id: Annotated[
        int | None, Query(alias="input", ge=1, le=LAST_ID, description="of this image")
    ] = None,
    min_score: Score = None,
    max_score: Score = None,
    since: Since = None,
    until: Until = None,
    filename: Annotated[str | None, Query(description="with *, ? and […]; its last part without /")] = None,
    true_label: Annotated[list[str] | None, Query(description="what the image really shows")] = None,
    wrong: Annotated[bool, Query(description="only those whose label is not the truth")] = False,
    right: Annotated[bool, Query(description="only those whose label is the truth")] = False,
    labelled: Annotated[bool, Query(description="only those of images with a label")] = False,
    unlabelled: Annotated[bool, Query(description="only those of images without one")] = False,
) -> PredictionFilter:
    """The filter that a request names.

    Raises:
        Unprocessable: a time is none, or two parameters exclude each other.
    """
    if wrong and right:
        raise Unprocessable("wrong and right exclude each other")
    if unlabelled and (labelled or wrong or right or true_label):
        raise Unprocessable("unlabelled excludes what asks for a label")
    return PredictionFilter(
        labels=tuple(label or ()),
        model=model,
        run_id=run,
        min_score=min_score,
        max_score=max_score,
        since=None if since is None else _time(since, "since"),
        until=None if until is None else _time(until, "until"),
        filename=filename,
        true_labels=tuple(true_label or ()),
        labelled=True if labelled else False if unlabelled else None,
        right=True if right else False if wrong else None,
        input_id=input_id,
    )


Wanted = Annotated[PredictionFilter, Depends(wanted)]


def wanted_runs(model: Model = None, since: Since = None, until: Until = None) -> PredictionFilter:
    """Runs of a model, or begun at a time.

    Raises:
        Unprocessable: a time is none.
    """
    return PredictionFilter(
        model=model,
        since=None if since is None else _time(since, "since"),
        until=None if until is None else _time(until, "until"),
    )


WantedRuns = Annotated[PredictionFilter, Depends(wanted_runs)]


def next_page(request: Request, last_id: int | None) -> str | None:
    """The address of the page behind the one that ends with a prediction; None where there is none."""
    if last_id is None:
        return None
    return f"{request.url.path}?{urlencode([*_kept(request), ('before', last_id)])}"


def _kept(request: Request) -> Sequence[tuple[str, str]]:
    return [(name, value) for name, value in request.query_params.multi_items() if name != "before"]


def _time(text: str, name: str) -> datetime:
    try:
        return point_in_time(text, name)
    except UsageError as error:
        raise Unprocessable(f"{error.message}; {error.hint}") from error
