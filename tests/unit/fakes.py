"""A model and a store that keep a diary of what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mlpredict.domain import (
    ImageSpec,
    KeyedRequest,
    NewPrediction,
    Prediction,
    PredictionRecord,
    Rejected,
    Run,
    Sample,
)
from tests.unit.images import CREATED

NOT_FINITE = "the model answered NaN or infinity"


@dataclass
class FakeModel:
    """Answers with the mean of the pixels; `unanswered` says which samples get a reason instead."""

    spec: ImageSpec
    unanswered: Callable[[Sample], bool] = lambda _sample: False
    batches: list[list[str]] = field(default_factory=list)
    workers: int = 1

    def predict(self, samples: Sequence[Sample]) -> list[Prediction | str]:
        assert samples, "the model is not asked about nothing"
        assert len({sample.pixels.shape for sample in samples}) == 1
        self.batches.append([sample.source.filename for sample in samples])
        return [
            NOT_FINITE if self.unanswered(sample) else Prediction(f"[{sample.pixels.mean()}]", 0, "0", 1.0)
            for sample in samples
        ]


@dataclass
class Transaction:
    """One call of `add`."""

    predictions: list[NewPrediction]
    failures: list[Rejected]

    @property
    def stored(self) -> list[str]:
        return [new.filename or "" for new in self.predictions]

    @property
    def failed(self) -> list[str]:
        return [failure.source.filename for failure in self.failures]


@dataclass
class FakeStore:
    """Remembers transactions; `known` are the digests of what the model has predicted already."""

    known: set[bytes] = field(default_factory=set)
    transactions: list[Transaction] = field(default_factory=list)
    error: Exception | None = None
    objects: dict[bytes, bytes] = field(default_factory=dict)

    def add(
        self,
        run: Run,
        predictions: Sequence[NewPrediction],
        failures: Sequence[Rejected],
        requests: Sequence[KeyedRequest] = (),
    ) -> list[PredictionRecord]:
        if self.error is not None:
            raise self.error
        before = sum(len(one.predictions) for one in self.transactions)
        self.transactions.append(Transaction(list(predictions), list(failures)))
        self.known |= {new.input.sha256 for new in predictions}
        return [
            PredictionRecord(
                prediction_id=before + number,
                input_id=before + number,
                run_id=run.run_id,
                filename=new.filename,
                contenttype=new.contenttype,
                prediction=new.prediction.values,
                likely_class=new.prediction.likely_class,
                label=new.prediction.label,
                score=new.prediction.score,
                model=run.model,
                created_at=CREATED,
            )
            for number, new in enumerate(predictions, 1)
        ]

    def predicted(self, fingerprint: str, digests: Sequence[bytes]) -> set[bytes]:
        return self.known & set(digests)

    def predicted_names(self, fingerprint: str, digests: Sequence[bytes]) -> set[tuple[bytes, str]]:
        stored = [
            (new.input.sha256, new.filename or "") for one in self.transactions for new in one.predictions
        ]
        return {(digest, name) for digest, name in stored if digest in digests}

    def remember_objects(self, objects: Mapping[bytes, bytes]) -> None:
        self.objects |= objects
