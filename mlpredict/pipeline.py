"""The predict use case: sources → batches → model → repository → records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from mlpredict.ahead import made_ahead
from mlpredict.domain import (
    ImageSpec,
    Keep,
    NewPrediction,
    Prediction,
    PredictionRecord,
    Preprocessing,
    Rejected,
    Run,
    Sample,
    Source,
)
from mlpredict.inputs.decode import decode
from mlpredict.inputs.discover import STDIN, discover
from mlpredict.inputs.keep import new_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Decoded batches that wait for the model: one being decoded, one waiting, one running.
BATCHES_AHEAD = 1
# A batch is closed early when its files add up to this: it travels to the database in one piece.
BATCH_BYTES = 32 << 20
EXAMPLE_IMAGES = 8


class Predictor(Protocol):
    """The model, as far as the pipeline knows it."""

    @property
    def spec(self) -> ImageSpec: ...

    def predict(self, samples: Sequence[Sample]) -> list[Prediction | str]: ...


class Store(Protocol):
    """The repository, as far as the pipeline knows it."""

    def add(
        self, run: Run, predictions: Sequence[NewPrediction], failures: Sequence[Rejected]
    ) -> list[PredictionRecord]: ...

    def predicted(self, fingerprint: str, digests: Sequence[bytes]) -> set[bytes]: ...


@dataclass(frozen=True, slots=True)
class Skipped:
    """A source whose image this model has predicted already."""

    source: Source


Outcome = PredictionRecord | Rejected | Skipped


class Recorder(Protocol):
    """What becomes of a batch's predictions before anybody sees them."""

    def skipped(self, samples: Sequence[Sample]) -> set[int]:
        """The positions of samples that need no prediction."""
        ...

    def record(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> list[PredictionRecord]:
        """Keep the predictions, and give them as they are printed."""
        ...


@dataclass(frozen=True, slots=True)
class Storing:
    """Keeps every batch in the repository, in one transaction."""

    store: Store
    run: Run
    keep: Keep
    preprocessing: Preprocessing
    skip_existing: str | None = None
    """The fingerprint whose predictions are not repeated."""

    def skipped(self, samples: Sequence[Sample]) -> set[int]:
        if self.skip_existing is None:
            return set()
        known = self.store.predicted(self.skip_existing, [sample.sha256 for sample in samples])
        positions = set()
        for sample in samples:
            if sample.sha256 in known:
                positions.add(sample.position)
            # The same image again in this batch will be there by then.
            known.add(sample.sha256)
        return positions

    def record(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> list[PredictionRecord]:
        name = preprocessing_name(self.preprocessing)
        new = [
            NewPrediction(
                sample.position,
                sample.source.filename,
                sample.contenttype,
                new_input(sample, self.keep, name),
                prediction,
            )
            for sample, prediction in answered
        ]
        return self.store.add(self.run, new, failures) if new or failures else []


@dataclass(frozen=True, slots=True)
class NotStoring:
    """Gives every prediction at once and keeps none."""

    model: str

    def skipped(self, samples: Sequence[Sample]) -> set[int]:
        return set()

    def record(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> list[PredictionRecord]:
        return [
            PredictionRecord(
                prediction_id=None,
                input_id=None,
                run_id=None,
                filename=sample.source.filename,
                contenttype=sample.contenttype,
                prediction=prediction.values,
                likely_class=prediction.likely_class,
                label=prediction.label,
                score=prediction.score,
                model=self.model,
                created_at=None,
            )
            for sample, prediction in answered
        ]


def predict(
    names: Iterable[str], model: Predictor, recorder: Recorder, *, batch_size: int
) -> Iterator[list[Outcome]]:
    """Predict what files, folders and `-` name, a batch at a time.

    A batch is given when it has been recorded, never before; within it, outcomes stand in the order
    of their sources. Memory is a few batches, however many names there are.
    """
    items = (_decoded(found, position, model.spec) for position, found in enumerate(discover(names)))
    for batch in made_ahead(_batches(items, batch_size), BATCHES_AHEAD):
        yield _settle(batch, model, recorder)


def examples(names: Iterable[str], spec: ImageSpec) -> NDArray[np.uint8]:
    """The first few images that names lead to, as pixels of shape (images, height, width, channels).

    Standard input is left alone: it can be read only once.
    """
    import numpy as np

    from mlpredict.inference.model import no_examples

    found = islice(discover(name for name in names if name != STDIN), EXAMPLE_IMAGES)
    decoded = [_decoded(item, n, spec) for n, item in enumerate(found)]
    pixels = [item.pixels for item in decoded if isinstance(item, Sample)]
    alike = [image for image in pixels if image.shape == pixels[0].shape]
    return np.stack(alike) if alike else no_examples(spec)


def preprocessing_name(preprocessing: Preprocessing) -> str:
    """A short name for one way of preprocessing: eight hexadecimal digits."""
    text = json.dumps(asdict(preprocessing), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _decoded(found: Source | Rejected, position: int, spec: ImageSpec) -> Sample | Rejected:
    return decode(position, found, spec) if isinstance(found, Source) else found


def _batches(items: Iterable[Sample | Rejected], size: int) -> Iterator[list[Sample | Rejected]]:
    """Consecutive items, closed when they are `size` or heavy, or when the next image has another shape."""
    batch: list[Sample | Rejected] = []
    weight, shape = 0, None
    for item in items:
        if isinstance(item, Sample):
            if shape is not None and item.pixels.shape != shape:
                yield batch
                batch, weight = [], 0
            shape = item.pixels.shape
            weight += len(item.content) + item.pixels.nbytes
        batch.append(item)
        if len(batch) >= size or weight >= BATCH_BYTES:
            yield batch
            batch, weight, shape = [], 0, None
    if batch:
        yield batch


def _settle(batch: Sequence[Sample | Rejected], model: Predictor, recorder: Recorder) -> list[Outcome]:
    """Predict and record one batch; its outcomes in the order of their sources."""
    samples = [item for item in batch if isinstance(item, Sample)]
    skipped = recorder.skipped(samples) if samples else set()
    fresh = [sample for sample in samples if sample.position not in skipped]
    outcomes: dict[int, Outcome] = {
        sample.position: Skipped(sample.source) for sample in samples if sample.position in skipped
    }
    answered: list[tuple[Sample, Prediction]] = []
    failures = [item for item in batch if isinstance(item, Rejected)]
    for sample, answer in zip(fresh, model.predict(fresh) if fresh else [], strict=True):
        if isinstance(answer, str):
            failures.append(Rejected(sample.position, sample.source, answer))
        else:
            answered.append((sample, answer))
    records = recorder.record(answered, failures)
    outcomes |= {failure.position: failure for failure in failures}
    outcomes |= {sample.position: record for (sample, _), record in zip(answered, records, strict=True)}
    return [outcomes[position] for position in sorted(outcomes)]
