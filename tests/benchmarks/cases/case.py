"""What a case is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from tests.benchmarks.measure import Samples
from tests.benchmarks.report import Bar, Row
from tests.benchmarks.workshop import Workshop


class Case(Protocol):
    """Measures one thing; the first line of its docstring describes it."""

    def __call__(self, workshop: Workshop) -> Iterator[Row]: ...


def subject(case: str, what: str, samples: Samples) -> Row:
    """The row of mlpredict itself, which the following ones compare with."""
    return Row(case, what, samples.wall, samples.peak)


def faster(case: str, what: str, ours: Samples, rival: Samples, bar: Bar | None = None) -> Row:
    """How many times as long a rival takes."""
    return Row(case, f"{what} ÷ mlpredict", rival.wall, rival.peak, rival.times(ours), bar)


def slower(case: str, what: str, ours: Samples, rival: Samples, bar: Bar | None = None) -> Row:
    """How many times as long mlpredict takes."""
    return Row(case, f"mlpredict ÷ {what}", rival.wall, rival.peak, ours.times(rival), bar)
