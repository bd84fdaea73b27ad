"""Every query: dataclasses into rows and rows into dataclasses."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from psycopg.pq import TransactionStatus

from mlpredict import __version__
from mlpredict.domain import (
    EngineName,
    ModelIdentity,
    NewPrediction,
    PredictionRecord,
    Rejected,
    Run,
    model_label,
)
from mlpredict.domain.samples import Ended
from mlpredict.errors import BeingMoved, DatabaseError, SchemaOutdated
from mlpredict.storage import migrations, storing_batches, transactions, writing
from mlpredict.storage.connection import (
    Connection,
    cancel,
    open_connection,
    place_of,
    raise_if_full,
    require_primary,
    translated,
)
from mlpredict.storage.names import catalog_only
from mlpredict.storage.server import disk
from mlpredict.storage.stored_rows import StoredRows
from mlpredict.storage.values import storable
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.domain import KeyedRequest, KnownReply
    from mlpredict.domain.environments import Environment
    from mlpredict.domain.predictions import Kept
    from mlpredict.storage.parts import LedgerEntry

logger = get_logger(__name__)


class Repository(StoredRows):
    """The predictions of one database; close it, or use it in a `with` statement.

    Every method raises DatabaseError when the database fails.
    """

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

    def cancel(self) -> None:
        """Have the database give up what another thread waits for, which gets Cancelled."""
        cancel(self._connection)

    @property
    def connection(self) -> Connection:
        """The connection, for `History`, `Deletion` and `Exporting`."""
        return self._connection

    def reserve_run(self) -> int:
        """A number for a run that is yet to start, and for no other."""
        require_primary(self._connection)
        with translated():
            return writing.reserve_run(self._connection)

    def start_run(
        self,
        model: ModelIdentity,
        *,
        engine: EngineName,
        keep: Kept,
        run_id: int | None = None,
        environment: Environment | None = None,
    ) -> Run:
        """Record that `predict` begins, with the model it uses and where; with a reserved number only once.

        A model that is known stays what it was recorded as, and goes by the name it had then.
        """
        run_id = self.reserve_run() if run_id is None else run_id
        named = (storable(model.name), storable(model.path))
        with translated():
            description = writing.description_of(self._connection, model)
        with translated(), transactions.writing(self._connection):
            model_id, known_as = writing.add_model(self._connection, model, *named, description, environment)
            digest = None if environment is None else environment.digest
            values = (run_id, model_id, *named, engine, keep, storable(os.getcwd()), __version__, digest)
            self._connection.execute(self._named(writing.INSERT_RUN), values)
        run = Run(run_id, model_id, model_label(known_as, model.fingerprint))
        if known_as != named[0]:
            logger.info(f"{model.path} is listed as {run.model}: that was its name when it was first used")
        return run

    def finish_run(self, run: Run, ended: Ended = Ended.FINISHED) -> None:
        """Record that a run came to its end."""
        with translated():
            writing.finish_run(self._connection, run.run_id, ended)

    def add(
        self,
        run: Run,
        predictions: Sequence[NewPrediction],
        failures: Sequence[Rejected],
        requests: Sequence[KeyedRequest] = (),
        ledger: LedgerEntry | None = None,
    ) -> list[PredictionRecord]:
        """Store a batch in one transaction: all of it, or nothing.

        With it go the replies to requests that may be repeated, and its entry in the ledger of a run that
        is done in parts. An image that is an input already is not stored again. The records come back in
        the order of `predictions`. Images that are kept in a bucket are there before it is committed.

        Raises:
            AlreadyAnswered: some of the requests have their replies already.
            InputsGone: some of the images that were stored already have been deleted.
            StoredElsewhere: the ledger has some of it already.
            BeingMoved: rows of the run are on their way into a partition, and nobody is at it.
        """
        while True:
            try:
                return self._add(run, predictions, failures, requests, ledger)
            except BeingMoved:
                if not self._waited_for_move():
                    raise

    def _waited_for_move(self) -> bool:
        from mlpredict.storage.waiting import wait_for_move

        # Within a transaction of somebody else's nothing more can be done.
        if self._connection.info.transaction_status != TransactionStatus.IDLE:
            return False
        with translated():
            return wait_for_move(self._connection)

    def _add(
        self,
        run: Run,
        predictions: Sequence[NewPrediction],
        failures: Sequence[Rejected],
        requests: Sequence[KeyedRequest],
        ledger: LedgerEntry | None,
    ) -> list[PredictionRecord]:
        if (place := self.place) is not None:
            maps = sum(len(new.prediction.map or b"") for new in predictions)
            disk.require(place, maps + sum(len(new.input.uri) for new in predictions))
        with translated():
            unheld = writing.unheld_names(self._connection, predictions, failures)
            if ledger is None and not (failures or requests):
                alone = storing_batches.add_alone(self._connection, run, predictions, unheld)
                if alone is not None:
                    return alone
        with translated(), transactions.writing(self._connection):
            if ledger is not None:
                ledger.require_missing(self._connection)
            if any(new.input.upload is not None for new in predictions):
                from mlpredict.storage import bucket_inputs

                bucket_inputs.upload_new(self._connection, [new.input for new in predictions])
            stored = storing_batches.add_batch(self._connection, run, predictions, unheld)
            writing.add_failures(self._connection, run, failures, unheld)
            objects = {
                new.version: record.input_id
                for new, record in zip(predictions, stored, strict=True)
                if new.version is not None and record.input_id is not None
            }
            if objects:
                from mlpredict.storage import remote_objects

                remote_objects.add(self._connection, objects)
            if requests:
                from mlpredict.storage import idempotency

                outcomes = idempotency.by_position(predictions, stored, failures)
                idempotency.add_replies(self._connection, requests, outcomes)
            if ledger is not None:
                ledger.enter(self._connection)
        return stored

    def replies(self, keys: Sequence[bytes]) -> dict[bytes, KnownReply]:
        """What was answered to requests by their keys, where something was, and not long ago."""
        from mlpredict.storage import idempotency

        with translated(), catalog_only(self._connection):
            return idempotency.known_replies(self._connection, keys)

    def stored(
        self, run: Run, predictions: Sequence[NewPrediction], failures: Sequence[Rejected]
    ) -> list[PredictionRecord] | None:
        """What `add` has stored of this batch before its answer was lost; None where it has not."""
        positions = [new.position for new in predictions]
        with translated(), catalog_only(self._connection):
            known_predictions = self._named(writing.KNOWN_PREDICTIONS)
            rows = self._connection.execute(known_predictions, (run.run_id, positions)).fetchall()
            if not predictions:
                failed = [failure.position for failure in failures]
                known_failure = self._named(writing.KNOWN_FAILURE)
                found = self._connection.execute(known_failure, (run.run_id, failed)).fetchone()
                return None if found is None else []
        known = {position: ids for position, *ids in rows}
        if not known:
            return None
        return [writing.new_record(run, new, *known[new.position]) for new in predictions]

    def predicted(self, fingerprint: str, digests: Sequence[bytes]) -> set[bytes]:
        """Which images, by the SHA-256 of their files, a model has predicted already."""
        with translated(), catalog_only(self._connection, **transactions.BY_INDEX):
            values = {"fingerprint": fingerprint, "digests": list(digests)}
            rows = self._connection.execute(self._named(writing.PREDICTED), values)
            return {bytes(digest) for (digest,) in rows}

    def predicted_names(self, fingerprint: str, digests: Sequence[bytes]) -> set[tuple[bytes, str]]:
        """The names by which a model has predicted images, each with the SHA-256 of its file."""
        with translated(), catalog_only(self._connection, **transactions.BY_INDEX):
            values = {"fingerprint": fingerprint, "digests": list(digests)}
            rows = self._connection.execute(self._named(writing.PREDICTED_NAMES), values)
            return {(bytes(digest), name) for digest, name in rows}

    def predicted_objects(self, fingerprint: str, versions: Sequence[bytes]) -> dict[bytes, bytes]:
        """The versions of objects whose images a model has predicted, each with the SHA-256 of its image."""
        from mlpredict.storage import remote_objects

        with translated(), catalog_only(self._connection, **transactions.BY_INDEX):
            return remote_objects.predicted(self._connection, fingerprint, versions)

    def remember_objects(self, objects: Mapping[bytes, bytes]) -> None:
        """Store which images, by their SHA-256, versions of objects are."""
        from mlpredict.storage import remote_objects

        with translated(), transactions.writing(self._connection):
            remote_objects.add_by_image(self._connection, objects)


def open_repository(dsn: str | None, *, patience: float | None = None) -> Repository:
    """The repository of `dsn`, or of the local PostgreSQL, whose schema is kept current by itself.

    Each answer of the server is waited for so many seconds, if it is said.

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
    connection.patience = patience
    return Repository(connection)


def _migrate(connection: Connection) -> None:
    try:
        migrations.migrate(connection)
    except DatabaseError as error:
        connection.close()
        raise_if_full(connection, error)
        raise
