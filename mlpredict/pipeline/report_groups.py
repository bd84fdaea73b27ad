"""Predictions by day, week, run, model or folder, and how far the labels of each are from others'."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mlpredict.domain.reports import Group, GroupBy
from mlpredict.errors import UsageError
from mlpredict.storage import report_queries as counted
from mlpredict.storage.report_queries import Queries
from mlpredict.support.statistics import jensen_shannon

HOURS_SPAN = timedelta(days=2)
DAYS_SPAN = timedelta(days=120)
"""Up to so long, predictions over time are shown by the hour, by the day, and beyond by the week."""

UNKNOWN = "unknown"
"""The key of predictions of the 2020 program, which knows none."""


def unit_of_time(queries: Queries) -> GroupBy | str:
    """What predictions over time are told apart by, for as long as they took."""
    first, last = queries.row(counted.SPAN)
    span = last - first if first is not None else timedelta(0)
    return "hour" if span <= HOURS_SPAN else GroupBy.DAY if span <= DAYS_SPAN else GroupBy.WEEK


def groups(queries: Queries, by: GroupBy | str, names: Mapping[str, str]) -> list[Group]:
    """The predictions of each key, in the order of keys."""
    offset = datetime.now().astimezone().utcoffset() or timedelta(0)
    of_key: dict[str | None, list[tuple[Any, ...]]] = defaultdict(list)
    for key, *row in queries.groups(by, f"{offset.total_seconds()} seconds"):
        of_key[key].append(tuple(row))
    order = _by_number if by in (GroupBy.RUN, GroupBy.MODEL) else _by_text
    return [
        _group(UNKNOWN if key is None else names.get(key, key) if by is GroupBy.MODEL else key, of_key[key])
        for key in sorted(of_key, key=order)
    ]


def _by_text(key: str | None) -> tuple[int, str]:
    return (0, "") if key is None else (1, key)


def _by_number(key: str | None) -> tuple[int, int]:
    return (0, 0) if key is None else (1, int(key))


def _group(key: str, rows: Sequence[tuple[Any, ...]]) -> Group:
    predictions, labelled, right, judged = (sum(row[place] for row in rows) for place in (1, 2, 3, 4))
    score_sum, scored, error_sum, errors = (sum(row[place] or 0 for row in rows) for place in (5, 6, 7, 8))
    return Group(
        key=key,
        predictions=predictions,
        labelled=labelled,
        right=right,
        judged=judged,
        mean_score=score_sum / scored if scored else None,
        labels={row[0]: row[1] for row in rows if row[0] is not None},
        mae=error_sum / errors if errors else None,
    )


def reference(groups: Sequence[Group], against: str | None) -> str | None:
    """The key of the group that others are compared with: the one that is named, or the first."""
    if not groups:
        return None
    if against is None:
        return groups[0].key
    if against not in {one.key for one in groups}:
        raise UsageError(
            f"--against {against}: there is no such group", hint=f"the last one is {groups[-1].key}"
        )
    return against


def compared(groups: Sequence[Group], against: str | None) -> list[Group]:
    """The groups with their distances to the one they are compared with."""
    key = reference(groups, against)
    labels = next((one.labels for one in groups if one.key == key), {})
    return [replace(one, distance=jensen_shannon(labels, one.labels)) for one in groups]
