"""Everything that is stored, out of the database as lines."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.cases.case import subject
from tests.benchmarks.measure import alternate
from tests.benchmarks.report import MEGABYTE, Row, at_least, at_most
from tests.benchmarks.workshop import Workshop

CASE = "stream"
TENTH = 10


def stream(workshop: Workshop) -> Iterator[Row]:
    """list --all --format jsonl on 1,000,000 predictions against COPY, and its memory against a tenth."""
    count = workshop.size(1_000_000, 100_000)
    workshop.tell(f"filling a database with {count:,} predictions")
    part, whole = workshop.databases.filled(count // TENTH), workshop.databases.filled(count)
    samples = alternate(
        {
            "whole": workshop.mlpredict("list", "--all", "--format", "jsonl", "--dsn", whole),
            "copy": workshop.rival("copy_out", whole),
            "part": workshop.mlpredict("list", "--all", "--format", "jsonl", "--dsn", part),
        },
        workshop.rounds,
    )
    ours, copy, less = samples["whole"], samples["copy"], samples["part"]
    yield subject(CASE, f"mlpredict list --all --format jsonl: {count:,}", ours)
    reached = copy.times(ours) * 100
    yield Row(CASE, "COPY … TO STDOUT ÷ mlpredict", copy.wall, copy.peak, reached, at_least(60, "%"))
    growth = (ours.peak - less.peak) / MEGABYTE
    yield Row(CASE, "more memory than for a tenth", less.wall, less.peak, growth, at_most(10, "MB"))
