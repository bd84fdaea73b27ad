"""A Ray cluster: its two ways to do a folder, and what its nodes wait for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import Any

from tests.benchmarks.cases.parts import fresh
from tests.benchmarks.report import Row
from tests.benchmarks.workshop import Workshop

CASE = "ray"
WAYS = {"core": "Ray Core, two actors", "data": "Ray Data, map_batches"}
NODES = (1, 2, 4)


def ray(workshop: Workshop) -> Iterator[Row]:
    """PNG of 28×28 by Ray Core and by Ray Data, and what 1, 2 and 4 nodes wait for."""
    if find_spec("ray") is None:
        workshop.tell("ray skipped: the extra `ray` is not installed")
        return
    count = workshop.size(20_000, 5_000)
    folder, dsn = workshop.digits(count), workshop.databases.current("ray")
    workshop.compile(workshop.digit_model, min(folder.iterdir()))
    ways: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(workshop.rounds):
        for way, runs in ways.items():
            runs.append(workshop.rival("ray_ways", way, folder, str(count)).answer())
    for way, runs in ways.items():
        middle = _middle(runs)
        yield Row(CASE, f"{WAYS[way]}: until the first batch", middle["first"])
        yield Row(CASE, f"  until the last of {count:,} images", middle["wall"])
        for who in ("actors", "driver"):
            yield Row(CASE, f"  processors' time of the {who}", middle[who])
    for number in NODES:
        command = workshop.rival("ray_share", dsn, folder, str(number), before=partial(fresh, dsn))
        middle = _middle([command.answer() for _ in range(workshop.rounds)])
        yield Row(CASE, f"{number} node{'s' if number > 1 else ''} predict and store", middle["wall"])
        for name in ("storing", "taking", "idle"):
            yield Row(CASE, f"  of their time, {name}", value=100 * middle[name], unit="%")


def _middle(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {name: median(run[name] for run in runs) for name in runs[0]}
