"""What was done: runs, the models they used, and the sources that gave no prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from mlpredict.domain.environments import Facts
from mlpredict.domain.models import Activation, Task
from mlpredict.domain.parts import PartRecord


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it is listed, by the public names of its fields, in their order.

    `predictions` and `failures` are those that are stored of it now; `accuracy` is the share of the right
    ones among those that can be told. `last_at` is the time of its newest prediction. `ended` and
    `finished_at` are None while it runs, and where it was killed. `environment_id` tells what it was made
    with from what others were; None where nothing was recorded. `run_key`, `images`, `parts` and `parts_done`
    are those of a run that several processes do in parts.
    """

    run_id: int
    model: str
    ended: str | None
    predictions: int
    failures: int
    mean_score: float | None
    labelled: int
    right: int
    accuracy: float | None
    engine: str
    keep: str
    directory: str
    model_path: str
    version: str
    started_at: datetime
    last_at: datetime | None
    finished_at: datetime | None
    environment_id: int | None = None
    run_key: str | None = None
    images: int | None = None
    parts: int | None = None
    parts_done: int | None = None


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model as it is listed; `model` is its name with the first digits of its `fingerprint`.

    `path` is where it was in its newest run, `last_at` when that began, `runs` how many there were.
    """

    model: str
    name: str
    fingerprint: str
    task: str
    format: str
    classes: int | None
    runs: int
    predictions: int
    failures: int
    mean_score: float | None
    labelled: int
    right: int
    accuracy: float | None
    path: str
    created_at: datetime
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """A source that gave no prediction; `directory` is where a relative `filename` starts from."""

    failure_id: int
    run_id: int
    model: str
    filename: str
    reason: str
    directory: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run, with how often it gave each label and each reason of a failure, the commonest first.

    `environment` is what it was made with, beside the model; None where nothing was recorded.
    `part_states` are those of its parts, where it is done in parts.
    """

    record: RunRecord
    labels: Mapping[str, int]
    reasons: Mapping[str, int]
    environment: Facts | None = None
    part_states: Sequence[PartRecord] = ()


@dataclass(frozen=True, slots=True)
class ModelDetail:
    """A model, with its classes and how it was used: image size, preprocessing, activation."""

    record: ModelRecord
    labels: Sequence[str] | None
    description: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """How the output of a model is read that the database knows, whatever another program has put there."""

    model: str
    task: Task | None
    activation: Activation | None
    labels: Sequence[str] | None

    @property
    def classes(self) -> Sequence[str]:
        """The names of its classes; none where it has no such."""
        return self.labels or () if self.task is not None and self.task.has_classes else ()


HistoryRecord = RunRecord | ModelRecord | FailureRecord


def fields_of(record: HistoryRecord, **more: Any) -> dict[str, Any]:
    """A record by its public names, and what else there is to say of it."""
    names = names_of(type(record))
    return dict(zip(names, attrgetter(*names)(record), strict=True)) | more


def names_of(kind: type[RunRecord | ModelRecord | FailureRecord]) -> tuple[str, ...]:
    """The public names of what is printed of a record, in their order."""
    return tuple(one.name for one in fields(kind))
