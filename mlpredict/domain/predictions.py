"""Predictions as they are stored, filtered and printed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from mlpredict.domain.environments import Facts
    from mlpredict.domain.models import Activation, Task
    from mlpredict.domain.samples import Prediction


Json = str
"""Text that is JSON already."""


class Keep(StrEnum):
    """What of an image is stored."""

    ORIGINAL = "original"
    MODEL_INPUT = "model-input"
    REFERENCE = "reference"


class KeepIn(str):
    """A prefix of a bucket below which images lie by their hashes: `s3://bucket/images/`."""

    __slots__ = ()


REPLAY: Final = "replay"
"""What `runs.keep` says of a run whose images had been stored before."""

Kept = Keep | KeepIn | Literal["replay"]


class PredictionRecord(NamedTuple):
    """A prediction as it is printed: the public field names, in their order.

    Ids are None when nothing was stored; model, filename and time are None where a row of the
    2020 program does not tell. `labels` is for models of several labels, `value` for regressions of one
    number, `outputs` for models of several outputs. `true_label` is the truth of the image where it is
    labelled, and `right` says whether the prediction is that. A field's type says how it is read from a
    row, and what the web server's description calls it.
    """

    prediction_id: int | None
    input_id: int | None
    run_id: int | None
    filename: str | None
    contenttype: str | None
    prediction: Json
    likely_class: int | None
    label: str | None
    score: float | None
    model: str | None
    created_at: datetime | None
    labels: list[str] | None = None
    value: float | None = None
    unit: str | None = None
    outputs: Json | None = None
    true_label: str | None = None
    right: bool | None = None

    @classmethod
    def of(
        cls,
        prediction: Prediction,
        *,
        filename: str | None,
        contenttype: str,
        model: str,
        prediction_id: int | None = None,
        input_id: int | None = None,
        run_id: int | None = None,
        created_at: datetime | None = None,
    ) -> PredictionRecord:
        """The record of a prediction that has just been made."""
        return cls(
            prediction_id=prediction_id,
            input_id=input_id,
            run_id=run_id,
            filename=filename,
            contenttype=contenttype,
            prediction=prediction.values,
            likely_class=prediction.likely_class,
            label=prediction.label,
            score=prediction.score,
            model=model,
            created_at=created_at,
            labels=None if prediction.labels is None else list(prediction.labels),
            value=prediction.value,
            unit=prediction.unit,
            outputs=prediction.outputs,
        )


FIELD_TYPES: dict[str, str] = {
    name: kind.__forward_arg__ for name, kind in PredictionRecord.__annotations__.items()
}
"""The types of what is printed of a prediction, as they are written above: `"int | None"`."""

FIELDS = tuple(FIELD_TYPES)
"""The public names of what is printed of a prediction, in their order."""


class StoredImage(NamedTuple):
    """An input as it stands in the database: a `data:` or `file:` URI and what is known of it."""

    input_id: int | None
    uri: str | None
    sha256: bytes | None
    contenttype: str | None
    width: int | None
    height: int | None


class PredictionDetail(NamedTuple):
    """Everything `show` tells of a prediction."""

    record: PredictionRecord
    image: StoredImage
    task: Task | None
    activation: Activation | None
    labels: Sequence[str] | None
    has_map: bool = False
    """Whether the class of each pixel is kept."""
    environment_id: int | None = None
    environment: Facts | None = None
    """What its run was made with, beside the model; None where nothing was recorded."""


LAST_RUN: Final = "last"
"""Stands for the number of the newest run."""


class PredictionFilter(NamedTuple):
    """Which predictions `list` shows; None, or no labels, is no restriction.

    `labels` are those of the likely class, or any of several that hold.
    `model` is a name, `name@digits` or the first digits of a fingerprint; `filename` a glob, of the
    whole name where it has a slash, else of its last part. Both scores and `since` are included,
    `until` is not. `true_labels` are of the image, `labelled` says whether it must have one or must not,
    and `right` whether the prediction must be that, or another. `ids` are those of predictions; none are no
    predictions at all.
    """

    labels: tuple[str, ...] = ()
    model: str | None = None
    run_id: int | Literal["last"] | None = None
    min_score: float | None = None
    max_score: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    filename: str | None = None
    true_labels: tuple[str, ...] = ()
    labelled: bool | None = None
    right: bool | None = None
    input_id: int | None = None
    ids: tuple[int, ...] | None = None


class Order(StrEnum):
    """In which order predictions are listed; a minus puts the last ones first."""

    NEWEST = "-id"
    OLDEST = "id"
    LEAST_SURE = "score"
    SUREST = "-score"
    LABEL = "label"
    LABEL_REVERSED = "-label"
    TIME = "time"
    TIME_REVERSED = "-time"

    @property
    def key(self) -> str:
        """By what is sorted."""
        return self.value.removeprefix("-")

    @property
    def descends(self) -> bool:
        """Whether the greatest comes first."""
        return self.value.startswith("-")


class Format(StrEnum):
    """How records are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
