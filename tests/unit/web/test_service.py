"""Uploads that come together are one batch; what goes wrong is told to those it concerns."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlpredict.domain import (
    ImageSpec,
    KeyedRequest,
    Prediction,
    PredictionRecord,
    Rejected,
    Reply,
    Sample,
    Source,
)
from mlpredict.errors import AlreadyAnswered, DatabaseError, ModelError
from mlpredict.pipeline.recording import NotStoring
from mlpredict.web import service as service_module
from mlpredict.web.batches import Pending
from mlpredict.web.errors import Busy, DatabaseAway, TooMuchWork
from mlpredict.web.idempotency import Asked
from mlpredict.web.metrics import Metrics
from mlpredict.web.server import logs
from mlpredict.web.server.logs import RateLimited
from mlpredict.web.service import Service


def png(shade: int, size: tuple[int, int] = (2, 2)) -> bytes:
    target = io.BytesIO()
    Image.new("L", size, shade).save(target, "PNG")
    return target.getvalue()


@dataclass
class Model:
    """Answers with an image's mean; as long as `gate` is closed it thinks."""

    spec: ImageSpec = field(default_factory=lambda: ImageSpec(None, None, 1))
    workers: int = 1
    batch_size: int = 4
    batches: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def predict(self, samples: Sequence[Sample]) -> list[Prediction | str]:
        self.gate.wait(60)
        pixels = np.stack([sample.pixels for sample in samples])
        self.batches.append(len(pixels))
        if (pixels == 13).any():
            raise ModelError("this image is unlucky")
        means = pixels.mean(axis=(1, 2, 3)).tolist()
        return ["no number" if mean == 99 else Prediction(f"[{mean}]", 0, str(mean), 1.0) for mean in means]


class Recorder(NotStoring):
    """Records nothing, and is away when it is told to be."""

    away = False
    batches: tuple[int, ...] = ()
    answered: frozenset[bytes] = frozenset()
    requests: Sequence[KeyedRequest] = ()

    def answering(self, requests: Sequence[KeyedRequest]) -> Recorder:
        mine = type(self)(self.model)
        object.__setattr__(mine, "requests", requests)
        return mine

    def record(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> list[PredictionRecord | Rejected]:
        if type(self).away:
            raise DatabaseError("gone")
        if known := self.answered & {request.key for request in self.requests}:
            raise AlreadyAnswered(known)
        type(self).batches += (len(answered) + len(failures),)
        return super().record(answered, failures)


@pytest.fixture(autouse=True)
def recorder() -> type[Recorder]:
    Recorder.away, Recorder.batches, Recorder.answered = False, (), frozenset()
    return Recorder


@contextmanager
def serving(model: Model) -> Iterator[Service]:
    service = Service(model, Recorder("test"), Metrics())  # type: ignore[arg-type]
    try:
        yield service
    finally:
        model.gate.set()
        service.close()


def run(model: Model, work: Any) -> Any:
    async def main() -> Any:
        with serving(model) as service:
            result: Coroutine[Any, Any, Any] = work(service)
            return await asyncio.wait_for(result, 10)

    return asyncio.run(main())


def labels(outcomes: Sequence[Any]) -> list[str]:
    return [one.reason if isinstance(one, Rejected) else one.label for one in outcomes]


async def begun(model: Model, service: Service) -> asyncio.Task[Any]:
    """A request that the model is busy with."""
    task = asyncio.ensure_future(service.predict([Source("first", png(1))]))
    while service._batcher._jobs or not service._images:
        await asyncio.sleep(0.001)
    return task


def test_requests_that_gather_while_the_model_works_are_one_batch(recorder: type[Recorder]) -> None:
    model = Model()

    async def work(service: Service) -> list[Any]:
        first = await begun(model, service)
        others = [asyncio.ensure_future(service.predict([Source(str(n), png(n))])) for n in range(2, 5)]
        await asyncio.sleep(0.02)
        model.gate.set()
        return list(await asyncio.gather(first, *others))

    outcomes = run(model, work)
    assert [labels(one) for one in outcomes] == [["1.0"], ["2.0"], ["3.0"], ["4.0"]]
    assert model.batches == [1, 3]
    assert recorder.batches == (1, 3)


def test_what_was_answered_elsewhere_leaves_others_alone(recorder: type[Recorder]) -> None:
    model = Model(batch_size=8)
    recorder.answered = frozenset({b"known"})

    async def work(service: Service) -> list[Any]:
        first = await begun(model, service)
        requests = [
            asyncio.ensure_future(service.predict([Source(str(shade), png(shade))], asked(key)))
            for shade, key in enumerate((b"known", b"new", b"twice", b"twice", None), 2)
        ]
        await asyncio.sleep(0.02)
        model.gate.set()
        await first
        return await asyncio.gather(*requests, return_exceptions=True)

    known, new, twice, again, plain = run(model, work)
    assert isinstance(known, AlreadyAnswered)
    assert isinstance(again, AlreadyAnswered)
    assert [labels(one) for one in (new, twice, plain)] == [["3.0"], ["4.0"], ["6.0"]]
    assert recorder.batches == (1, 3)


def asked(key: bytes | None) -> Asked | None:
    return None if key is None else Asked(key, bytes(32), lambda _outcomes: Reply(200, b""))


def test_of_a_whole_request_nothing_is_predicted_where_something_cannot_be(
    recorder: type[Recorder],
) -> None:
    model = Model()
    model.gate.set()
    sources = [Source("a", png(1)), Source("b", b"nothing"), Source("c", png(2))]
    assert labels(run(model, lambda service: service.predict(sources, whole=True))) == ["not an image"]
    assert (model.batches, recorder.batches) == ([], (1,))
    assert labels(run(model, lambda service: service.predict(sources[::2], whole=True))) == ["1.0", "2.0"]


def test_an_idle_model_waits_for_nobody() -> None:
    model = Model()
    model.gate.set()

    async def work(service: Service) -> list[Any]:
        return [await service.predict([Source(str(n), png(n))]) for n in range(3)]

    run(model, work)
    assert model.batches == [1, 1, 1]


def test_a_batch_has_a_limit_which_a_request_alone_may_exceed(recorder: type[Recorder]) -> None:
    model = Model()

    async def work(service: Service) -> list[Any]:
        first = await begun(model, service)
        sources = [Source(str(n), png(n)) for n in range(2, 8)]
        others = [
            asyncio.ensure_future(service.predict(part)) for part in (sources, sources[:3], sources[:2])
        ]
        await asyncio.sleep(0.02)
        model.gate.set()
        return list(await asyncio.gather(first, *others))

    outcomes = run(model, work)
    assert labels(outcomes[1]) == ["2.0", "3.0", "4.0", "5.0", "6.0", "7.0"]
    assert recorder.batches == (1, 6, 3, 2)
    assert max(model.batches) == 4


def test_images_of_several_shapes_and_damaged_ones_are_one_batch(recorder: type[Recorder]) -> None:
    model = Model()
    model.gate.set()
    sources = [
        Source("a", png(1)),
        Source("b", png(2, (3, 2))),
        Source("c", b"nothing"),
        Source("d", png(3)),
        Source("e", png(99)),
    ]
    outcomes = run(model, lambda service: service.predict(sources))
    assert labels(outcomes) == ["1.0", "2.0", "not an image", "3.0", "no number"]
    assert recorder.batches == (5,)


@pytest.mark.parametrize(
    ("format_", "size", "light"),
    [("PNG", (9, 9), True), ("PNG", (1100, 1100), False), ("TIFF", (9, 9), False), ("JPEG", (9, 9), False)],
)
def test_what_could_hold_up_a_batch_is_decoded_beforehand(
    format_: str, size: tuple[int, int], light: bool
) -> None:
    target = io.BytesIO()
    Image.new("L", size, 7).save(target, format_)
    model = Model(ImageSpec(2, 2, 1))
    model.gate.set()
    source = Source("x", target.getvalue())
    [item] = run(model, lambda service: service._items([source], at_once=False))
    assert isinstance(item, Pending if light else Sample)
    assert labels(run(model, lambda service: service.predict([source]))) == ["7.0"]


def test_one_image_that_the_model_fails_on_fails_alone() -> None:
    model = Model()
    model.gate.set()
    sources = [Source(str(shade), png(shade)) for shade in (1, 13, 2)]
    assert labels(run(model, lambda service: service.predict(sources))) == [
        "1.0",
        "this image is unlucky",
        "2.0",
    ]


def test_more_is_refused_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "IMAGES_IN_BATCHES", 2)
    model = Model(batch_size=2)

    async def work(service: Service) -> int:
        tasks = [asyncio.ensure_future(service.predict([Source("x", png(1))])) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await service.predict([Source("y", png(2))])
        model.gate.set()
        await asyncio.gather(*tasks)
        return len(await service.predict([Source("y", png(2))]))

    assert run(model, work) == 1


def test_who_does_not_wait_for_an_answer_does_not_hinder_others() -> None:
    model = Model()

    async def work(service: Service) -> list[str]:
        first = await begun(model, service)
        impatient = asyncio.ensure_future(service.predict([Source("x", png(2))]))
        patient = asyncio.ensure_future(service.predict([Source("y", png(3))]))
        await asyncio.sleep(0.01)
        impatient.cancel()
        model.gate.set()
        await first
        return labels(await patient)

    assert run(model, work) == ["3.0"]


def test_a_database_that_is_away_is_told_once_and_asked_again_later(
    monkeypatch: pytest.MonkeyPatch, recorder: type[Recorder], notices: list[str]
) -> None:
    monkeypatch.setattr(service_module, "AWAY_SECONDS", 0.05)
    model = Model()
    model.gate.set()
    recorder.away = True

    async def work(service: Service) -> list[str]:
        for _ in range(3):
            with pytest.raises(DatabaseAway):
                await service.predict([Source("x", png(1))])
        recorder.away = False
        await asyncio.sleep(0.06)
        return labels(await service.predict([Source("x", png(1))]))

    assert run(model, work) == ["1.0"]
    assert notices == ["gone"]


def test_what_waits_at_the_end_is_done() -> None:
    model = Model()

    async def main() -> list[str]:
        service = Service(model, Recorder("test"), Metrics())  # type: ignore[arg-type]
        first = await begun(model, service)
        second = asyncio.ensure_future(service.predict([Source("x", png(2))]))
        while not service._batcher._jobs:
            await asyncio.sleep(0.001)
        model.gate.set()
        await asyncio.to_thread(service.close)
        with pytest.raises(Busy):
            await service.predict([Source("y", png(3))])
        return labels(await first) + labels(await second)

    assert asyncio.run(asyncio.wait_for(main(), 10)) == ["1.0", "2.0"]


def test_trouble_is_not_repeated_with_every_request(
    monkeypatch: pytest.MonkeyPatch, notices: list[str]
) -> None:
    trouble = logging.getLogger("mlpredict.tests")
    limit = RateLimited()
    trouble.addFilter(limit)
    for _ in range(3):
        trouble.error("gone")
        trouble.error("full")
    assert notices == ["gone", "full"]
    monkeypatch.setattr(logs, "SECONDS", 0.0)
    trouble.error("gone")
    trouble.removeFilter(limit)
    assert notices == ["gone", "full", "gone"]


def large_png() -> bytes:
    """So many pixels that another process decodes them."""
    return png(7, (4200, 4200))


def test_a_small_image_passes_large_ones_which_take_turns_by_request() -> None:
    model = Model(ImageSpec(2, 2, 1), batch_size=64)
    model.gate.set()
    ended: list[str] = []

    async def work(service: Service) -> None:
        gate = threading.Event()
        decode = service._decoder.decode_apart

        def slowly(position: int, source: Source) -> Sample | Rejected:
            gate.wait(60)
            return decode(position, source)

        service._decoder.decode_apart = slowly  # type: ignore[method-assign]

        async def ask(name: str, content: bytes, count: int = 1) -> None:
            await service.predict([Source(name, content)] * count)
            ended.append(name)

        target = io.BytesIO()
        Image.new("L", (9, 9), 7).save(target, "JPEG")
        many = asyncio.ensure_future(ask("many", large_png(), 5))
        await asyncio.sleep(0.3)
        one = asyncio.ensure_future(ask("one", large_png()))
        await ask("small", target.getvalue())
        gate.set()
        await asyncio.gather(many, one)

    run(model, work)
    assert ended == ["small", "one", "many"]


def test_a_request_that_takes_too_long_ends_and_stores_nothing(
    monkeypatch: pytest.MonkeyPatch, recorder: type[Recorder]
) -> None:
    monkeypatch.setattr(service_module, "DECODING_SECONDS", 0.1)
    model = Model(ImageSpec(2, 2, 1))
    model.gate.set()

    async def work(service: Service) -> list[Any]:
        decode = service._decoder.decode_apart

        def slowly(position: int, source: Source) -> Sample | Rejected:
            threading.Event().wait(0.5)
            return decode(position, source)

        service._decoder.decode_apart = slowly  # type: ignore[method-assign]
        with pytest.raises(TooMuchWork):
            await service.predict([Source("x", large_png())] * 3)
        assert service._images == 0
        return await service.predict([Source("y", png(1))])

    assert len(run(model, work)) == 1
    assert recorder.batches == (1,)
