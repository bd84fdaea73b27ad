"""Storing batches: images that are new, and what models said of them.

A small batch is stored by one statement. What is good for many rows takes six round trips: of a few rows the
waiting for the server takes longer than what it does.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import cache
from typing import Any

from psycopg.errors import NotNullViolation
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier, Literal

from mlpredict.domain import DataUri, NewPrediction, PredictionRecord, Run
from mlpredict.storage import storing_inputs, writing
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import schema_of
from mlpredict.storage.transactions import is_settled

MOST_AT_ONCE = 128
"""Of more predictions COPY is as fast."""

STORE_AT_ONCE = SQL("""
    WITH given AS MATERIALIZED (
        SELECT pg_catalog.nextval(
                   (SELECT pg_catalog.pg_get_serial_sequence({predictions}, 'id')::regclass)
               ) AS id, new.*
        FROM unnest(
            %b::bytea[], %b::text[], %b::text[], %b::text[], %b::integer[], %b::integer[], %b::bigint[],
            %b::bigint[], %b::text[], %b::bytea[], %b::bytea[], %b::text[], %b::text[], %b::integer[],
            %b::text[], %b::real[], %b::text[], %b::real[], %b::text[], %b::text[]
        ) AS new (
            sha256, kept, image, image_contenttype, width, height, difference_hash,
            position, filename, filename_bytes, map, contenttype, predictions, likely_class,
            label, score, labels, value, unit, outputs
        )
    ), added AS (
        INSERT INTO {s}.inputs (sha256, kept, image, contenttype, width, height, difference_hash)
        SELECT sha256, kept, image, image_contenttype, width, height, difference_hash
        FROM given ORDER BY sha256, kept COLLATE pg_catalog."C", id
        ON CONFLICT (sha256, kept) DO NOTHING
        RETURNING sha256, kept, id
    ), found AS (
        SELECT sha256, kept, id FROM added
        UNION
        SELECT given.sha256, given.kept, known.id
        FROM given
        CROSS JOIN LATERAL (
            SELECT inputs.id FROM {s}.inputs
            WHERE inputs.sha256 OPERATOR(pg_catalog.=) given.sha256
              AND inputs.kept OPERATOR(pg_catalog.=) given.kept
            OFFSET 0
        ) AS known
        WHERE NOT EXISTS (
            SELECT FROM added
            WHERE added.sha256 OPERATOR(pg_catalog.=) given.sha256
              AND added.kept OPERATOR(pg_catalog.=) given.kept
        )
    ), matched AS MATERIALIZED (
        SELECT given.*, found.id AS inputid
        FROM given
        LEFT JOIN found ON found.sha256 OPERATOR(pg_catalog.=) given.sha256
                       AND found.kept OPERATOR(pg_catalog.=) given.kept
    ), stored AS (
        INSERT INTO {s}.predictions (
            id, inputid, run_id, model_id, position, filename, filename_bytes, map, contenttype, predictions,
            likely_class, label, score, labels, value, unit, outputs
        )
        SELECT CASE WHEN inputid IS NOT NULL THEN id END, inputid, %b::bigint, %b::bigint, position, filename,
               filename_bytes, map, contenttype, predictions::json, likely_class, label, score,
               CASE WHEN labels IS NOT NULL
                    THEN ARRAY(SELECT pg_catalog.json_array_elements_text(labels::json)) END,
               value, unit, outputs::json
        FROM matched WHERE {wanted}
    )
    SELECT position, id, inputid, pg_catalog.now() FROM matched WHERE {wanted}
""")
"""An image that another transaction stores at this moment is waited for, and not seen: it has no `inputid`.
No prediction is stored without an id. An image that is deleted at this moment is waited for, too, and still
seen, which `added` tells.

`added` and `found` are what `storing_inputs` has as two statements, with the same order of locks. Of the
pages of a file, which are one input, the first one counts. The ids and the time are told of what goes into
the table: a role that may not read that may store all the same."""

EVERY = SQL("true")
NONE_UNLESS_ALL_ARE_SEEN = SQL("NOT EXISTS (SELECT FROM matched WHERE inputid IS NULL)")


def add_alone(
    connection: Connection, run: Run, predictions: Sequence[NewPrediction], unheld: Container[str] = ()
) -> list[PredictionRecord] | None:
    """Store a small batch by a statement that is a transaction of its own; None where that cannot be.

    BEGIN and COMMIT are two more round trips, a quarter of what storing one image takes.
    """
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    if not (idle and connection.autocommit and is_settled(connection)):
        return None
    if any(new.version is not None or new.input.upload is not None for new in predictions):
        return None
    if not _is_small(predictions):
        return None
    try:
        return _add_at_once(connection, run, predictions, unheld, alone=True)
    except NotNullViolation as error:
        if error.diag.column_name != "id":
            raise
        return None


def add_batch(
    connection: Connection, run: Run, predictions: Sequence[NewPrediction], unheld: Container[str] = ()
) -> list[PredictionRecord]:
    """Store images, and what models said of them, within a transaction; the records in the same order.

    Raises:
        InputsGone: some images are not there any more that were.
    """
    if _is_small(predictions):
        records = _add_at_once(connection, run, predictions, unheld, alone=False)
        if records is not None:
            return records
    inputs = storing_inputs.add_inputs(connection, [new.input for new in predictions])
    return writing.add_predictions(connection, run, predictions, inputs, unheld)


def _is_small(predictions: Sequence[NewPrediction]) -> bool:
    """Whether a batch can be stored at once, and that is faster."""
    if not 0 < len(predictions) <= MOST_AT_ONCE:
        return False
    if any(new.input.input_id is not None or isinstance(new.input.uri, DataUri) for new in predictions):
        return False
    size = sum(len(new.input.uri) + len(new.prediction.map or b"") for new in predictions)
    return size <= storing_inputs.INSERT_BYTES


def _add_at_once(
    connection: Connection,
    run: Run,
    predictions: Sequence[NewPrediction],
    unheld: Container[str],
    *,
    alone: bool,
) -> list[PredictionRecord] | None:
    """The records; None where some image cannot be seen, and no prediction has been stored.

    Raises:
        NotNullViolation: the same of a statement that is `alone`; no image is stored, either.
    """
    records = [
        PredictionRecord.of(
            new.prediction, filename=new.filename, contenttype=new.contenttype, model=run.model
        )
        for new in predictions
    ]
    rows = [_row(new, record, run, unheld) for new, record in zip(predictions, records, strict=True)]
    given = [list(column) for column in zip(*rows, strict=True)]
    statement = _statement(schema_of(connection), alone)
    stored = connection.execute(statement, [*given, run.run_id, run.model_id]).fetchall()
    if not stored:
        return None
    ids = {position: values for position, *values in stored}
    return [
        record._replace(prediction_id=number, input_id=input_id, run_id=run.run_id, created_at=now)
        for new, record in zip(predictions, records, strict=True)
        for number, input_id, now in [ids[new.position]]
    ]


def _row(new: NewPrediction, record: PredictionRecord, run: Run, unheld: Container[str]) -> list[Any]:
    """The values of `given`, in their order; the ids are not known yet."""
    one = new.input
    _, *named, _, _, _, contenttype, text, likely_class, label, score, labels, value, unit, outputs = (
        writing.prediction_row(run, new, record, unheld)
    )
    kept = (one.sha256, one.kept, one.uri, one.contenttype, one.width, one.height, one.difference_hash)
    labels = writing.as_json_text(labels)
    return [*kept, *named, contenttype, text, likely_class, label, score, labels, value, unit, outputs]


@cache
def _statement(schema: str, alone: bool) -> bytes:
    """`STORE_AT_ONCE` for the tables of a schema."""
    table = Literal(Identifier(schema, "predictions").as_string())
    wanted = EVERY if alone else NONE_UNLESS_ALL_ARE_SEEN
    return STORE_AT_ONCE.format(s=Identifier(schema), predictions=table, wanted=wanted).as_bytes()
