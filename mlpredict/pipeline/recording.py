"""What becomes of predictions: stored batch by batch, or only printed."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from mlpredict.domain import (
    EngineName,
    Keep,
    ModelIdentity,
    NewPrediction,
    Prediction,
    PredictionRecord,
    Preprocessing,
    Rejected,
    Run,
    Sample,
)
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import InputsGone, WrongValue
from mlpredict.inputs.difference_hash import hashes_of
from mlpredict.inputs.kept import new_input
from mlpredict.inputs.pages import page_of
from mlpredict.inputs.remote.versions import version_of
from mlpredict.inputs.stored import stored_input
from mlpredict.pipeline.environment import environment_of

if TYPE_CHECKING:
    from mlpredict.domain import KeyedRequest
    from mlpredict.domain.environments import Environment
    from mlpredict.domain.predictions import Kept
    from mlpredict.inference.model import Model

PIXELS_VERSION = 3
"""Counts up when the same words come to mean other pixels: what was kept before stays what it was.

1 decoded large images at a part of their size, unless they were told not to. 2 took some TIFF files for
darker than they are, and 12 bits in 16 for 16.
"""

DELETED = "the image was deleted while it was predicted"

ImageKey = tuple[bytes, int]
"""The SHA-256 of a file, and a page of it."""


class Store(Protocol):
    """The repository, as far as the pipeline knows it."""

    def add(
        self,
        run: Run,
        predictions: Sequence[NewPrediction],
        failures: Sequence[Rejected],
        requests: Sequence[KeyedRequest] = (),
    ) -> list[PredictionRecord]: ...

    def predicted(self, fingerprint: str, digests: Sequence[bytes]) -> set[bytes]: ...

    def predicted_names(self, fingerprint: str, digests: Sequence[bytes]) -> set[tuple[bytes, str]]: ...

    def remember_objects(self, objects: Mapping[bytes, bytes]) -> None: ...


class RunStore(Store, Protocol):
    """The repository, as far as a run knows it."""

    def start_run(
        self,
        model: ModelIdentity,
        *,
        engine: EngineName,
        keep: Kept,
        environment: Environment | None = None,
    ) -> Run: ...


class Recorder(Protocol):
    """What becomes of a batch's predictions before anybody sees them."""

    def skipped(self, samples: Sequence[Sample]) -> set[int]:
        """The positions of samples that need no prediction."""
        ...

    def record(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> list[PredictionRecord | Rejected]:
        """Keep the predictions, and give them as they are printed; what could not be kept is rejected."""
        ...


@dataclass(frozen=True, slots=True)
class Storing:
    """Keeps every batch in the repository, in one transaction."""

    store: Store
    run: Run
    keep: Kept
    preprocessing: Preprocessing
    skip_existing: str | None = None
    """The fingerprint whose predictions are not repeated."""
    requests: Sequence[KeyedRequest] = ()
    """Those whose replies are stored with a batch."""
    _in_flight: dict[int, ImageKey] = field(default_factory=dict)
    """Images that are being predicted, and are yet to be recorded, by position."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """One batch is looked up while another is recorded, and the database takes one at a time."""

    def answering(self, requests: Sequence[KeyedRequest]) -> Storing:
        """The same for a batch whose transaction stores the replies to requests, too."""
        return replace(self, requests=requests)

    def skipped(self, samples: Sequence[Sample]) -> set[int]:
        if self.skip_existing is None:
            return set()
        with self._lock:
            known = self._known(samples, self.skip_existing)
            # They had to be fetched to be known: not another time.
            passed = (sample for sample in samples if sample.position in known)
            objects = {version: one.sha256 for one in passed if (version := version_of(one)) is not None}
            if objects:
                self.store.remember_objects(objects)
        return known

    def _known(self, samples: Sequence[Sample], fingerprint: str) -> set[int]:
        digests = self.store.predicted(fingerprint, [sample.sha256 for sample in samples])
        known: set[ImageKey] = {(digest, 1) for digest in digests}
        if paged := {sample.sha256 for sample in samples if sample.pages > 1} & digests:
            # The file of a page is that of the others: its name tells which one was predicted.
            known = {key for key in known if key[0] not in paged}
            names = self.store.predicted_names(fingerprint, sorted(paged))
            known |= {(digest, page_of(name)) for digest, name in names}
        known.update(self._in_flight.values())
        positions = set()
        for sample in samples:
            key = (sample.sha256, sample.source.page or 1)
            if key in known:
                positions.add(sample.position)
            else:
                self._in_flight[sample.position] = key
                known.add(key)
        return positions

    def record(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> list[PredictionRecord | Rejected]:
        name = preprocessing_name(self.preprocessing)
        looks = hashes_of([sample.miniature for sample, _ in answered])
        new = [
            self._new(sample, prediction, name, look)
            for (sample, prediction), look in zip(answered, looks, strict=True)
        ]
        gone: dict[int, Rejected] = {}
        with self._lock:
            while True:
                left = [one for one in new if one.position not in gone]
                try:
                    records = self._add(left, [*failures, *gone.values()])
                    break
                except InputsGone as error:
                    lost = _gone(answered, error.input_ids)
                    if not lost.keys() - gone.keys():
                        raise  # it would be refused again, without an end
                    gone |= lost
            for position in (*(one.position for one in new), *(one.position for one in failures)):
                self._in_flight.pop(position, None)
        kept = iter(records)
        return [gone.get(one.position) or next(kept) for one in new]

    def _add(self, new: Sequence[NewPrediction], failures: Sequence[Rejected]) -> list[PredictionRecord]:
        return self.store.add(self.run, new, failures, self.requests) if new or failures else []

    def _new(
        self, sample: Sample, prediction: Prediction, preprocessing: str, look: int | None
    ) -> NewPrediction:
        if (stored := sample.source.stored) is not None:
            contenttype = stored.contenttype or sample.contenttype
            return NewPrediction(
                sample.position, stored.filename, contenttype, stored_input(sample, stored), prediction
            )
        keep = Keep.MODEL_INPUT if sample.is_model_input else as_keep(self.keep)
        kept = new_input(sample, keep, preprocessing, look)
        name, version = sample.source.filename, version_of(sample)
        return NewPrediction(sample.position, name, sample.contenttype, kept, prediction, version)


def _gone(answered: Sequence[tuple[Sample, Prediction]], input_ids: Collection[int]) -> dict[int, Rejected]:
    return {
        sample.position: Rejected(sample.position, sample.source, DELETED)
        for sample, _ in answered
        if sample.source.stored is not None and sample.source.stored.image.input_id in input_ids
    }


@dataclass(frozen=True, slots=True)
class NotStoring:
    """Gives every prediction at once and keeps none."""

    model: str

    def skipped(self, samples: Sequence[Sample]) -> set[int]:
        return set()

    def record(
        self, answered: Sequence[tuple[Sample, Prediction]], failures: Sequence[Rejected]
    ) -> list[PredictionRecord | Rejected]:
        return [
            PredictionRecord.of(
                prediction,
                filename=sample.source.filename,
                contenttype=sample.contenttype,
                model=self.model,
            )
            for sample, prediction in answered
        ]


def as_keep(keep: Kept) -> Keep | KeepIn:
    """What new images are stored as.

    Raises:
        ValueError: the run has none.
    """
    return keep if isinstance(keep, KeepIn) else Keep(keep)


def check_keep(keep: Kept, model: ModelIdentity, preprocessing: Preprocessing) -> None:
    """Refuse to keep what cannot be kept as it is.

    Raises:
        WrongValue: the model's input has values between whole levels, which no PNG holds.
    """
    if keep is Keep.MODEL_INPUT and not preprocessing.rounds:
        raise WrongValue(
            "keep",
            str(keep),
            f"{model} is given values between whole levels (antialias = false), which no image file holds",
            hint=f"{Keep.ORIGINAL} keeps the file, from which the same values can be made again",
        )


def start_recording(
    model: Model, store: RunStore, *, keep: Kept, skip_existing: bool = False
) -> tuple[Storing, Run]:
    """Begin a run of a model, and what keeps its predictions.

    Raises:
        UsageError: the model's input cannot be kept as it is.
        DatabaseError: the run cannot be stored.
    """
    check_keep(keep, model.identity, model.spec.preprocessing)
    run = store.start_run(
        model.identity, engine=model.engine.name, keep=keep, environment=environment_of(model)
    )
    skipping = model.identity.fingerprint if skip_existing else None
    return Storing(store, run, keep, model.spec.preprocessing, skipping), run


def preprocessing_name(preprocessing: Preprocessing) -> str:
    """A short name for one way of preprocessing: eight hexadecimal digits."""
    text = json.dumps({"pixels": PIXELS_VERSION, **preprocessing.stated()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
