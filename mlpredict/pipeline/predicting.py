"""The predict use case: sources → batches → model → recorder → records.

Everything works at once, each part some batches ahead of the next: a thread finds files and has
them read and decoded (by other processes where there are many), as many threads as there are cores
run the model, and the caller's records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlpredict.domain import ImageSpec, Pages, Rejected, Sample, Source
from mlpredict.inputs.decoding import decode_all, weight
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.sources import STDIN, discover
from mlpredict.pipeline.batch import Batch, Outcome, Predictor, predicted, recorded, select
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
    return batches_ahead(decode_all(found, spec, started, limits, pages), batch_size)


def batches_ahead(items: Iterator[Sample | Rejected], batch_size: int) -> Decoding:
    """Decoded images in batches of one shape, some of them ahead of who takes them."""
    return made_ahead(in_batches(items, batch_size))


def made_ahead(batches: Iterator[list[Sample | Rejected]]) -> Decoding:
    """Batches that are made by a thread of their own while a `with` block lasts, as far as there is room."""
    return _Decoding(Prefetched(batches, BATCHES_AHEAD, BYTES_AHEAD, _weight, held=True))


class OnItsWay(list["Sample | Rejected"]):
    """A batch that takes up room for what comes after it, until that is made."""

    def __init__(self, batch: list[Sample | Rejected], make_room: Callable[[], None]) -> None:
        super().__init__(batch)
        self.make_room = make_room


class _Decoding(AbstractContextManager["_Decoding"]):
    """Batches that are decoded ahead of who takes them, never more of them than there is room for."""

    def __init__(self, ahead: Prefetched[list[Sample | Rejected]]) -> None:
        self._ahead = ahead

    def __enter__(self) -> Self:
        self._ahead.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ahead.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[list[Sample | Rejected]]:
        for batch in self._ahead:
            yield OnItsWay(batch, partial(self._ahead.release, _weight(batch)))
            del batch


def _weight(batch: list[Sample | Rejected]) -> int:
    return sum(map(weight, batch))


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
    worked = mapped_ahead(
        lambda pair: predicted(pair[1], model), _selected(decoded, recorder), model.workers, enough
    )
    noted = Noted()
    for (items, batch), said in worked:
        noted.tell([*batch.fresh, *(one for one in batch.skipped if isinstance(one, Sample))])
        outcomes = list(recorded(batch, said, recorder).values())
        make_room = items.make_room if isinstance(items, OnItsWay) else None
        # Images may be large, and while others are decoded nobody needs these any more.
        del items, batch, said
        if make_room is not None:
            make_room()
        yield outcomes
    noted.finish()


def _selected(
    decoded: Iterable[list[Sample | Rejected]], recorder: Recorder
) -> Iterator[tuple[list[Sample | Rejected], Batch]]:
    for items in decoded:
        yield items, select(items, recorder)
        del items


def examples(names: Iterable[str], spec: ImageSpec, limits: Limits = USUAL_LIMITS) -> Pixels:
    """The first few images that names lead to, as pixels of shape (images, height, width, channels).

    Standard input is left alone: it can be read only once.
    """
    found = islice(discover(name for name in names if name != STDIN), EXAMPLE_IMAGES)
    return stacked(decode_all(found, spec, limits=limits), spec)


def stacked(decoded: Iterable[Sample | Rejected], spec: ImageSpec) -> Pixels:
    """The pixels of images that are as large as the first of them, in one array."""
    import numpy as np

    from mlpredict.inference.model import no_examples

    pixels = [item.pixels for item in decoded if isinstance(item, Sample)]
    alike = [image for image in pixels if image.shape == pixels[0].shape]
    return np.stack(alike) if alike else no_examples(spec)


def in_batches(items: Iterable[Sample | Rejected], size: int) -> Iterator[list[Sample | Rejected]]:
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
        del item
        if len(batch) >= size or batch_weight >= BATCH_BYTES:
            yield batch
            batch, batch_weight, shape = [], 0, None
    if batch:
        yield batch
