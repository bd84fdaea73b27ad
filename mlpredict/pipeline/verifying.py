"""Stored predictions → their images decoded and predicted once more → what is the same and what is not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mlpredict.domain import EngineName, Prediction, Rejected, Sample
from mlpredict.domain.environments import Facts, differences
from mlpredict.domain.verification import (
    Finding,
    Made,
    RecordedModel,
    StoredAnswer,
    Verdict,
    Verification,
)
from mlpredict.pipeline.batch import Batch, predicted
from mlpredict.pipeline.environment import environment_of
from mlpredict.pipeline.recorded_models import Found, NotHere, Search
from mlpredict.pipeline.same_answer import Rule
from mlpredict.support.ahead import mapped_ahead, never

if TYPE_CHECKING:
    from mlpredict.inference.model import Model

OF_2020 = "nothing says by which model: the 2020 program, or another, stored it"
OF_BATCH = "TensorFlow's last bits depend on the batch"
NOT_RECORDED = "nothing was recorded of what it was made with"
ANOTHER_IMAGE = "the stored image is not the one that was predicted: its SHA-256 is another"
ANOTHER_FILE = "the file that is referred to has changed since it was predicted: its SHA-256 is another"


class Stored(Protocol):
    """What is read of the database beside images."""

    def model(self, model_id: int) -> RecordedModel: ...

    def environment(self, environment_id: int) -> Facts | None: ...


class Pictured(NamedTuple):
    """A stored answer with its image, or why that cannot be had.

    `sha256` is what the hash of the image's own bytes must be; None where nobody knows. `is_damaged` says
    that what is stored of it is none.
    """

    stored: StoredAnswer
    item: Sample | Rejected
    sha256: bytes | None
    is_damaged: bool = False


Pictures = Callable[["Model", Sequence[int]], AbstractContextManager[Iterable[list[Pictured]]]]
"""The predictions of these ids with their images as a model takes them, in batches, in their order."""


@dataclass(slots=True)
class Verifier:
    """Makes stored predictions once more, and counts what comes of it in `done`."""

    stored: Stored
    pictures: Pictures
    search: Search
    done: Verification
    stored_label: Callable[[str], str]
    enough: Callable[[], bool] = never
    _models: dict[tuple[int, str | None], Found | NotHere] = field(default_factory=dict)

    def verify(self, groups: Mapping[Made, Sequence[int]]) -> Iterator[int]:
        """Verify groups of predictions, and tell after each batch how many it had."""
        for made, ids in groups.items():
            if self.enough():
                return
            yield from self._group(made, ids)

    def _group(self, made: Made, ids: Sequence[int]) -> Iterator[int]:
        found = NotHere(OF_2020) if made.model_id is None else self._model(made.model_id, made.engine)
        if isinstance(found, NotHere):
            for one in ids:
                self.done.find(Finding(one, Verdict.CANNOT_RUN, found.reason, is_fault=found.is_fault))
            yield len(ids)
            return
        rule, left = self._rule(made, found.model), len(ids)
        with self.pictures(found.model, ids) as batches:
            for batch, said in mapped_ahead(
                lambda batch: _predicted(batch, found.model),
                iter(batches),
                found.model.workers,
                self.enough,
            ):
                self._compare(batch, said, rule)
                left -= len(batch)
                yield len(batch)
        if left and not self.enough():
            yield left  # they are gone

    def _model(self, model_id: int, engine: str | None) -> Found | NotHere:
        key = (model_id, engine)
        if key not in self._models:
            found = self.search.find(self.stored.model(model_id), engine)
            if isinstance(found, Found) and found.altered is not None:
                self.done.altered.append(found.altered)
            self._models[key] = found
        return self._models[key]

    def _rule(self, made: Made, model: Model) -> Rule:
        """How the predictions of a group are compared: to the bit where nothing else can explain another."""
        now = environment_of(model).facts
        before = None if made.environment_id is None else self.stored.environment(made.environment_id)
        if before is not None and made.environment_id is not None:
            self.done.environments[made.environment_id] = before
        because = NOT_RECORDED if before is None else "; ".join(differences(before, now))
        if not because and model.engine.name is EngineName.TENSORFLOW:
            because = OF_BATCH
        return Rule(model.reader.of_stored, self.done.tolerance, not because, because, self.stored_label)

    def _compare(self, batch: Sequence[Pictured], said: Mapping[int, Prediction | str], rule: Rule) -> None:
        identical = 0
        for one in batch:
            finding = _unusable(one)
            if finding is None:
                answer = said[one.item.position]
                if isinstance(answer, str):
                    finding = Finding(one.stored.prediction_id, Verdict.CANNOT_RUN, answer)
                else:
                    finding = rule.finding(one.stored, answer)
            if finding is None:
                identical += 1
            else:
                self.done.find(finding)
        self.done.identical(identical)


def _predicted(batch: Sequence[Pictured], model: Model) -> dict[int, Prediction | str]:
    samples = [one.item for one in batch if isinstance(one.item, Sample)]
    answers = predicted(Batch(samples, [], []), model, model.batch_size)
    return {sample.position: answer for sample, answer in zip(samples, answers, strict=True)}


def _unusable(pictured: Pictured) -> Finding | None:
    """Why an image cannot prove anything; the hash is looked at first, as damage may look like anything."""
    stored, item, sha256, is_damaged = pictured
    content = item.source.content
    if isinstance(item, Sample):
        digest: bytes | None = item.sha256
    else:
        digest = None if content is None else hashlib.sha256(content).digest()
    if sha256 is not None and digest is not None and digest != sha256:
        reason = ANOTHER_FILE if content is None else ANOTHER_IMAGE
        return Finding(stored.prediction_id, Verdict.CANNOT_RUN, reason, is_fault=True)
    if isinstance(item, Rejected):
        return Finding(stored.prediction_id, Verdict.CANNOT_RUN, item.reason, is_fault=is_damaged)
    return None
