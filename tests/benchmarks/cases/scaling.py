"""The same folder, larger and larger: time and memory must not depend on what came before."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.contestants import Stored
from tests.benchmarks.database import empty
from tests.benchmarks.inputs import link_first
from tests.benchmarks.measure import Contestant, alternate
from tests.benchmarks.report import MEGABYTE, Row, at_most
from tests.benchmarks.workshop import Workshop


def scaling(workshop: Workshop) -> Iterator[Row]:
    """1,000, 10,000 and 100,000 images: time of one more image, and peak memory."""
    sizes = (500, 2_000, 5_000) if workshop.options.quick else (1_000, 10_000, 100_000)
    peaks = yield from _compared("scaling", workshop, sizes, workshop.rounds)
    growth = (max(peaks) - min(peaks)) / MEGABYTE
    yield Row("scaling", "difference of peak memory", value=growth, bar=at_most(30, "MB"))
    yield Row("scaling", "peak memory", value=max(peaks) / MEGABYTE, bar=at_most(250, "MB"))


def million(workshop: Workshop) -> Iterator[Row]:
    """10,000, 100,000 and 1,000,000 images in a folder, twice at most: the same."""
    sizes = (1_000, 5_000, 20_000) if workshop.options.quick else (10_000, 100_000, 1_000_000)
    peaks = yield from _compared("million", workshop, sizes, min(workshop.rounds, 2))
    growth = (max(peaks) - min(peaks)) / MEGABYTE
    yield Row("million", "difference of peak memory", value=growth, bar=at_most(10, "MB"))


def _compared(
    case: str, workshop: Workshop, sizes: Sequence[int], rounds: int
) -> Generator[Row, None, list[int]]:
    """The time of one more image for each size, and the difference; the peaks of memory are returned."""
    workshop.compile(workshop.digit_model, min(workshop.digits(sizes[-1]).iterdir()))
    contestants: dict[str, Contestant] = {str(size): _predict(workshop, size, sizes[-1]) for size in sizes}
    samples = alternate(contestants, rounds)
    walls = [samples[str(size)].wall for size in sizes]
    peaks = [samples[str(size)].peak for size in sizes]
    for size, wall, peak in zip(sizes, walls, peaks, strict=True):
        yield Row(case, f"{size:,} images, each", wall, peak, wall / size * 1e6, unit="µs")

    # What starting costs falls out of the difference between two sizes.
    points = list(pairwise(zip(sizes, walls, strict=True)))
    marginal = [(later - earlier) / (more - fewer) for (fewer, earlier), (more, later) in points]
    for ((fewer, _), (more, _)), seconds in zip(points, marginal, strict=True):
        yield Row(case, f"one more, from {fewer:,} to {more:,}", value=seconds * 1e6, unit="µs")
    spread = (max(marginal) / min(marginal) - 1) * 100
    yield Row(case, "difference between these two", value=spread, bar=at_most(10, "%"))
    return peaks


def _predict(workshop: Workshop, size: int, largest: int) -> Contestant:
    dsn = workshop.databases.own
    command = workshop.mlpredict("predict", _part(workshop, size, largest), before=partial(empty, dsn))
    return Stored(command, dsn, size)


def _part(workshop: Workshop, size: int, largest: int) -> Path:
    """So many of the images, no two of which are alike: an image that is known is not stored again."""
    folder = workshop.folder / f"scaling-{size}"
    link_first(workshop.digits(largest), folder, size)
    return folder
