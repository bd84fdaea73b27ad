"""Deleting predictions with what only they needed, while others go on."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from mlpredict.api.database import Database, connect
from mlpredict.api.deletion import Deletion, deletion
from mlpredict.api.filters import Filters, filter_of
from mlpredict.domain import (
    EngineName,
    Keep,
    NewLabel,
    PredictionFilter,
    PredictionRecord,
    Rejected,
    Run,
    Source,
)
from mlpredict.domain.deletion import Deleted
from mlpredict.errors import TransientDatabaseError, UsageError
from mlpredict.storage import storing_batches, storing_inputs, writing
from mlpredict.storage.deletion import Deletion as Finder
from mlpredict.storage.doomed import Picture
from mlpredict.storage.repository import Repository
from mlpredict.storage.retrying import open_store
from tests.rows import model, new

Connection = psycopg.Connection[Any]

HALF = (
    "SELECT (SELECT count(*) FROM inputs WHERE id NOT IN (SELECT inputid FROM predictions)),"
    " (SELECT count(*) FROM labels WHERE sha256 NOT IN (SELECT sha256 FROM inputs))"
)
"""Inputs without a prediction, and labels without an input."""


@pytest.fixture
def database(dsn: str) -> Iterator[Database]:
    with connect(dsn) as database:
        yield database


def counts(connection: Connection) -> tuple[int, ...]:
    tables = ("predictions", "inputs", "labels", "failures")
    return tuple(
        connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()[0]  # type: ignore[index]
        for table in tables
    )


def digest(position: int) -> bytes:
    return str(position).encode().ljust(32, b"\0")


def failed(position: int, name: str) -> Rejected:
    return Rejected(position, Source(name), "truncated")


def test_what_only_they_needed_goes_with_them(
    repository: Repository, run: Run, connection: Connection, database: Database
) -> None:
    repository.add(run, [new(0, image=b"a"), new(1, image=b"a"), new(2, image=b"b")], [failed(3, "c.png")])
    sources = [NewLabel("cat", sha256=one.ljust(32, b"\0")) for one in (b"a", b"b")]
    repository.label(sources, source="command")
    assert database.delete([1, 3]) == Deleted(predictions=2, inputs=1, labels=1)
    assert counts(connection) == (1, 1, 1, 1)
    assert database.delete(2) == Deleted(predictions=1, inputs=1, labels=1)
    assert counts(connection) == (0, 0, 0, 1)


def test_a_label_stays_while_the_image_is_kept_in_another_way(
    repository: Repository, run: Run, connection: Connection, database: Database
) -> None:
    one = new(0, image=b"a")
    other = one._replace(position=1, input=one.input._replace(kept="model-input/12345678"))
    repository.add(run, [one, other], [])
    repository.label([NewLabel("cat", input_id=1)], source="command")
    assert database.delete(1) == Deleted(predictions=1, inputs=1)
    assert counts(connection) == (1, 1, 1, 0)
    assert database.delete(2) == Deleted(predictions=1, inputs=1, labels=1)


def test_revised_labels_go_with_their_history(
    repository: Repository, run: Run, connection: Connection, database: Database
) -> None:
    repository.add(run, [new(0)], [])
    for label in ("cat", "dog"):
        repository.label([NewLabel(label, input_id=1)], source="command")
    assert counts(connection)[2] == 2
    assert database.delete(1).labels == 1
    assert counts(connection)[2] == 0


@pytest.mark.parametrize(
    ("wanted", "deleted"),
    [
        ({"run": 1}, Deleted(3, 2, 0, 1)),
        ({"run": "last"}, Deleted(2, 1, 0, 1)),
        ({"model": "pets"}, Deleted(3, 2, 0, 1)),
        ({"label": "mouse"}, Deleted(1, 1, 0, 0)),
        ({"filename": "9.png"}, Deleted(1, 1, 0, 1)),
        ({"until": "2000-01-01"}, Deleted()),
        ({"since": "2000-01-01"}, Deleted(5, 4, 0, 2)),
        ({"max_score": 0.25}, Deleted(1, 1, 0, 0)),
    ],
)
def test_a_filter_chooses_and_failures_go_where_it_can_choose_them(
    repository: Repository,
    run: Run,
    connection: Connection,
    database: Database,
    wanted: Filters,
    deleted: Deleted,
) -> None:
    repository.add(run, [new(0), new(1, score=0.25), new(2, likely=2)], [failed(3, "scans/9.png")])
    other = repository.start_run(model("birds", "cd" * 32), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    repository.add(other, [new(0), new(9)], [failed(3, "scans/8.png")])
    before = counts(connection)
    found = deletion(database, filter_of(wanted))
    assert found.counted == deleted
    assert database.delete(**wanted) == deleted
    after = counts(connection)
    gone = tuple(was - now for was, now in zip(before, after, strict=True))
    assert gone == deleted.counts()
    assert connection.execute(HALF).fetchone() == (0, 0)


def test_everything_is_never_deleted(database: Database) -> None:
    for what in (PredictionFilter(), None):
        with pytest.raises(UsageError):
            database.delete(what)


def test_ids_that_are_not_there_are_told(repository: Repository, run: Run, database: Database) -> None:
    repository.add(run, [new(0)], [])
    found = deletion(database, [1, 7, 2**70, 1])
    assert found.counted == Deleted(1, 1)
    assert found.missing == (7, 2**63 - 1)


def test_what_has_gone_meanwhile_is_not_counted(repository: Repository, run: Run, database: Database) -> None:
    repository.add(run, [new(0), new(1)], [])
    found = deletion(database, [1, 2])
    database.delete(1)
    assert found.carry_out() == Deleted(1, 1)


def test_an_input_that_another_transaction_holds_is_looked_at_again(
    dsn: str, repository: Repository, run: Run, connection: Connection, database: Database
) -> None:
    repository.add(run, [new(0), new(1)], [])
    with psycopg.connect(dsn) as other:
        other.execute("SELECT FROM inputs WHERE id = 1 FOR KEY SHARE")
        blocks = deletion(database, [1, 2]).blocks()
        assert next(blocks) == Deleted(2, 1)
        other.rollback()
        assert sum(blocks, Deleted()) == Deleted(0, 1)
    assert counts(connection)[:2] == (0, 0)


def test_an_input_that_another_transaction_uses_stays(
    dsn: str, repository: Repository, run: Run, connection: Connection, database: Database
) -> None:
    repository.add(run, [new(0)], [])
    with psycopg.connect(dsn) as other:
        other.execute("INSERT INTO predictions (inputid, predictions) VALUES (1, '[1]')")
        blocks = deletion(database, 1).blocks()
        assert next(blocks) == Deleted(1, 0)
        other.commit()
        assert sum(blocks, Deleted()) == Deleted()
    assert counts(connection)[:2] == (1, 1)


def test_an_image_that_is_being_deleted_is_stored_anew(
    dsn: str, repository: Repository, run: Run, connection: Connection
) -> None:
    repository.add(run, [new(0)], [])
    with psycopg.connect(dsn) as other, ThreadPoolExecutor() as pool:
        other.execute("DELETE FROM predictions")
        other.execute("DELETE FROM inputs")
        adding = pool.submit(repository.add, run, [new(1, image=b"0")], [])
        time.sleep(0.3)
        assert not adding.done()
        other.commit()
        [record] = adding.result(60)
    assert record.input_id == 2
    assert counts(connection)[:2] == (1, 1)


def test_an_image_that_was_deleted_before_its_prediction_is_stored_again(
    dsn: str, repository: Repository, run: Run, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.add(run, [new(0)], [])
    add_predictions, times = writing.add_predictions, iter(range(9))

    def deleted_before(*arguments: Any) -> list[PredictionRecord]:
        if next(times) == 0:
            connection.execute("DELETE FROM predictions")
            connection.execute("DELETE FROM inputs")
        return add_predictions(*arguments)

    monkeypatch.setattr(storing_batches, "MOST_AT_ONCE", 0)
    monkeypatch.setattr(writing, "add_predictions", deleted_before)
    with open_store(dsn, retry=10) as store:
        [record] = store.add(run, [new(1, image=b"0")], [])
    assert record.input_id != 1
    assert counts(connection)[:2] == (1, 1)


def test_a_reference_to_nothing_is_an_error_that_passes(
    repository: Repository, run: Run, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing_batches, "MOST_AT_ONCE", 0)
    monkeypatch.setattr(storing_inputs, "add_inputs", lambda *_: {(digest(0), "original"): 99})
    with pytest.raises(TransientDatabaseError):
        repository.add(run, [new(0)], [])


def test_runs_go_on_while_their_images_are_deleted(dsn: str, connection: Connection) -> None:
    rounds, images, stop = 30, 40, threading.Event()

    def predict(name: str) -> int:
        with open_store(dsn, retry=30) as store:
            run = store.start_run(model(name, name * 8), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
            for start in range(rounds):
                batch = [
                    new(start * images + n, image=str(n).encode(), version=str(n).encode().ljust(16))
                    for n in range(images)
                ]
                assert len(store.add(run, batch, [])) == images
        return rounds * images

    def delete(wanted: PredictionFilter) -> int:
        gone = 0
        with connect(dsn) as database:
            while not stop.is_set():
                gone += database.delete(wanted).predictions
        return gone

    with ThreadPoolExecutor() as pool:
        deleting = [
            pool.submit(delete, PredictionFilter(min_score=0.1)),
            pool.submit(delete, PredictionFilter(labels=("cat",))),
        ]
        predicting = [pool.submit(predict, name) for name in ("ab", "cd")]
        stored = sum(one.result(120) for one in predicting)
        stop.set()
        deleted = sum(one.result(60) for one in deleting)
    left, inputs, *_ = counts(connection)
    assert deleted > 0
    assert stored == left + deleted
    assert inputs <= images
    assert connection.execute(HALF).fetchone() == (0, 0)


PUBLISHED = """
    INSERT INTO inputs (image) VALUES ('data:image/jpeg;base64,' || %s), ('data:image/jpeg;base64,AAAA')
"""
STORED = "INSERT INTO inputs (image, sha256, kept) VALUES ('data:,', %s, 'original')"
LABELLED = "INSERT INTO labels (sha256, label, source) VALUES (%s, 'cat', 'csv')"


def test_a_picture_goes_whatever_it_was_called(
    repository: Repository, run: Run, connection: Connection, database: Database
) -> None:
    content = b"the picture"
    encoded = base64.b64encode(content).decode()
    sha256 = hashlib.sha256(content).digest()
    connection.execute(PUBLISHED, (encoded,))
    connection.execute("INSERT INTO predictions (inputid, predictions) VALUES (1, '[1]'), (2, '[1]')")
    repository.add(
        run,
        [new(0, image=sha256, filename="me.jpg"), new(1, image=sha256, filename="/x/she.jpg"), new(2)],
        [failed(3, "me.jpg"), failed(4, "./me.jpg#2"), failed(5, "other/me.jpg"), failed(6, "/x/she.jpg")],
    )
    repository.label([NewLabel("cat", sha256=sha256)], source="command")
    found = Finder(repository.connection).by_pictures([Picture("/y/me.jpg", sha256, encoded)])
    assert found.counted == Deleted(3, 2, 1, 3)
    assert Deletion(database, found).carry_out() == Deleted(3, 2, 1, 3)
    assert counts(connection) == (2, 2, 0, 1)
    assert connection.execute("SELECT filename FROM failures").fetchall() == [("other/me.jpg",)]


def test_a_picture_without_a_prediction_goes_too(
    repository: Repository, connection: Connection, database: Database
) -> None:
    sha256 = hashlib.sha256(b"x").digest()
    connection.execute(STORED, (sha256,))
    connection.execute(LABELLED, (sha256,))
    found = Finder(repository.connection).by_pictures([Picture("x.png", sha256, "eA==")])
    assert found.counted == Deleted(0, 1, 1)
    assert Deletion(database, found).carry_out() == Deleted(0, 1, 1)
    assert counts(connection) == (0, 0, 0, 0)


def test_the_label_of_a_picture_that_is_not_stored_goes(
    repository: Repository, connection: Connection, database: Database
) -> None:
    sha256 = hashlib.sha256(b"x").digest()
    connection.execute(LABELLED, (sha256,))
    found = Finder(repository.connection).by_pictures([Picture("x.png", sha256, "eA==")])
    assert Deletion(database, found).carry_out() == Deleted(labels=1)


def test_what_was_answered_of_them_is_forgotten(
    repository: Repository, run: Run, database: Database, connection: Connection
) -> None:
    first, second = (repository.add(run, [new(position)], [])[0] for position in range(2))
    connection.execute(
        "INSERT INTO idempotency_keys (key, request, status, body, created_at)"
        " SELECT int4send(id::integer), 'r', 201, 'b', created_at FROM predictions"
    )
    database.delete(first.prediction_id)
    left = connection.execute("SELECT key FROM idempotency_keys").fetchall()
    assert left == [((second.prediction_id or 0).to_bytes(4),)]
