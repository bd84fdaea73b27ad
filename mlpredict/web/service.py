"""Uploaded files → batches → model → one transaction → records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import count

from mlpredict.domain import Prediction, Rejected, Sample, Source
from mlpredict.errors import DatabaseError
from mlpredict.inference.model import Model
from mlpredict.inputs.decoding import SafeDecoder
from mlpredict.pipeline.batch import Batch, Skipped, predicted, recorded, select
from mlpredict.pipeline.recording import Recorder
from mlpredict.settings import available_cores
from mlpredict.web.batches import Batcher, Item, Outcome, Pending
from mlpredict.web.errors import Busy, DatabaseAway, TooMuchWork, unavailable
from mlpredict.web.metrics import Metrics
from mlpredict.web.turns import Turns

IMAGES_IN_BATCHES = 8
"""So many batches' images are accepted at a time."""

SMALL_BYTES = 64 << 10
"""A PNG of so many bytes is decoded sooner than another thread could be asked to."""

AWAY_SECONDS = 1.0
"""After the database has failed a batch, others fail at once for so long."""

DECODING_SECONDS = 30.0
"""For so long the images of one request may be decoded, the waiting for others' included."""

LIGHT_PIXELS = 1 << 20
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
WIDTH, HEIGHT = slice(16, 20), slice(20, 24)
"""Where a PNG has its size, as 32 bits each with the highest first (PNG specification, 11.2.1)."""


class Service:
    """Predicts what is uploaded, and has it recorded; made within the event loop that uses it."""

    def __init__(self, model: Model, recorder: Recorder, metrics: Metrics) -> None:
        self.model = model
        self._metrics = metrics
        self._recorder = recorder
        self._positions = count()
        self._away_until = 0.0
        self._decoder = SafeDecoder(model.spec)
        self._small = Turns(available_cores(), "decode")
        self._large = Turns(1, "decode-large")
        self._batcher = Batcher(
            self._outcomes,
            threads=model.workers,
            most=model.batch_size,
        )
        self._most_images = IMAGES_IN_BATCHES * model.batch_size
        self._images = 0
        metrics.watch_images(lambda: self._images)

    async def predict(self, sources: Sequence[Source]) -> list[Outcome]:
        """What became of images, in their order, once it has been recorded.

        Raises:
            Busy: too many are being predicted already.
            DatabaseAway, DatabaseRefusing: they cannot be recorded.
            TooMuchWork: decoding them takes too long; none of them is recorded.
        """
        if self._images >= self._most_images:
            raise Busy
        self._images += len(sources)
        try:
            items = await self._items(sources)
            return await self._batcher.outcomes(items, sum(len(source.content or b"") for source in sources))
        finally:
            self._images -= len(sources)

    def close(self) -> None:
        """Do what waits."""
        self._batcher.close()
        self._small.close()
        self._large.close()
        self._decoder.close()

    async def _items(self, sources: Sequence[Source]) -> list[Item]:
        request = object()
        try:
            async with asyncio.timeout(DECODING_SECONDS), asyncio.TaskGroup() as tasks:
                items = [tasks.create_task(self._item(request, source)) for source in sources]
        except TimeoutError:
            raise TooMuchWork from None
        return [item.result() for item in items]

    async def _item(self, request: object, source: Source) -> Item:
        """An image; one whose header says that it is large waits for other large ones, and nobody for it."""
        position = next(self._positions)
        if _is_light(source.content or b""):
            return Pending(position, source)
        decoded = await self._small.run(request, self._decoder.decode_here, position, source)
        if decoded is not None:
            return decoded
        return await self._large.run(request, self._decoder.decode_apart, position, source)

    def _outcomes(self, jobs: Sequence[Sequence[Item]]) -> list[list[Outcome]]:
        """What becomes of the images of several requests, as one batch."""
        batch = select([self._decoded(item) for job in jobs for item in job], self._recorder)
        said = predicted(batch, self.model, self.model.batch_size)
        outcomes = self._recorded(batch, said)
        return [[outcomes[item.position] for item in job] for job in jobs]

    def _decoded(self, item: Item) -> Sample | Rejected:
        if isinstance(item, Pending):
            return self._decoder.decode(item.position, item.source)
        return item

    def _recorded(self, batch: Batch, said: Sequence[Prediction | str]) -> dict[int, Outcome]:
        if time.monotonic() < self._away_until:
            raise DatabaseAway
        try:
            outcomes = recorded(batch, said, self._recorder)
        except DatabaseError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise unavailable(error) from error
        self._metrics.batch(outcomes.values())
        return {at: outcome for at, outcome in outcomes.items() if not isinstance(outcome, Skipped)}


def _is_light(content: bytes) -> bool:
    """Whether decoding an image holds up no batch; any other is decoded beforehand."""
    if len(content) > SMALL_BYTES or not content.startswith(PNG_SIGNATURE):
        return False
    return int.from_bytes(content[WIDTH]) * int.from_bytes(content[HEIGHT]) <= LIGHT_PIXELS
