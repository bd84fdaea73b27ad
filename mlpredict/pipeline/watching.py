"""The watch use case: files that appear → batches → model → recorder → records, for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

from mlpredict.domain import Pages, Rejected, Sample, Source
from mlpredict.inputs.arrivals import Arrivals
from mlpredict.inputs.decoding import decode_all
from mlpredict.inputs.folder_events import FolderEvents
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.pipeline.batch import Outcome, Predictor
from mlpredict.pipeline.predicting import batches_ahead, predict
from mlpredict.pipeline.recording import Recorder

TICK_SECONDS = 0.5
"""After which it is noticed that no more is wanted."""


class How(NamedTuple):
    """How files are decoded."""

    batch_size: int
    limits: Limits = USUAL_LIMITS
    pages: Pages = Pages.FIRST


def watch(
    arrivals: Arrivals,
    events: FolderEvents,
    model: Predictor,
    recorder: Callable[[], Recorder],
    how: How,
    enough: Callable[[], bool],
) -> Iterator[list[Outcome]]:
    """Predict what appears, a batch at a time, each when it has been recorded; until `enough` comes true.

    A batch is what there is: nothing is waited for that may never come. The recorder is asked for when there
    is something to record.
    """
    positions = count()
    recording: Recorder | None = None
    while not enough():
        arrivals.notice(events.changed(min(TICK_SECONDS, arrivals.patience)))
        arrivals.look()
        first = arrivals.take()
        if not first:
            continue
        recording = recording or recorder()
        items = _decoded(_arriving(first, arrivals, events), model, arrivals, how, positions)
        with batches_ahead(items, how.batch_size) as batches:
            yield from predict(batches, model, recording, enough)


def _arriving(first: list[Source], arrivals: Arrivals, events: FolderEvents) -> Iterator[Source]:
    """Files for as long as there are some at once."""
    taken = first
    while taken:
        yield from taken
        arrivals.notice(events.changed(0))
        arrivals.look()
        taken = arrivals.take()


def _decoded(
    found: Iterator[Source], model: Predictor, arrivals: Arrivals, how: How, positions: Iterator[int]
) -> Iterator[Sample | Rejected]:
    """What is decoded of files that were complete, with positions that go on from batch to batch."""
    for item in decode_all(found, model.spec, limits=how.limits, pages=how.pages):
        if arrivals.is_final(item):
            yield item._replace(position=next(positions))
        del item
