"""The predict use case: sources → batches → model → recorder → records.

Everything works at once, each part some batches ahead of the next: a thread finds files and has
them read and decoded (by other processes where there are many), as many threads as there are cores
run the model, and the caller's records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING

from mlpredict.domain import ImageSpec, Pages, Rejected, Sample, Source
from mlpredict.inputs.decoding import decode_all, weight
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.sources import STDIN, discover
from mlpredict.pipeline.batch import Outcome, Predictor, predicted, recorded, select
from mlpredict.pipeline.noting import Noted
from mlpredict.pipeline.recording import Recorder
from mlpredict.support.ahead import Prefetched, mapped_ahead, never

if TYPE_CHECKING:
    from mlpredict.domain import Pixels
    from mlpredict.inputs.decoder_pool import Decoders


# What decoded batches may wait for the model, which starts later than they do.
BATCHES_AHEAD = 16
BYTES_AHEAD = 32 << 20
# A batch is closed early when its files add up to this: it travels to the database in one piece.
BATCH_BYTES = 32 << 20
EXAMPLE_IMAGES = 8


Decoding = AbstractContextManager[Iterable["list[Sample | Rejected]"]]


def decoding(
    found: Iterator[Source | Rejected],
    spec: ImageSpec,
    *,
    batch_size: int,
    started: Decoders | None = None,
    limits: Limits = USUAL_LIMITS,
    pages: Pages = Pages.FIRST,
) -> Decoding:
    """The images of sources, decoded, in batches of one shape.

    They are made from the moment the `with` block is entered, some batches ahead of who takes them.
    """
    batches = _batches(decode_all(found, spec, started, limits, pages), batch_size)
    return Prefetched(batches, BATCHES_AHEAD, BYTES_AHEAD, lambda batch: sum(map(weight, batch)))


def predict(
    decoded: Iterable[list[Sample | Rejected]],
    model: Predictor,
    recorder: Recorder,
    enough: Callable[[], bool] = never,
) -> Iterator[list[Outcome]]:
    """Predict what was decoded, a batch at a time.

    A batch is given when it has been recorded, never before; within it, outcomes stand in the order
    of their sources. Memory is a few batches, however many names there are. When `enough` comes true,
    the batches that the model has by then are the last.
    """
    selected = (select(items, recorder) for items in decoded)
    worked = mapped_ahead(lambda batch: predicted(batch, model), selected, model.workers, enough)
    noted = Noted()
    for batch, said in worked:
        noted.tell([*batch.fresh, *batch.skipped])
        yield list(recorded(batch, said, recorder).values())
    noted.finish()


def examples(names: Iterable[str], spec: ImageSpec, limits: Limits = USUAL_LIMITS) -> Pixels:
    """The first few images that names lead to, as pixels of shape (images, height, width, channels).

    Standard input is left alone: it can be read only once.
    """
    import numpy as np

    from mlpredict.inference.model import no_examples

    found = islice(discover(name for name in names if name != STDIN), EXAMPLE_IMAGES)
    decoded = decode_all(found, spec, limits=limits)
    pixels = [item.pixels for item in decoded if isinstance(item, Sample)]
    alike = [image for image in pixels if image.shape == pixels[0].shape]
    return np.stack(alike) if alike else no_examples(spec)


def _batches(items: Iterable[Sample | Rejected], size: int) -> Iterator[list[Sample | Rejected]]:
    """Consecutive items, closed when they are `size` or heavy, or when the next image has another shape."""
    batch: list[Sample | Rejected] = []
    batch_weight, shape = 0, None
    for item in items:
        if isinstance(item, Sample):
            if shape is not None and item.pixels.shape != shape:
                yield batch
                batch, batch_weight = [], 0
            shape = item.pixels.shape
            batch_weight += weight(item)
        batch.append(item)
        if len(batch) >= size or batch_weight >= BATCH_BYTES:
            yield batch
            batch, batch_weight, shape = [], 0, None
    if batch:
        yield batch
