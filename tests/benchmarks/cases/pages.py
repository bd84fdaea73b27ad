"""The first page of a long list, and how PostgreSQL finds the rows of a filter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from tests.benchmarks.cases.case import slower, subject
from tests.benchmarks.database import FIRST
from tests.benchmarks.measure import alternate
from tests.benchmarks.plans import plan_of
from tests.benchmarks.report import Row, at_least, at_most
from tests.benchmarks.workshop import Workshop

CASE = "pages"
FEW = 1_000
INDEXED = at_least(1, "index")


def pages(workshop: Workshop) -> Iterator[Row]:
    """list on 1,000 and on 1,000,000 predictions, and the plan of every filter."""
    count = workshop.size(1_000_000, 100_000)
    workshop.tell(f"filling a database with {count:,} predictions")
    few, many = workshop.databases.filled(FEW), workshop.databases.filled(count)
    samples = alternate(
        {
            "few": workshop.mlpredict("list", "--dsn", few),
            "many": workshop.mlpredict("list", "--dsn", many),
        },
        workshop.short_rounds,
    )
    yield subject(CASE, f"mlpredict list on {count:,}", samples["many"])
    yield slower(CASE, f"the same on {FEW:,}", samples["many"], samples["few"], at_most(1.3))
    for arguments, column in _filters(count).items():
        plan = plan_of(workshop, many, arguments)
        what = f"{' '.join(arguments)}: {plan.scan}"
        yield Row(CASE, what, plan.seconds, value=int(plan.uses_index_on(column)), bar=INDEXED)


def _filters(count: int) -> Mapping[tuple[str, ...], str]:
    """Filters that few rows pass, or only the oldest, with the column an index should be on."""
    first = datetime.fromisoformat(FIRST)
    # Fewer than a page: whoever walks the list for them walks all of it.
    newest, oldest = (first + timedelta(seconds=seconds) for seconds in (count - 9, 10))
    return {
        ("--label", "rare"): "label",
        ("--model", "rare"): "model_id",
        ("--run", "1"): "run_id",
        ("--since", newest.isoformat()): "created_at",
        ("--until", oldest.isoformat()): "created_at",
        ("--min-score", "0.99999"): "score",
        ("--max-score", "0.20001"): "score",
    }
