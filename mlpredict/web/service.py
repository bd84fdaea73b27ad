"""Uploaded files → batches → model → one transaction → records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from mlpredict.domain import Prediction, Rejected, Sample, Source
from mlpredict.errors import DatabaseError, ModelError
from mlpredict.inference.model import Model
from mlpredict.inputs.decoding import SafeDecoder
from mlpredict.pipeline.recording import Recorder
from mlpredict.settings import available_cores
from mlpredict.support.logs import get_logger
from mlpredict.web.batches import Batcher, Item, Outcome, Pending
from mlpredict.web.errors import Busy, DatabaseAway
from mlpredict.web.metrics import Metrics

logger = get_logger(__name__)

IMAGES_IN_BATCHES = 8
"""So many batches' images are accepted at a time."""

SMALL_BYTES = 64 << 10
"""A PNG of so many bytes is decoded sooner than another thread could be asked to."""

AWAY_SECONDS = 1.0
"""After the database has failed a batch, others fail at once for so long."""

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
        self._decoders = ThreadPoolExecutor(available_cores(), thread_name_prefix="decode")
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
            DatabaseAway: they cannot be recorded.
        """
        if self._images >= self._most_images:
            raise Busy
        self._images += len(sources)
        try:
            items = await asyncio.gather(*map(self._item, sources))
            return await self._batcher.outcomes(items, sum(len(source.content or b"") for source in sources))
        finally:
            self._images -= len(sources)

    def close(self) -> None:
        """Do what waits."""
        self._batcher.close()
        self._decoders.shutdown()
        self._decoder.close()

    async def _item(self, source: Source) -> Item:
        position = next(self._positions)
        if _is_light(source.content or b""):
            return Pending(position, source)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._decoders, self._decoder.decode, position, source)

    def _outcomes(self, jobs: Sequence[Sequence[Item]]) -> list[list[Outcome]]:
        decoded = [self._decoded(item) for job in jobs for item in job]
        samples = [item for item in decoded if isinstance(item, Sample)]
        failures = [item for item in decoded if isinstance(item, Rejected)]
        answered: list[tuple[Sample, Prediction]] = []
        for sample, answer in self._predicted(samples):
            if isinstance(answer, str):
                failures.append(Rejected(sample.position, sample.source, answer))
            else:
                answered.append((sample, answer))
        outcomes = self._recorded(answered, failures)
        return [[outcomes[item.position] for item in job] for job in jobs]

    def _decoded(self, item: Item) -> Sample | Rejected:
        if isinstance(item, Pending):
            return self._decoder.decode(item.position, item.source)
        return item

    def _predicted(self, samples: Sequence[Sample]) -> Iterable[tuple[Sample, Prediction | str]]:
        """Every sample with its answer; those of one shape go through the model together."""
        shapes: dict[tuple[int, ...], list[Sample]] = {}
        for sample in samples:
            shapes.setdefault(sample.pixels.shape, []).append(sample)
        for alike in shapes.values():
            for start in range(0, len(alike), self.model.batch_size):
                part = alike[start : start + self.model.batch_size]
                yield from zip(part, self._answers(part), strict=True)

    def _answers(self, samples: Sequence[Sample]) -> list[Prediction | str]:
        try:
            return self.model.predict(samples)
        except ModelError as error:
            if len(samples) == 1:
                return [error.message]
            # One image of the batch may be to blame: the others are not to fail with it.
            return [answer for sample in samples for answer in self._answers([sample])]

    def _recorded(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> dict[int, Outcome]:
        if time.monotonic() < self._away_until:
            raise DatabaseAway
        try:
            records = self._recorder.record(answered, failures)
        except DatabaseError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            logger.error(error.message)
            raise DatabaseAway from error
        self._metrics.batch([record.label for record in records], len(failures))
        outcomes: dict[int, Outcome] = {failure.position: failure for failure in failures}
        outcomes |= {sample.position: record for (sample, _), record in zip(answered, records, strict=True)}
        return outcomes


def _is_light(content: bytes) -> bool:
    """Whether decoding an image holds up no batch; any other is decoded beforehand."""
    if len(content) > SMALL_BYTES or not content.startswith(PNG_SIGNATURE):
        return False
    return int.from_bytes(content[WIDTH]) * int.from_bytes(content[HEIGHT]) <= LIGHT_PIXELS
