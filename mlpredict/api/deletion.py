"""A deletion: counted first, then carried out a block at a time."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mlpredict.domain import PredictionFilter, Rejected, Source
from mlpredict.domain.deletion import Deleted
from mlpredict.errors import ImageError, OutputError, UsageError
from mlpredict.support.ahead import never
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.api.connections import Connections
    from mlpredict.storage.bucket_inputs import BucketObject
    from mlpredict.storage.doomed import Doomed, Picture
    from mlpredict.storage.retrying import PersistentStore

logger = get_logger(__name__)

FIRST_ROWS, FEWEST_ROWS, MOST_ROWS = 500, 100, 2000
BLOCK_SECONDS = 1.0
"""What a block is to take at most: whoever waits for a row of it waits no longer."""

BUSY_PAUSES = (0.05, 0.2, 1.0, 3.0)
"""Before inputs are looked at once more that another command was just about to use."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is to be deleted; make one with `deletion`, and delete it by iterating `blocks()`."""

    _database: Connections
    _doomed: Doomed

    @property
    def counted(self) -> Deleted:
        """How many rows there are to delete."""
        return self._doomed.counted

    @property
    def missing(self) -> tuple[int, ...]:
        """The ids that were named and are those of no prediction."""
        return self._doomed.missing

    def blocks(self, enough: Callable[[], bool] = never) -> Iterator[Deleted]:
        """Delete block by block, and give what each has deleted when it is gone for good.

        It ends early when `enough` comes true. What a block left undone when it was killed, the same
        deletion does when it is asked for again.
        """
        from mlpredict.storage.deletion import Deletion as Statements

        doomed = self._doomed
        busy: set[int] = set(doomed.inputs)
        with self._database.store() as store:
            yield from _swept(store, busy, enough)
            whole = store.deleting(partial(Statements.empty_partitions, ids=doomed.predictions))
            if whole.rows:
                yield Deleted(predictions=whole.rows)
                yield from _swept(store, busy, enough)
            for ids in _in_time(whole.others, enough):
                block = store.deleting(partial(Statements.delete_predictions, ids=ids))
                busy.update(block.busy)
                _sweep(store, block.objects)
                yield block.deleted
            for ids in _in_time(doomed.failures, enough):
                yield store.deleting(partial(Statements.delete_failures, ids=ids))
            if not enough():
                yield _inputs(store, busy)
            if doomed.digests and not enough():
                yield store.deleting(partial(Statements.delete_labels, digests=doomed.digests))

    def carry_out(self) -> Deleted:
        """Delete all of it; how many rows were deleted."""
        return sum(self.blocks(), Deleted())


def deletion(
    database: Connections,
    what: PredictionFilter | Iterable[int] | int | None = None,
    images: Iterable[str] | None = None,
) -> Deletion:
    """Find and count what is to be deleted: predictions, or all that is stored of pictures.

    Raises:
        UsageError: nothing is named, or everything.
        ImageError: a picture cannot be read.
    """
    from mlpredict.storage.deletion import Deletion as Statements

    if (what is None) == (images is None):
        raise UsageError("name what to delete: predictions, or pictures by their files")
    if what == PredictionFilter():
        raise UsageError("that is everything: choose some of it", hint="mlpredict db destroy removes all")
    with database.reading() as repository:
        found = Statements(repository.connection)
        if images is not None:
            return Deletion(database, found.by_pictures(_pictures(images)))
        if isinstance(what, PredictionFilter):
            return Deletion(database, found.by_filter(what))
        return Deletion(database, found.by_ids([what] if isinstance(what, int) else what or ()))


def _in_time(rows: Sequence[int], enough: Callable[[], bool]) -> Iterator[list[int]]:
    """The ids in blocks, each as large as can be deleted in about `BLOCK_SECONDS`, by the one before."""
    size, start = FIRST_ROWS, 0
    while start < len(rows) and not enough():
        began = time.monotonic()
        yield list(rows[start : start + size])
        start += size
        seconds = time.monotonic() - began
        if seconds > BLOCK_SECONDS:
            size = max(FEWEST_ROWS, size // 2)
        elif seconds < BLOCK_SECONDS / 3:
            size = min(MOST_ROWS, size * 2)


def _inputs(store: PersistentStore, inputs: Iterable[int]) -> Deleted:
    """Delete inputs that no prediction needs; those in use are looked at again after a while."""
    from mlpredict.storage.deletion import Deletion as Statements

    deleted = Deleted()
    left = sorted(inputs)
    for pause in (0.0, *BUSY_PAUSES):
        if not left:
            break
        time.sleep(pause)
        block = store.deleting(partial(Statements.delete_inputs, ids=left))
        deleted += block.deleted
        _sweep(store, block.objects)
        left = sorted(block.busy)
    return deleted


def _swept(store: PersistentStore, busy: set[int], enough: Callable[[], bool]) -> Iterator[Deleted]:
    """Delete the inputs that partitions needed whose rows have been deleted at once, now or earlier."""
    from mlpredict.storage.deletion import Deletion as Statements

    for name in store.deleting(Statements.inputs_left):
        sweeping = partial(Statements.sweep_inputs, name=name)
        while not enough() and (block := store.deleting(sweeping)) is not None:
            busy.update(block.busy)
            _sweep(store, block.objects)
            yield block.deleted


def _sweep(store: PersistentStore, objects: Sequence[BucketObject]) -> None:
    """Take the images of deleted inputs out of their buckets; what cannot be is told, and stays there."""
    if not objects:
        return
    from mlpredict.inputs.remote.keeping import remove
    from mlpredict.storage.deletion import Deletion as Statements

    try:
        store.deleting(partial(Statements.sweep, objects=objects, remove=remove))
    except OutputError as error:
        logger.warning("%s images stay where they are: %s", f"{len(objects):,}", error.message)


def _pictures(images: Iterable[str]) -> Iterator[Picture]:
    from mlpredict.inputs.reading import Unusable, read
    from mlpredict.inputs.sources import discover
    from mlpredict.storage.doomed import Picture

    for source in discover(images):
        if isinstance(source, Rejected):
            raise ImageError(f"{source.source.filename}: {source.reason}")
        try:
            content = source.content or read(Source(source.filename))
        except Unusable as error:
            raise ImageError(f"{source.filename}: {error}") from error
        digest = hashlib.sha256(content).digest()
        yield Picture(source.filename, digest, base64.b64encode(content).decode("ascii"))
