"""Stored predictions, from the command to the last line."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.cases.case import slower, subject
from tests.benchmarks.measure import Command, alternate
from tests.benchmarks.report import Row, at_most
from tests.benchmarks.workshop import Workshop

ROWS = 1000
BAR = at_most(1.1)


def list_(workshop: Workshop) -> Iterator[Row]:
    """list against a script that connects, selects the same rows and prints them."""
    dsn = workshop.databases.filled(ROWS)
    mlpredict = workshop.mlpredict("list", "--dsn", dsn)
    yield from _against_bare(workshop, "list", "mlpredict list", mlpredict, workshop.rival("bare_list", dsn))


def show(workshop: Workshop) -> Iterator[Row]:
    """show 1 --json against a script that connects, selects the same row and prints it."""
    dsn = workshop.databases.filled(ROWS)
    mlpredict = workshop.mlpredict("show", "1", "--json", "--dsn", dsn)
    bare = workshop.rival("bare_show", dsn, "1")
    yield from _against_bare(workshop, "show", "mlpredict show 1 --json", mlpredict, bare)


def _against_bare(
    workshop: Workshop, case: str, what: str, mlpredict: Command, bare: Command
) -> Iterator[Row]:
    samples = alternate({"mlpredict": mlpredict, "bare": bare}, workshop.short_rounds)
    yield subject(case, what, samples["mlpredict"])
    yield slower(case, "bare script", samples["mlpredict"], samples["bare"], BAR)
