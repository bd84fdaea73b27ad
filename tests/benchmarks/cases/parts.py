"""One run in parts: processes on one folder, and what the database does for each image."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from statistics import median

from tests.benchmarks.cases.case import subject
from tests.benchmarks.contestants import Stored
from tests.benchmarks.database import run
from tests.benchmarks.measure import Command, Contestant, alternate
from tests.benchmarks.report import Row, at_most
from tests.benchmarks.workshop import Workshop

CASE = "parts"
PROCESSES = (1, 2, 4)
IMAGE_BYTES = 300
"""About what a PNG of 28×28 has."""


def parts(workshop: Workshop) -> Iterator[Row]:
    """10,000 PNG of 28×28 by 1, 2 and 4 processes as one run, against one process without a key."""
    count = workshop.size(10_000, 5_000)
    folder, dsn = workshop.digits(count), workshop.databases.own
    workshop.compile(workshop.digit_model, min(folder.iterdir()))
    one = workshop.mlpredict("predict", folder, before=partial(fresh, dsn))
    contestants: dict[str, Contestant] = {
        "plain": Stored(one, dsn, count),
        **{str(number): Stored(_several(one, number), dsn, count) for number in PROCESSES},
    }
    samples = alternate(contestants, workshop.rounds)
    yield subject(CASE, f"mlpredict predict: {count:,} PNG 28×28", samples["plain"])
    for number in PROCESSES:
        name = "1 process of a run in parts" if number == 1 else f"{number} processes of one run"
        bar = at_most(1.25) if number == 1 else None
        ours = samples[str(number)]
        what = f"{name} ÷ one process without a key"
        yield Row(CASE, what, ours.wall, ours.peak, ours.times(samples["plain"]), bar)
    yield from _storing(workshop, workshop.size(20_000, 5_000))


def _several(one: Command, number: int) -> Command:
    """The same command in so many processes at once, each of which does a part."""
    commands = [[*one.argv, "--run-key", "parts", "--part", f"{part}/{number}"] for part in range(number)]
    started = " ".join(f"{shlex.join(command)} & p{part}=$!;" for part, command in enumerate(commands))
    waited = " && ".join(f"wait $p{part}" for part in range(number))
    return replace(one, argv=["/bin/sh", "-c", f"{started} {waited}"])


def _storing(workshop: Workshop, count: int) -> Iterator[Row]:
    """What one PostgreSQL stores, with nothing decoded or predicted, and what it takes for each image."""
    dsn = workshop.databases.current("storing")
    for number in PROCESSES:
        arguments = (dsn, str(number), str(count), str(IMAGE_BYTES))
        command = workshop.rival("storing", *arguments, before=partial(fresh, dsn))
        runs = [command.answer() for _ in range(workshop.rounds)]
        middle = {name: median(run[name] for run in runs) for name in runs[0]}
        what = f"storing alone, {number} connection{'s' if number > 1 else ''}"
        yield Row(CASE, what, middle["wall"], value=count / middle["wall"], unit="images/s")
        for name in ("server", "client"):
            used = middle[name] / count * 1e6
            yield Row(CASE, f"  the {name}'s processors, an image", value=used, unit="µs")
        yield Row(CASE, "  WAL, an image", value=middle["wal"] / count, unit="bytes")


def fresh(dsn: str) -> None:
    """Forget all runs with what they stored: a key is one run."""
    run(dsn, "TRUNCATE inputs, predictions, runs RESTART IDENTITY CASCADE")
    run(dsn, "CHECKPOINT")
