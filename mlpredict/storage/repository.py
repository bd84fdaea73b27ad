"""Every query: dataclasses into rows and rows into dataclasses."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import orjson
from psycopg import sql
from psycopg.rows import class_row
from psycopg.sql import SQL

from mlpredict import __version__
from mlpredict.domain import (
    Activation,
    EngineName,
    Keep,
    ModelIdentity,
    NewInput,
    NewPrediction,
    PredictionDetail,
    PredictionFilter,
    PredictionRecord,
    Rejected,
    Run,
    StoredImage,
    Task,
    model_label,
)
from mlpredict.errors import DatabaseError, NotFound, SchemaOutdated
from mlpredict.storage import migrations, writing
from mlpredict.storage.connection import (
    Connection,
    open_connection,
    place_of,
    raise_if_full,
    translated,
)
from mlpredict.storage.known_models import KnownModel, known_models
from mlpredict.storage.listing import as_json, as_record, in_blocks, prediction_rows, values_of
from mlpredict.storage.server import disk
from mlpredict.storage.values import bigint, encode_filename, storable
from mlpredict.storage.writing import InputKey, by_bytes, ids_by_key, new_record, prediction_row
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

Word = TypeVar("Word", Task, Activation)

DETAIL = SQL("""
    SELECT i.image, i.sha256, i.contenttype AS image_contenttype, i.width, i.height,
           m.task, m.labels, m.description
    FROM predictions AS p
    LEFT JOIN inputs AS i ON i.id = p.inputid
    LEFT JOIN models AS m ON m.id = p.model_id
    WHERE p.id = %s
""")

# As the 2020 program's `SELECT * FROM predictions ORDER BY id DESC` gave it, in JSON.
PUBLISHED_ROWS = SQL("""
    SELECT id, '[' || id || ',' || coalesce(inputid::text, 'null') || ','
                   || coalesce(predictions::text, 'null') || ']'
    FROM predictions
    WHERE id < %s::bigint
    ORDER BY id DESC
    LIMIT %s
""")

# The last prediction of a page, and the one behind it.
PAGE_END = SQL("""
    SELECT id FROM predictions WHERE id < %s::bigint ORDER BY id DESC LIMIT 2 OFFSET %s
""")

IMAGE = SQL("SELECT id, image, sha256, contenttype, width, height FROM inputs WHERE id = %s")


class Repository:
    """The predictions of one database; close it, or use it in a `with` statement.

    Every method raises DatabaseError when the database fails.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        raise_if_full(self._connection, error)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def raise_if_full(self, error: DatabaseError) -> None:
        """Raise NoSpace in the place of an error whose reason is a full disk."""
        raise_if_full(self._connection, error)

    @property
    def place(self) -> Path | None:
        """The directory of the local server; None where the database is another's."""
        return place_of(self._connection)

    def ping(self) -> None:
        """Have the database answer."""
        with translated():
            self._connection.execute("SELECT")

    def known_models(self) -> list[KnownModel]:
        """Every model that was used, the last one first."""
        with translated():
            return known_models(self._connection)

    def reserve_run(self) -> int:
        """A number for a run that is yet to start, and for no other."""
        with translated():
            return self._one(writing.RUN_ID, ())

    def start_run(
        self, model: ModelIdentity, *, engine: EngineName, keep: Keep, run_id: int | None = None
    ) -> Run:
        """Record that `predict` begins, with the model it uses; with a reserved number only once.

        A model that is known stays what it was recorded as, and goes by the name it had then.
        """
        run_id = self.reserve_run() if run_id is None else run_id
        named = (storable(model.name), storable(model.path))
        with translated(), self._connection.transaction():
            model_id, known_as = self._add_model(model, *named)
            values = (run_id, model_id, *named, engine, keep, storable(os.getcwd()), __version__)
            self._connection.execute(writing.INSERT_RUN, values)
        run = Run(run_id, model_id, model_label(known_as, model.fingerprint))
        if known_as != named[0]:
            logger.info(f"{model.path} is listed as {run.model}: that was its name when it was first used")
        return run

    def finish_run(self, run: Run) -> None:
        """Record that a run came to its end."""
        with translated():
            self._connection.execute(writing.FINISH_RUN, (run.run_id,))

    def add(
        self, run: Run, predictions: Sequence[NewPrediction], failures: Sequence[Rejected]
    ) -> list[PredictionRecord]:
        """Store a batch in one transaction: all of it, or nothing.

        An image that is an input already is not stored again. The records come back in the order
        of `predictions`.
        """
        if (place := self.place) is not None:
            disk.require(place, sum(len(new.input.uri) for new in predictions))
        with translated(), self._connection.transaction():
            inputs = self._add_inputs([prediction.input for prediction in predictions])
            stored = self._add_predictions(run, predictions, inputs)
            self._add_failures(run, failures)
        return stored

    def stored(
        self, run: Run, predictions: Sequence[NewPrediction], failures: Sequence[Rejected]
    ) -> list[PredictionRecord] | None:
        """What `add` has stored of this batch before its answer was lost; None where it has not."""
        positions = [new.position for new in predictions]
        with translated():
            rows = self._connection.execute(writing.STORED, (run.run_id, positions)).fetchall()
            if not predictions:
                failed = [failure.position for failure in failures]
                found = self._connection.execute(writing.FAILED, (run.run_id, failed)).fetchone()
                return None if found is None else []
        known = {position: ids for position, *ids in rows}
        if not known:
            return None
        return [new_record(run, new, *known[new.position]) for new in predictions]

    def predicted(self, fingerprint: str, digests: Sequence[bytes]) -> set[bytes]:
        """Which images, by the SHA-256 of their files, a model has predicted already."""
        with translated():
            rows = self._connection.execute(writing.PREDICTED, (fingerprint, list(digests)))
            return {bytes(digest) for (digest,) in rows}

    def predictions(
        self, wanted: PredictionFilter, *, limit: int | None, before: int | None = None
    ) -> Generator[PredictionRecord, None, None]:
        """Predictions, newest first, from below the id `before`, while the database reads them.

        The repository does nothing else until the generator has ended or is closed.
        """
        values = values_of(self._connection, wanted, before)
        yield from map(as_record, prediction_rows(self._connection, values, limit))

    def predictions_as_json(
        self, wanted: PredictionFilter, *, limit: int | None, before: int | None = None
    ) -> Generator[list[bytes | PredictionRecord], None, None]:
        """The same predictions in blocks, with what `listing.as_json` makes of them."""
        values = values_of(self._connection, wanted, before)
        yield from map(as_json, in_blocks(prediction_rows(self._connection, values, limit)))

    def detail(self, prediction_id: int) -> PredictionDetail:
        """Everything about one prediction.

        Raises:
            NotFound: there is none of this id.
        """
        with translated(), self._connection.transaction():
            rows = list(prediction_rows(self._connection, {"id": bigint(prediction_id)}))
            if not rows:
                raise NotFound(f"there is no prediction {prediction_id}")
            with self._connection.cursor(row_factory=class_row(DetailRow)) as cursor:
                row = cursor.execute(DETAIL, (prediction_id,)).fetchone()
        assert row is not None
        return as_detail(as_record(rows[0]), row)

    def image(self, input_id: int) -> StoredImage:
        """An input.

        Raises:
            NotFound: there is none of this id.
        """
        with translated():
            row = self._connection.execute(IMAGE, (input_id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no input {input_id}")
        return StoredImage(*row)

    def published_rows(self, before: int, limit: int) -> list[tuple[int, str]]:
        """Predictions, newest first, from below the id `before`: ids, and JSON as the 2020 program had it."""
        with translated():
            return self._connection.execute(PUBLISHED_ROWS, (before, limit)).fetchall()

    def next_before(self, before: int, limit: int) -> int | None:
        """Where the page behind the one of `limit` predictions begins; None where there is none."""
        with translated():
            rows = self._connection.execute(PAGE_END, (before, limit - 1)).fetchall()
        return int(rows[0][0]) if len(rows) == 2 else None

    def _add_model(self, model: ModelIdentity, name: str, path: str) -> tuple[int, str]:
        """The id of a model, new or not, and what it was called first."""
        columns = (model.fingerprint, name, model.format, path, model.task)
        documents = (as_json_text(model.labels), as_json_text(model.description))
        self._connection.execute(writing.INSERT_MODEL, (*columns, *documents))
        row = self._connection.execute(writing.MODEL, (model.fingerprint,)).fetchone()
        assert row is not None
        return int(row[0]), str(row[1])

    def _add_inputs(self, inputs: Sequence[NewInput]) -> dict[InputKey, int]:
        """The ids of inputs that are new and of those that were there, by what tells them apart."""
        if not inputs:
            return {}
        # Two runs that store the same images take the rows' locks in one order, so neither waits
        # for the other in a circle.
        ordered = [new for _, new in sorted({(new.sha256, new.kept): new for new in inputs}.items())]
        ids: dict[InputKey, int] = {}
        for part in by_bytes(ordered):
            rows = ((n.sha256, n.kept, n.uri, n.contenttype, n.width, n.height) for n in part)
            columns = [list(column) for column in zip(*rows, strict=True)]
            ids |= ids_by_key(self._connection.execute(writing.INSERT_INPUTS, columns))
        known = [(new.sha256, new.kept) for new in ordered if (new.sha256, new.kept) not in ids]
        if known:
            keys = [list(column) for column in zip(*known, strict=True)]
            ids |= ids_by_key(self._connection.execute(writing.INPUT_IDS, keys))
        return ids

    def _add_predictions(
        self, run: Run, predictions: Sequence[NewPrediction], inputs: Mapping[InputKey, int]
    ) -> list[PredictionRecord]:
        if not predictions:
            return []
        ids = self._connection.execute(writing.PREDICTION_IDS, (len(predictions),)).fetchall()
        records = [
            new_record(run, new, prediction_id, inputs[new.input.sha256, new.input.kept], now)
            for new, (prediction_id, now) in zip(predictions, ids, strict=True)
        ]
        with self._connection.cursor() as cursor, cursor.copy(writing.COPY_PREDICTIONS) as copy:
            for new, record in zip(predictions, records, strict=True):
                copy.write_row(prediction_row(run, new, record))
        return records

    def _add_failures(self, run: Run, failures: Sequence[Rejected]) -> None:
        if failures:
            rows = [
                (
                    failure.position,
                    *encode_filename(failure.source.filename),
                    storable(failure.reason),
                )
                for failure in failures
            ]
            columns = [list(column) for column in zip(*rows, strict=True)]
            self._connection.execute(writing.INSERT_FAILURES, [run.run_id, *columns])

    def _one(self, query: sql.SQL, parameters: Sequence[Any]) -> int:
        row = self._connection.execute(query, parameters).fetchone()
        assert row is not None
        return int(row[0])


def open_repository(dsn: str | None) -> Repository:
    """The repository of `dsn`, or of the local PostgreSQL, whose schema is kept current by itself.

    Raises:
        DatabaseError: nothing answers there, or `init-db` has not been run on it.
    """
    connection = open_connection(dsn)
    try:
        migrations.require_current(connection)
    except SchemaOutdated:
        if dsn is not None:
            connection.close()
            raise
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return Repository(connection)


def _migrate(connection: Connection) -> None:
    try:
        migrations.migrate(connection)
    except DatabaseError as error:
        connection.close()
        raise_if_full(connection, error)
        raise


@dataclass(frozen=True, slots=True)
class DetailRow:
    """The columns of `DETAIL`, by their names."""

    image: str | None
    sha256: bytes | None
    image_contenttype: str | None
    width: int | None
    height: int | None
    task: str | None
    labels: object
    description: object


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
