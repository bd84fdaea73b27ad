"""One batch: selected, predicted, recorded. The command, the server and the Python API all do it here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from mlpredict.domain import ImageSpec, Prediction, PredictionRecord, Rejected, Sample, Source
from mlpredict.errors import ModelError, StoredElsewhere
from mlpredict.pipeline.recording import Recorder


class Predictor(Protocol):
    """The model, as far as the pipeline knows it."""

    @property
    def spec(self) -> ImageSpec: ...

    @property
    def workers(self) -> int:
        """How many threads may call `predict` at once."""
        ...

    def predict(self, samples: Sequence[Sample]) -> list[Prediction | str]: ...


class Skipped(NamedTuple):
    """A source whose image this model has predicted already."""

    source: Source


Outcome = PredictionRecord | Rejected | Skipped


class Batch(NamedTuple):
    """A batch on its way through the model; what is skipped stays out of it."""

    fresh: list[Sample]
    failures: list[Rejected]
    skipped: list[Sample | Rejected]


def select(items: Sequence[Sample | Rejected], recorder: Recorder) -> Batch:
    """What of decoded sources is to be predicted, and what is not."""
    samples = [item for item in items if isinstance(item, Sample)]
    rejected = [item for item in items if isinstance(item, Rejected)]
    failures = [item for item in rejected if item.predicted is None]
    not_fetched = [item for item in rejected if item.predicted is not None]
    known = recorder.skipped(samples) if samples else set()
    fresh = [sample for sample in samples if sample.position not in known]
    return Batch(fresh, failures, [*not_fetched, *(sample for sample in samples if sample.position in known)])


def predicted(batch: Batch, model: Predictor, most: int | None = None) -> list[Prediction | str]:
    """What the model says of each fresh sample, in their order, or the reason why it says nothing.

    Samples of one shape go through the model together, at most `most` at a time.
    """
    said: dict[int, Prediction | str] = {}
    for alike in _of_one_shape(batch.fresh, most or len(batch.fresh)):
        positions = (sample.position for sample in alike)
        said.update(zip(positions, _said(alike, model), strict=True))
    return [said[sample.position] for sample in batch.fresh]


def recorded(batch: Batch, said: Sequence[Prediction | str], recorder: Recorder) -> dict[int, Outcome]:
    """Record one batch; its outcomes by position, in the order of their sources.

    What another process has recorded meanwhile counts as skipped.
    """
    elsewhere: frozenset[int] = frozenset()
    while True:
        try:
            return _recorded(batch, said, recorder, elsewhere)
        except StoredElsewhere as error:
            elsewhere |= error.positions


def _recorded(
    batch: Batch, said: Sequence[Prediction | str], recorder: Recorder, elsewhere: frozenset[int]
) -> dict[int, Outcome]:
    items: list[Sample | Rejected] = [*batch.fresh, *batch.failures, *batch.skipped]
    failures = [failure for failure in batch.failures if failure.position not in elsewhere]
    answered: list[tuple[Sample, Prediction]] = []
    for sample, answer in zip(batch.fresh, said, strict=True):
        if sample.position in elsewhere:
            continue
        if isinstance(answer, str):
            failures.append(Rejected(sample.position, sample.source, answer))
        else:
            answered.append((sample, answer))
    records = recorder.record(answered, failures)
    outcomes: dict[int, Outcome] = {item.position: Skipped(item.source) for item in items}
    outcomes |= {failure.position: failure for failure in failures}
    outcomes |= {sample.position: record for (sample, _), record in zip(answered, records, strict=True)}
    return dict(sorted(outcomes.items(), key=lambda item: item[0]))


def _of_one_shape(samples: Sequence[Sample], most: int) -> Iterator[list[Sample]]:
    shapes: dict[tuple[int, ...], list[Sample]] = {}
    for sample in samples:
        shapes.setdefault(sample.pixels.shape, []).append(sample)
    for alike in shapes.values():
        for start in range(0, len(alike), most):
            yield alike[start : start + most]


def _said(samples: Sequence[Sample], model: Predictor) -> list[Prediction | str]:
    """What the model says; where it refuses several images, each is tried alone, as one may be at fault."""
    try:
        return model.predict(samples)
    except ModelError as error:
        if len(samples) == 1:
            return [error.message]
        return [answer for sample in samples for answer in _said([sample], model)]
