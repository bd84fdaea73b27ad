"""The predict use case: sources → batches → model → recorder → records.

Three kinds of thread work at once, each some batches ahead of the next: one that finds and reads
files (with helpers where images are large), as many that run the model as there are cores, and the
caller's, which records. Pillow decodes small images holding the interpreter's lock, so that a second
decoding thread would only be in the way; large ones, and the model, run without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from mlpredict.ahead import made_ahead, mapped_ahead
from mlpredict.domain import ImageSpec, Prediction, PredictionRecord, Rejected, Sample, Source
from mlpredict.inputs.decode import decode
from mlpredict.inputs.discover import STDIN, discover
from mlpredict.recording import Recorder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Decoded batches that wait for the model.
BATCHES_AHEAD = 1
# A batch is closed early when its files add up to this: it travels to the database in one piece.
BATCH_BYTES = 32 << 20
# Sources that one decoding thread takes at a time.
CHUNK = 8
# Files from here on, on average, decode long enough without the interpreter's lock for helpers.
LARGE_FILE_BYTES = 32 << 10
EXAMPLE_IMAGES = 8


class Predictor(Protocol):
    """The model, as far as the pipeline knows it."""

    @property
    def spec(self) -> ImageSpec: ...

    @property
    def workers(self) -> int:
        """How many threads may call `predict` at once."""
        ...

    def predict(self, samples: Sequence[Sample]) -> list[Prediction | str]: ...


@dataclass(frozen=True, slots=True)
class Skipped:
    """A source whose image this model has predicted already."""

    source: Source


Outcome = PredictionRecord | Rejected | Skipped


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch on its way through the model; what is skipped stays out of it."""

    fresh: list[Sample]
    failures: list[Rejected]
    skipped: list[Sample]


def predict(
    names: Iterable[str], model: Predictor, recorder: Recorder, *, batch_size: int
) -> Iterator[list[Outcome]]:
    """Predict what files, folders and `-` name, a batch at a time.

    A batch is given when it has been recorded, never before; within it, outcomes stand in the order
    of their sources. Memory is a few batches, however many names there are.
    """
    decoded = made_ahead(_batches(_decoded(names, model), batch_size), BATCHES_AHEAD)
    selected = (_select(batch, recorder) for batch in decoded)
    for batch, answers in mapped_ahead(lambda batch: _answers(batch, model), selected, lambda: model.workers):
        yield _record(batch, answers, recorder)


def examples(names: Iterable[str], spec: ImageSpec) -> NDArray[np.uint8]:
    """The first few images that names lead to, as pixels of shape (images, height, width, channels).

    Standard input is left alone: it can be read only once.
    """
    import numpy as np

    from mlpredict.inference.model import no_examples

    found = islice(discover(name for name in names if name != STDIN), EXAMPLE_IMAGES)
    decoded = [decode(n, item, spec) for n, item in enumerate(found) if isinstance(item, Source)]
    pixels = [item.pixels for item in decoded if isinstance(item, Sample)]
    alike = [image for image in pixels if image.shape == pixels[0].shape]
    return np.stack(alike) if alike else no_examples(spec)


class _Decoder:
    """Decodes chunks of sources, and watches how large their files are."""

    def __init__(self, spec: ImageSpec) -> None:
        self._spec = spec
        self._file_bytes = 0

    def __call__(self, chunk: Sequence[tuple[int, Source | Rejected]]) -> list[Sample | Rejected]:
        items = [
            decode(position, found, self._spec) if isinstance(found, Source) else found
            for position, found in chunk
        ]
        self._file_bytes = sum(len(item.content) for item in items if isinstance(item, Sample)) // len(items)
        return items

    @property
    def has_large_files(self) -> bool:
        return self._file_bytes >= LARGE_FILE_BYTES


def _decoded(names: Iterable[str], model: Predictor) -> Iterator[Sample | Rejected]:
    decoder = _Decoder(model.spec)
    found = enumerate(discover(names))
    chunks = iter(lambda: list(islice(found, CHUNK)), [])
    helpers = mapped_ahead(decoder, chunks, lambda: model.workers if decoder.has_large_files else 0)
    for _, items in helpers:
        yield from items


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


def _select(batch: Sequence[Sample | Rejected], recorder: Recorder) -> _Batch:
    samples = [item for item in batch if isinstance(item, Sample)]
    failures = [item for item in batch if isinstance(item, Rejected)]
    known = recorder.skipped(samples) if samples else set()
    fresh = [sample for sample in samples if sample.position not in known]
    return _Batch(fresh, failures, [sample for sample in samples if sample.position in known])


def _answers(batch: _Batch, model: Predictor) -> list[Prediction | str]:
    return model.predict(batch.fresh) if batch.fresh else []


def _record(batch: _Batch, answers: Sequence[Prediction | str], recorder: Recorder) -> list[Outcome]:
    """Record one batch; its outcomes in the order of their sources."""
    failures = list(batch.failures)
    answered: list[tuple[Sample, Prediction]] = []
    for sample, answer in zip(batch.fresh, answers, strict=True):
        if isinstance(answer, str):
            failures.append(Rejected(sample.position, sample.source, answer))
        else:
            answered.append((sample, answer))
    records = recorder.record(answered, failures)
    outcomes: dict[int, Outcome] = {sample.position: Skipped(sample.source) for sample in batch.skipped}
    outcomes |= {failure.position: failure for failure in failures}
    outcomes |= {sample.position: record for (sample, _), record in zip(answered, records, strict=True)}
    return [outcomes[position] for position in sorted(outcomes)]
