"""What the repository sends to the database and gets from it: dataclasses as rows, rows as dataclasses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson

from mlpredict.domain import (
    Activation,
    NewInput,
    NewPrediction,
    PredictionDetail,
    PredictionRecord,
    Run,
    StoredImage,
    Task,
)
from mlpredict.storage.text import encode_filename, storable

# Images of a statement travel in one array, and PostgreSQL takes twice the time for a large one.
INSERT_BYTES = 256 << 10

Word = TypeVar("Word", Task, Activation)

# What tells one input from another: the SHA-256 of its file, and what was kept of it.
InputKey = tuple[bytes, str]


@dataclass(frozen=True, slots=True)
class DetailRow:
    """The columns of `statements.DETAIL`, by their names."""

    image: str | None
    sha256: bytes | None
    image_contenttype: str | None
    width: int | None
    height: int | None
    task: str | None
    labels: object
    description: object


def by_bytes(inputs: Sequence[NewInput]) -> Iterator[Sequence[NewInput]]:
    """The same inputs, in parts of `INSERT_BYTES` or a little more."""
    start = size = 0
    for end, new in enumerate(inputs, 1):
        size += len(new.uri)
        if size >= INSERT_BYTES or end == len(inputs):
            yield inputs[start:end]
            start, size = end, 0


def ids_by_key(found: Iterable[tuple[Any, ...]]) -> dict[InputKey, int]:
    """The ids of inputs, from rows of what tells them apart and the id."""
    return {(bytes(sha256), kept): input_id for sha256, kept, input_id in found}


def new_record(
    run: Run, new: NewPrediction, prediction_id: int, input_id: int, created_at: datetime
) -> PredictionRecord:
    """What is printed of a prediction, with what the database made of it."""
    return PredictionRecord.of(
        new.prediction,
        filename=new.filename,
        contenttype=new.contenttype,
        model=run.model,
        prediction_id=prediction_id,
        input_id=input_id,
        run_id=run.run_id,
        created_at=created_at,
    )


def prediction_row(run: Run, new: NewPrediction, record: PredictionRecord) -> tuple[Any, ...]:
    """The columns of `statements.COPY_PREDICTIONS`."""
    return (
        record.prediction_id,
        run.run_id,
        run.model_id,
        new.position,
        record.input_id,
        *encode_filename(new.filename),
        new.contenttype,
        record.prediction,
        record.likely_class,
        None if record.label is None else storable(record.label),
        record.score,
    )


def as_detail(record: PredictionRecord, row: DetailRow) -> PredictionDetail:
    """A prediction with its image; what another program has put into its columns is left out."""
    image = StoredImage(record.input_id, row.image, row.sha256, row.image_contenttype, row.width, row.height)
    description = row.description if isinstance(row.description, dict) else {}
    return PredictionDetail(
        record,
        image,
        _one_of(Task, row.task),
        _one_of(Activation, description.get("activation")),
        [str(label) for label in row.labels] if isinstance(row.labels, list) else None,
    )


def as_json_text(value: object) -> str | None:
    """A value for a column of JSON."""
    return None if value is None else orjson.dumps(value).decode()


def _one_of(words: type[Word], text: object) -> Word | None:
    """The word of ours that a column holds; None where another program has put something else there."""
    return next((word for word in words if word == text), None)
