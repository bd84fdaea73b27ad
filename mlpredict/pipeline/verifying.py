"""Stored predictions → their images decoded and predicted once more → what is the same and what is not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mlpredict.domain import EngineName, Keep, Prediction, Rejected, Sample, Source
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
    from mlpredict.inputs.decoder_pool import Decoders

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
class ModelsUsed:
    """The models that predictions were made with, each found once."""

    stored: Stored
    search: Search
    done: Verification
    """Gets what is wrong with what the database says of them."""
    _known: dict[tuple[int, str | None], Found | NotHere] = field(default_factory=dict)

    def of(self, made: Made) -> Found | NotHere:
        """The model of a group of predictions, or why there is none."""
        if made.model_id is None:
            return NotHere(OF_2020)
        key = (made.model_id, made.engine)
        if key not in self._known:
            found = self.search.find(self.stored.model(made.model_id), made.engine)
            if isinstance(found, Found) and found.altered is not None:
                self.done.alter(found.altered)
            self._known[key] = found
        return self._known[key]


def count_without_model(done: Verification, why: NotHere, ids: Sequence[int]) -> None:
    """Count predictions whose model cannot be run."""
    for one in ids:
        done.find(Finding(one, Verdict.CANNOT_RUN, why.reason, is_fault=why.is_fault))


@dataclass(slots=True)
class Verifier:
    """Makes stored predictions once more, and counts what comes of it in `done`."""

    stored: Stored
    images: InputStore
    done: Verification
    stored_label: Callable[[str], str]
    limits: Limits = USUAL_LIMITS
    enough: Callable[[], bool] = never
    decoders: Decoders | None = None
    """Processes that decode, where they have been started already."""

    def verify(self, groups: Mapping[Made, Sequence[int]], models: ModelsUsed) -> Iterator[int]:
        """Verify groups of predictions, and tell after each batch how many it had."""
        for made, ids in groups.items():
            if self.enough():
                return
            found = models.of(made)
            if isinstance(found, NotHere):
                count_without_model(self.done, found, ids)
                yield len(ids)
            else:
                yield from self.group(made, ids, found.model)

    def group(self, made: Made, ids: Sequence[int], model: Model) -> Iterator[int]:
        """Verify predictions that one model made in one way; their ids ascend."""
        pending, rule = dict[int, Pending](), self._rule(made, model)
        with batches_ahead(self._items(ids, model, pending), model.batch_size) as decoded:
            for items, said in mapped_ahead(
                lambda items: _predicted(items, model), iter(decoded), model.workers, self.enough
            ):
                self._compare(items, said, pending, rule)
                size = len(items)
                make_room = items.make_room if isinstance(items, OnItsWay) else None
                del items, said
                if make_room is not None:
                    make_room()
                yield size

    def _items(
        self, ids: Sequence[int], model: Model, pending: dict[int, Pending]
    ) -> Iterator[Sample | Rejected]:
        """The images of predictions, decoded; what is stored of each waits under the image's position."""
        answers, places = _Answers(self.stored, ids), count(-1, -1)

        def without_image(lost: Iterable[StoredAnswer]) -> Iterator[Rejected]:
            for answer in lost:
                place = next(places)
                pending[place] = Pending(answer, None, Trouble.UNAVAILABLE)
                yield Rejected(place, Source(answer.filename or ""), NO_IMAGE)

        for stored, item, trouble in decoded_inputs(
            self.images, ids, model.spec, own=True, started=self.decoders, limits=self.limits
        ):
            yield from without_image(answers.before(stored.prediction_id))
            if (answer := answers.taken(stored.prediction_id)) is not None:
                pending[item.position] = Pending(answer, stored.kept, trouble)
                yield item
            del item
        yield from without_image(answers.left())

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
        self._stored = stored
        self._blocks = (ids[at : at + ANSWERS_AT_ONCE] for at in range(0, len(ids), ANSWERS_AT_ONCE))
        self._known: deque[StoredAnswer] = deque()

    def before(self, prediction_id: int) -> Iterator[StoredAnswer]:
        """What nobody has taken of the predictions before one."""
        while self._next_is(lambda one: one < prediction_id):
            yield self._known.popleft()

    def taken(self, prediction_id: int) -> StoredAnswer | None:
        """What is stored of a prediction; None where it has been deleted meanwhile."""
        return self._known.popleft() if self._next_is(lambda one: one == prediction_id) else None

    def left(self) -> Iterator[StoredAnswer]:
        """What nobody has taken of all that are left."""
        while self._next_is(lambda _: True):
            yield self._known.popleft()

    def _next_is(self, wanted: Callable[[int], bool]) -> bool:
        """Whether there is a next one, and it is one of those that are wanted."""
        while not self._known:
            block = next(self._blocks, None)
            if block is None:
                return False
            self._known.extend(self._stored.answers(block))
        return wanted(self._known[0].prediction_id)


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
