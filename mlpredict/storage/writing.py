"""Storing models, runs, predictions and failures; inputs in `storing_inputs`."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any

import orjson
from psycopg.sql import SQL, Composed, Identifier, Literal

from mlpredict.domain import (
    ModelIdentity,
    NewPrediction,
    PredictionRecord,
    Rejected,
    Run,
)
from mlpredict.domain.environments import Environment
from mlpredict.domain.samples import Ended
from mlpredict.storage import encodings
from mlpredict.storage.columns import STORED_FIELDS
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named, schema_of
from mlpredict.storage.storing_inputs import InputKey
from mlpredict.storage.transactions import write_alone
from mlpredict.storage.values import encode_filename, in_ascii, storable

INSERT_MODEL = SQL("""
    WITH environment AS (
        INSERT INTO {s}.environments (digest, facts)
        SELECT digest, facts::json FROM (VALUES (%s::text, %s::text)) AS new (digest, facts)
        WHERE digest IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM {s}.environments AS known WHERE known.digest OPERATOR(pg_catalog.=) new.digest
          )
        ON CONFLICT (digest) DO NOTHING
    )
    INSERT INTO {s}.models (fingerprint, name, format, path, task, labels, description)
    VALUES (%s, %s, %s, %s, %s, %s::json, %s::json)
    ON CONFLICT (fingerprint) DO NOTHING
""")
"""What is known of a model stays what its first run said: later ones must not change what that one meant.

Where it runs is stored with it, in the same round trip. It is looked for first: a conflict uses up an id."""

MODEL = SQL("SELECT id, name FROM {s}.models WHERE fingerprint OPERATOR(pg_catalog.=) %s")
"""A statement of its own: it sees a model that another run has committed meanwhile."""

RUN_ID = SQL("""
    SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence({table}, 'id')::regclass),
           (SELECT relkind OPERATOR(pg_catalog.=) 'p' FROM pg_catalog.pg_class
            WHERE oid OPERATOR(pg_catalog.=) {predictions}::regclass)
""")
"""With whether `predictions` is in partitions by run."""

TABLES_OF_RUNS = {"table": "runs", "predictions": "predictions"}

INSERT_RUN = SQL("""
    INSERT INTO {s}.runs (
        id, model_id, model_name, model_path, engine, keep, directory, version, environment_id
    )
    VALUES (
        %s, %s, %s, %s, %s, %s, %s, %s,
        (SELECT id FROM {s}.environments WHERE digest OPERATOR(pg_catalog.=) %s)
    )
    ON CONFLICT (id) DO NOTHING
""")
"""It sees the environment that was stored before, by this run or by another meanwhile."""

FINISH_RUN = SQL("""
    UPDATE {s}.runs SET finished_at = pg_catalog.now(), ended = {ended}
    WHERE id OPERATOR(pg_catalog.=) {run}
""")

PREDICTION_IDS = SQL("""
    SELECT pg_catalog.array_agg(pg_catalog.nextval(ids.sequence)), pg_catalog.now()
    FROM (SELECT pg_catalog.pg_get_serial_sequence({table}, 'id')::regclass AS sequence) AS ids,
         pg_catalog.generate_series(1, %s::integer)
""")
"""Ids beforehand, as COPY returns none. `now()` is what the column's default will be, too."""

COPY_PREDICTIONS = SQL("""
    COPY {s}.predictions (model_id, position, filename, filename_bytes, map, {columns}) FROM STDIN
""")
"""Faster than INSERT … SELECT FROM unnest, and there is nothing for a prediction to conflict with."""

INSERT_FAILURES = SQL("""
    INSERT INTO {s}.failures (run_id, position, filename, filename_bytes, reason)
    SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::text[])
""")

KNOWN_PREDICTIONS = SQL("""
    SELECT position, id, inputid, created_at
    FROM {s}.predictions
    WHERE run_id = %s AND position = ANY(%s::bigint[])
""")
"""What tells whether a batch is there whose commit nobody answered: a run has each position once."""

KNOWN_FAILURE = SQL("""
    SELECT FROM {s}.failures WHERE run_id = %s AND position = ANY(%s::bigint[]) LIMIT 1
""")

PREDICTED = SQL("""
    SELECT DISTINCT wanted.sha256
    FROM unnest(%(digests)s::bytea[]) AS wanted (sha256)
    CROSS JOIN LATERAL (SELECT id FROM {s}.inputs WHERE inputs.sha256 = wanted.sha256 OFFSET 0) AS found
    CROSS JOIN LATERAL (SELECT model_id FROM {s}.predictions WHERE inputid = found.id OFFSET 0) AS own
    WHERE own.model_id = (SELECT id FROM {s}.models WHERE fingerprint = %(fingerprint)s)
""")
"""By the indexes of images alone, whatever PostgreSQL knows of the tables: `OFFSET 0` keeps it from going
through all predictions of the model, which it takes for few while they are being stored."""

PREDICTED_NAMES = SQL("""
    SELECT DISTINCT wanted.sha256, coalesce(own.filename, '')
    FROM unnest(%(digests)s::bytea[]) AS wanted (sha256)
    CROSS JOIN LATERAL (SELECT id FROM {s}.inputs WHERE inputs.sha256 = wanted.sha256 OFFSET 0) AS found
    CROSS JOIN LATERAL (
        SELECT model_id, filename FROM {s}.predictions WHERE inputid = found.id OFFSET 0
    ) AS own
    WHERE own.model_id = (SELECT id FROM {s}.models WHERE fingerprint = %(fingerprint)s)
""")


_values = attrgetter(*STORED_FIELDS)
_converted = [
    (place, column.stored) for place, column in enumerate(STORED_FIELDS.values()) if column.stored is not None
]


def _of_sequence(connection: Connection, statement: SQL, table: str) -> Composed:
    """A statement with a table, as `pg_get_serial_sequence` takes it, in the place of `{table}`."""
    return statement.format(table=place_of(connection, table))


def place_of(connection: Connection, table: str) -> Literal:
    """A table of ours as functions take it that are given the name of one."""
    return Literal(Identifier(schema_of(connection), table).as_string(connection))


def reserve_run(connection: Connection) -> int:
    """A number for a run that is yet to start, and for no other."""
    places = {name: place_of(connection, table) for name, table in TABLES_OF_RUNS.items()}
    ((number, partitioned),) = write_alone(connection, RUN_ID.format(**places))
    if not partitioned:
        return int(number)
    from mlpredict.storage import partitions

    return partitions.number_of_run(connection, int(number))


def finish_run(connection: Connection, run_id: int, ended: Ended) -> None:
    """Record that a run came to its end, and how."""
    values = {"run": Literal(run_id), "ended": Literal(ended.value)}
    write_alone(connection, named(connection, FINISH_RUN, **values))


def description_of(connection: Connection, model: ModelIdentity) -> str | None:
    """What is told of a model, as JSON that the database can hold; its words are ours, mostly."""
    text = as_json_text(model.description)
    return in_ascii(text) if text and encodings.unheld(connection, [text]) else text


def add_model(
    connection: Connection,
    model: ModelIdentity,
    name: str,
    path: str,
    description: str | None,
    environment: Environment | None = None,
) -> tuple[int, str]:
    """The id of a model, new or not, and what it was called first; with it goes where it runs."""
    where = (None, None) if environment is None else (environment.digest, environment.text)
    columns = (model.fingerprint, name, model.format, path, model.task)
    documents = (as_json_text(model.labels), description)
    connection.execute(named(connection, INSERT_MODEL), (*where, *columns, *documents))
    row = connection.execute(named(connection, MODEL), (model.fingerprint,)).fetchone()
    assert row is not None
    return int(row[0]), str(row[1])


def unheld_names(
    connection: Connection, predictions: Sequence[NewPrediction], failures: Sequence[Rejected]
) -> frozenset[str]:
    """The names and reasons that the database cannot hold, which are stored another way."""
    names = (new.filename for new in predictions if new.filename is not None)
    told = (text for failure in failures for text in (failure.source.filename, failure.reason))
    return encodings.unheld(connection, map(storable, chain(names, told)))


def add_predictions(
    connection: Connection,
    run: Run,
    predictions: Sequence[NewPrediction],
    inputs: Mapping[InputKey, int],
    unheld: Container[str] = (),
) -> list[PredictionRecord]:
    """Store what models said of inputs that have been stored; the records, in the same order."""
    if not predictions:
        return []
    numbers = _of_sequence(connection, PREDICTION_IDS, "predictions")
    ((ids, now),) = connection.execute(numbers, (len(predictions),)).fetchall()
    records = [
        new_record(run, new, prediction_id, inputs[new.input.sha256, new.input.kept], now)
        for new, prediction_id in zip(predictions, ids, strict=True)
    ]
    columns = SQL(", ").join(Identifier(column.name) for column in STORED_FIELDS.values())
    copying = named(connection, COPY_PREDICTIONS, columns=columns)
    with connection.cursor() as cursor, cursor.copy(copying) as copy:
        for new, record in zip(predictions, records, strict=True):
            copy.write_row(prediction_row(run, new, record, unheld))
    return records


def add_failures(
    connection: Connection, run: Run, failures: Sequence[Rejected], unheld: Container[str] = ()
) -> None:
    """Store what gave no prediction."""
    if not failures:
        return
    rows = [
        (failure.position, *encode_filename(failure.source.filename, unheld), _reason(failure, unheld))
        for failure in failures
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    connection.execute(named(connection, INSERT_FAILURES), [run.run_id, *columns])


def _reason(failure: Rejected, unheld: Container[str]) -> str:
    text = storable(failure.reason)
    return in_ascii(text) if text in unheld else text


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


def prediction_row(
    run: Run, new: NewPrediction, record: PredictionRecord, unheld: Container[str] = ()
) -> tuple[Any, ...]:
    """The columns of `COPY_PREDICTIONS`."""
    values = list(_values(record))
    for place, stored in _converted:
        if values[place] is not None:
            values[place] = stored(values[place])
    name = (None, None) if new.filename is None else encode_filename(new.filename, unheld)
    return (run.model_id, new.position, *name, new.prediction.map, *values)


def as_json_text(value: object) -> str | None:
    """A value for a column of JSON."""
    return None if value is None else orjson.dumps(value).decode()
