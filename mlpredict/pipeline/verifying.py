"""Stored predictions → their images decoded and predicted once more → what is the same and what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mlpredict.domain import EngineName, Keep, Prediction, Rejected, Sample
from mlpredict.domain.environments import Facts, differences
from mlpredict.domain.stored import Trouble
from mlpredict.domain.verification import (
    Finding,
    Made,
    RecordedModel,
    StoredAnswer,
    Verdict,
    Verification,
)
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.pipeline.batch import Batch, predicted
from mlpredict.pipeline.environment import environment_of
from mlpredict.pipeline.predicting import OnItsWay, batches_ahead
from mlpredict.pipeline.recorded_models import Found, NotHere, Search
from mlpredict.pipeline.same_answer import Rule
from mlpredict.pipeline.same_best import Best
from mlpredict.pipeline.stored_inputs import InputStore, decoded_inputs
from mlpredict.support.ahead import mapped_ahead, never

if TYPE_CHECKING:
    from mlpredict.inference.model import Model

OF_2020 = "nothing says by which model: the 2020 program, or another, stored it"
OF_BATCH = "TensorFlow's last bits depend on the batch"
NOT_RECORDED = "nothing was recorded of what it was made with"
NO_IMAGE = "its image is not stored any more"
ANSWERS_AT_ONCE = 1000
ANOTHER_IMAGE = "the stored image is not the one that was predicted: its SHA-256 is another"
ANOTHER_FILE = "the file that is referred to has changed since it was predicted: its SHA-256 is another"


class Stored(Protocol):
    """What is read of the database beside images, on another connection than these."""

    def answers(self, ids: Sequence[int]) -> Iterator[StoredAnswer]: ...

    def model(self, model_id: int) -> RecordedModel: ...

    def environment(self, environment_id: int) -> Facts | None: ...


class Pending(NamedTuple):
    """A stored answer whose image is on its way through the model."""

    answer: StoredAnswer
    kept: str | None
    trouble: Trouble | None


@dataclass(slots=True)
class Verifier:
    """Makes stored predictions once more, and counts what comes of it in `done`."""

    stored: Stored
    images: InputStore
    search: Search
    done: Verification
    stored_label: Callable[[str], str]
    limits: Limits = USUAL_LIMITS
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
        model, pending, answers = found.model, dict[int, Pending](), _Answers(self.stored, ids)
        rule = self._rule(made, model)
        with batches_ahead(self._items(ids, model, answers, pending), model.batch_size) as decoded:
            for items, said in mapped_ahead(
                lambda items: _predicted(items, model), iter(decoded), model.workers, self.enough
            ):
                self._compare(items, said, pending, rule)
                count = len(items)
                make_room = items.make_room if isinstance(items, OnItsWay) else None
                del items, said
                if make_room is not None:
                    make_room()
                yield count
        for one in answers.without_image:
            self.done.find(Finding(one, Verdict.CANNOT_RUN, NO_IMAGE, is_fault=True))
        yield len(answers.without_image)

    def _items(
        self, ids: Sequence[int], model: Model, answers: _Answers, pending: dict[int, Pending]
    ) -> Iterator[Sample | Rejected]:
        """The images of predictions, decoded; what is stored of each waits under the image's position."""
        for stored, item, trouble in decoded_inputs(
            self.images, ids, model.spec, own=True, limits=self.limits
        ):
            if (answer := answers.taken(stored.prediction_id)) is not None:
                pending[item.position] = Pending(answer, stored.kept, trouble)
                yield item
            del item
        answers.read_on()

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
        best = Best.of_run(before, model.reader)
        reader, told = model.reader, self.stored_label
        return Rule(reader.of_stored, self.done.tolerance, not because, because, told, best)

    def _compare(
        self,
        items: Sequence[Sample | Rejected],
        said: Mapping[int, Prediction | str],
        pending: dict[int, Pending],
        rule: Rule,
    ) -> None:
        identical = 0
        for item in items:
            answer, kept, trouble = pending.pop(item.position)
            now = said.get(item.position)
            if isinstance(item, Rejected):
                finding: Finding | None = _unusable(answer, kept, item, trouble)
            elif isinstance(now, Prediction):
                finding = rule.finding(answer, now)
                self.done.best_only += rule.best is not None
            else:
                finding = Finding(answer.prediction_id, Verdict.CANNOT_RUN, str(now))
            if finding is None:
                identical += 1
            else:
                self.done.find(finding)
        self.done.identical(identical)


class _Answers:
    """What is stored of predictions, read in blocks and taken in the order of their ids."""

    def __init__(self, stored: Stored, ids: Sequence[int]) -> None:
        self.without_image: list[int] = []
        """The predictions that nobody took, as they have no image."""
        self._stored = stored
        self._blocks = (ids[at : at + ANSWERS_AT_ONCE] for at in range(0, len(ids), ANSWERS_AT_ONCE))
        self._known: dict[int, StoredAnswer] = {}
        self._last = -1

    def taken(self, prediction_id: int) -> StoredAnswer | None:
        """What is stored of a prediction; None where it has been deleted meanwhile."""
        while prediction_id > self._last and self._read():
            pass
        return self._known.pop(prediction_id, None)

    def read_on(self) -> None:
        """Read what is left: the images have come to their end."""
        while self._read():
            pass

    def _read(self) -> bool:
        self.without_image += self._known
        block = next(self._blocks, None)
        self._known = {} if block is None else {one.prediction_id: one for one in self._stored.answers(block)}
        self._last = self._last if block is None else block[-1]
        return block is not None


def _predicted(items: Sequence[Sample | Rejected], model: Model) -> dict[int, Prediction | str]:
    samples = [item for item in items if isinstance(item, Sample)]
    answers = predicted(Batch(samples, [], []), model, model.batch_size)
    return {sample.position: answer for sample, answer in zip(samples, answers, strict=True)}


def _unusable(answer: StoredAnswer, kept: str | None, item: Rejected, trouble: Trouble | None) -> Finding:
    """Why an image can prove nothing: that it is another is a fault, that a file is gone is none."""
    reason = item.reason.removeprefix(f"input {answer.input_id}: ")
    is_reference = kept == Keep.REFERENCE
    if trouble is Trouble.CHANGED:
        reason = ANOTHER_FILE if is_reference else ANOTHER_IMAGE
    elif trouble is Trouble.UNAVAILABLE and is_reference:
        reason = f"the file that is referred to cannot be had: {reason.rpartition(': ')[2]}"
    is_fault = trouble is Trouble.CHANGED or (trouble is Trouble.UNAVAILABLE and not is_reference)
    return Finding(answer.prediction_id, Verdict.CANNOT_RUN, reason, is_fault=is_fault)
