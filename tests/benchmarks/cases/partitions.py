"""Lists among many predictions, in one table and in partitions by run, and the way from one to the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from statistics import median
from unittest.mock import patch

from mlpredict.domain import PredictionFilter
from mlpredict.storage import moving, partitions
from mlpredict.storage.connection import open_connection
from mlpredict.storage.partitioning import partition
from mlpredict.storage.repository import Repository, open_repository
from tests.benchmarks.database import FIRST, RUN_ROWS, run
from tests.benchmarks.report import Row
from tests.benchmarks.workshop import Workshop

CASE = "partitions"
PARTS = 20
ROW_BYTES = 310
"""What a row of a filled database is taken for when runs are parted."""

LIMIT = 20


def partitioned(workshop: Workshop) -> Iterator[Row]:
    """The first 20 of lists of 1,000,000 predictions, in 20 partitions by run and in one table."""
    count = workshop.size(1_000_000, 100_000)
    one_table = workshop.databases.filled(count)
    parted = workshop.databases.copied(count, "parted")
    yield _moving(workshop, parted, count)
    run(parted, "VACUUM ANALYZE")
    with open_repository(one_table) as plain, open_repository(parted) as other:
        for name, wanted in _lists(count).items():
            seconds: dict[Repository, list[float]] = {plain: [], other: []}
            for _ in range(workshop.short_rounds):
                for repository, taken in seconds.items():
                    taken.append(_listed(repository, wanted))
            before, after = (median(taken) for taken in seconds.values())
            yield Row(CASE, f"list {name}: in one table", before)
            yield Row(CASE, "  in partitions ÷ in one table", after, value=after / before)


def _moving(workshop: Workshop, dsn: str, count: int) -> Row:
    """Put the table into partitions, and all of its runs."""
    workshop.tell(f"moving {count:,} predictions")
    began = time.perf_counter()
    with (
        patch.object(partitions, "FULL_BYTES", count // PARTS * ROW_BYTES),
        open_connection(dsn) as connection,
    ):
        partition(connection)
        while (one := moving.upcoming(connection)) is not None:
            moving.move(connection, one, lambda _: None)
        parts = len(partitions.partitions_of(connection))
    seconds = time.perf_counter() - began
    what = f"db partition: {count:,} predictions into {parts} partitions"
    return Row(CASE, what, seconds, value=count / seconds, unit="rows/s")


def _lists(count: int) -> Mapping[str, PredictionFilter]:
    """What is asked for, by the options that ask for it."""
    first = datetime.fromisoformat(FIRST)
    twentieth = timedelta(seconds=count / 20)
    run_id = count // RUN_ROWS // 2
    return {
        "of all": PredictionFilter(),
        "--label": PredictionFilter(labels=("3",)),
        "--run": PredictionFilter(run_id=run_id),
        "--run --label": PredictionFilter(run_id=run_id, labels=("3",)),
        "--model": PredictionFilter(model="common"),
        "--since, the last twentieth": PredictionFilter(since=first + 19 * twentieth),
        "--until, the first twentieth": PredictionFilter(until=first + twentieth),
        "--until, the first half": PredictionFilter(until=first + 10 * twentieth),
        "--min-score that one in 5,000 has": PredictionFilter(min_score=0.99984),
        "--filename that none has": PredictionFilter(filename="*.bmp"),
    }


def _listed(repository: Repository, wanted: PredictionFilter) -> float:
    """Seconds until the first rows are there."""
    began = time.perf_counter()
    list(repository.predictions(wanted, limit=LIMIT))
    return time.perf_counter() - began
