"""One batch: selected, predicted, recorded. The command, the server and the Python API all use this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlpredict.domain import Prediction, PredictionRecord, Rejected, Sample, Source
from mlpredict.pipeline.recording import Recorder


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
