"""Uploaded files → batches → model → one transaction → records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from typing import Protocol

from mlpredict.domain import KeyedRequest, Prediction, Rejected, Sample, Source
from mlpredict.errors import AlreadyAnswered, DatabaseError
from mlpredict.inference.model import Model
from mlpredict.inputs.decoding import SafeDecoder
from mlpredict.pipeline.batch import Batch, Skipped, predicted, recorded, select
from mlpredict.pipeline.recording import Recorder
from mlpredict.settings import available_cores
from mlpredict.web.batches import Batcher, Item, Job, Outcome, Pending, Results
from mlpredict.web.errors import Busy, DatabaseAway, TooMuchWork, unavailable
from mlpredict.web.idempotency import Asked
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


class ReplyRecorder(Recorder, Protocol):
    """Records predictions, and with them what was answered to requests that may be repeated."""

    def answering(self, requests: Sequence[KeyedRequest]) -> Recorder:
        """The recorder of a batch with such requests, which raises AlreadyAnswered."""
        ...


class Service:
    """Predicts what is uploaded, and has it recorded; made within the event loop that uses it."""

    def __init__(self, model: Model, recorder: ReplyRecorder, metrics: Metrics) -> None:
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

    async def predict(
        self, sources: Sequence[Source | Sample], asked: Asked | None = None, *, whole: bool = False
    ) -> list[Outcome]:
        """What became of images, in their order, once it has been recorded.

        Of a `whole` request no image is predicted where one cannot be decoded: the outcomes are then those
        of the latter.

        Raises:
            Busy: too many are being predicted already.
            DatabaseAway, DatabaseRefusing: they cannot be recorded.
            TooMuchWork: decoding them takes too long; none of them is recorded.
            AlreadyAnswered: the request was answered elsewhere meanwhile; none of them is recorded.
        """
        if self._images >= self._most_images:
            raise Busy
        self._images += len(sources)
        try:
            items = await self._items(sources, at_once=whole)
            if whole and (refused := [item for item in items if isinstance(item, Rejected)]):
                items = [*refused]
            weight = sum(len(source.content or b"") for source in sources)
            return await self._batcher.outcomes(items, weight, _keyed(asked, items))
        finally:
            self._images -= len(sources)

    def close(self) -> None:
        """Do what waits."""
        self._batcher.close()
        self._small.close()
        self._large.close()
        self._decoder.close()

    async def _items(self, sources: Sequence[Source | Sample], *, at_once: bool) -> list[Item]:
        items: dict[int, Item] = {}
        heavy: list[tuple[int, Source]] = []
        numbered = [(next(self._positions), source) for source in sources]
        for position, source in numbered:
            if isinstance(source, Sample):
                items[position] = source._replace(position=position)
            elif _is_light(source.content or b"") and not at_once:
                items[position] = Pending(position, source)
            else:
                heavy.append((position, source))
        if heavy:
            items |= await self._decoded_before(heavy)
        return [items[position] for position, _ in numbered]

    async def _decoded_before(self, sources: Sequence[tuple[int, Source]]) -> dict[int, Item]:
        """The images of one request that are decoded before they go to a batch, by position."""
        request = object()
        try:
            async with asyncio.timeout(DECODING_SECONDS), asyncio.TaskGroup() as tasks:
                decoding = [
                    (position, tasks.create_task(self._decoding(request, position, source)))
                    for position, source in sources
                ]
        except TimeoutError:
            raise TooMuchWork from None
        return {position: task.result() for position, task in decoding}

    async def _decoding(self, request: object, position: int, source: Source) -> Item:
        """An image; one whose header says that it is large waits for other large ones, and nobody for it."""
        decoded = await self._small.run(request, self._decoder.decode_here, position, source)
        if decoded is not None:
            return decoded
        return await self._large.run(request, self._decoder.decode_apart, position, source)

    def _outcomes(self, jobs: Sequence[Job]) -> Results:
        """What becomes of the images of several requests, as one batch."""
        batch = select([self._decoded(item) for job in jobs for item in job.items], self._recorder)
        said = predicted(batch, self.model, self.model.batch_size)
        left = _of_different_keys(jobs)
        while True:
            try:
                outcomes = self._recorded(*_only(left, batch, said), left)
                break
            except AlreadyAnswered as error:
                left = [job for job in left if job.request is None or job.request.key not in error.keys]
        return [
            [outcomes[item.position] for item in job.items] if job in left else AlreadyAnswered()
            for job in jobs
        ]

    def _decoded(self, item: Item) -> Sample | Rejected:
        if isinstance(item, Pending):
            return self._decoder.decode(item.position, item.source)
        return item

    def _recorded(
        self, batch: Batch, said: Sequence[Prediction | str], jobs: Sequence[Job]
    ) -> dict[int, Outcome]:
        if time.monotonic() < self._away_until:
            raise DatabaseAway
        requests = [job.request for job in jobs if job.request is not None]
        recorder = self._recorder.answering(requests) if requests else self._recorder
        try:
            outcomes = recorded(batch, said, recorder)
        except DatabaseError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise unavailable(error) from error
        self._metrics.batch(outcomes.values())
        return {at: outcome for at, outcome in outcomes.items() if not isinstance(outcome, Skipped)}


def _keyed(asked: Asked | None, items: Sequence[Item]) -> KeyedRequest | None:
    """A request as it is stored, of what became of its own images among others."""
    if asked is None:
        return None
    positions = [item.position for item in items]
    return KeyedRequest(
        asked.key, asked.digest, lambda outcomes: asked.reply([outcomes[position] for position in positions])
    )


def _of_different_keys(jobs: Sequence[Job]) -> list[Job]:
    """Jobs without those whose key an earlier one has, too."""
    keys: set[bytes] = set()
    different = []
    for job in jobs:
        if job.request is None or job.request.key not in keys:
            different.append(job)
        if job.request is not None:
            keys.add(job.request.key)
    return different


def _only(
    jobs: Sequence[Job], batch: Batch, said: Sequence[Prediction | str]
) -> tuple[Batch, list[Prediction | str]]:
    """The part of a batch that is these jobs'."""
    positions = {item.position for job in jobs for item in job.items}
    fresh = [
        (sample, answer)
        for sample, answer in zip(batch.fresh, said, strict=True)
        if sample.position in positions
    ]
    failures = [failure for failure in batch.failures if failure.position in positions]
    samples = [sample for sample, _ in fresh]
    skipped = [sample for sample in batch.skipped if sample.position in positions]
    return Batch(samples, failures, skipped), [answer for _, answer in fresh]


def _is_light(content: bytes) -> bool:
    """Whether decoding an image holds up no batch; any other is decoded beforehand."""
    if len(content) > SMALL_BYTES or not content.startswith(PNG_SIGNATURE):
        return False
    return int.from_bytes(content[WIDTH]) * int.from_bytes(content[HEIGHT]) <= LIGHT_PIXELS
