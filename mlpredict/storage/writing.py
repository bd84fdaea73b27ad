"""The SQL that stores: models, runs, inputs, predictions and failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from psycopg.sql import SQL

from mlpredict.domain import (
    NewInput,
    NewPrediction,
    PredictionRecord,
    Run,
)
from mlpredict.storage.values import encode_filename, storable

# Images of a statement travel in one array, and PostgreSQL takes twice the time for a large one.
INSERT_BYTES = 256 << 10

# What tells one input from another: the SHA-256 of its file, and what was kept of it.
InputKey = tuple[bytes, str]

# What is known of a model stays what its first run said: later ones must not change what that one meant.
INSERT_MODEL = SQL("""
    INSERT INTO models (fingerprint, name, format, path, task, labels, description)
    VALUES (%s, %s, %s, %s, %s, %s::json, %s::json)
    ON CONFLICT (fingerprint) DO NOTHING
""")

# A statement of its own: it sees a model that another run has committed meanwhile.
MODEL = SQL("SELECT id, name FROM models WHERE fingerprint = %s")

RUN_ID = SQL("SELECT nextval(pg_get_serial_sequence('runs', 'id'))")

INSERT_RUN = SQL("""
    INSERT INTO runs (id, model_id, model_name, model_path, engine, keep, directory, version)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (id) DO NOTHING
""")

FINISH_RUN = SQL("UPDATE runs SET finished_at = now() WHERE id = %s")

INSERT_INPUTS = SQL("""
    INSERT INTO inputs (sha256, kept, image, contenttype, width, height)
    SELECT * FROM unnest(%b::bytea[], %b::text[], %b::text[], %b::text[],
                         %b::integer[], %b::integer[])
    ON CONFLICT (sha256, kept) DO NOTHING
    RETURNING sha256, kept, id
""")

# A statement of its own, after the one above: it then sees inputs that other runs have committed.
INPUT_IDS = SQL("""
    SELECT inputs.sha256, inputs.kept, inputs.id
    FROM unnest(%b::bytea[], %b::text[]) AS wanted (sha256, kept)
    JOIN inputs ON inputs.sha256 = wanted.sha256 AND inputs.kept = wanted.kept
""")

# Ids beforehand, as COPY returns none. `now()` is what the column's default will be, too.
PREDICTION_IDS = SQL("""
    SELECT nextval(ids.sequence), now()
    FROM (SELECT pg_get_serial_sequence('predictions', 'id')::regclass AS sequence) AS ids,
         generate_series(1, %s)
""")

# Faster than INSERT … SELECT FROM unnest, and there is nothing for a prediction to conflict with.
COPY_PREDICTIONS = SQL("""
    COPY predictions (id, run_id, model_id, position, inputid, filename, filename_bytes, contenttype,
                      predictions, likely_class, label, score)
    FROM STDIN
""")

INSERT_FAILURES = SQL("""
    INSERT INTO failures (run_id, position, filename, filename_bytes, reason)
    SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::text[])
""")

# What tells whether a batch is there whose commit nobody answered: a run has each position once.
STORED = SQL("""
    SELECT position, id, inputid, created_at
    FROM predictions
    WHERE run_id = %s AND position = ANY(%s::bigint[])
""")

FAILED = SQL("SELECT FROM failures WHERE run_id = %s AND position = ANY(%s::bigint[]) LIMIT 1")

PREDICTED = SQL("""
    SELECT DISTINCT inputs.sha256
    FROM inputs
    JOIN predictions ON predictions.inputid = inputs.id
    JOIN models ON models.id = predictions.model_id
    WHERE models.fingerprint = %s AND inputs.sha256 = ANY(%s::bytea[])
""")


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
    """The columns of `COPY_PREDICTIONS`."""
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
