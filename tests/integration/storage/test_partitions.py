"""`predictions` in partitions by run: the same rows, in the same order, each of them once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest

from mlpredict.domain import EngineName, Keep, PredictionFilter, Run
from mlpredict.errors import DatabaseError
from mlpredict.storage import partitions
from mlpredict.storage.deletion import Deletion
from mlpredict.storage.grants import Grant
from mlpredict.storage.migrations import migrate
from mlpredict.storage.partitioning import partition
from mlpredict.storage.partitions import partitions_of
from mlpredict.storage.repository import Repository, open_repository
from tests.rows import model, new

AdministratorConnection = psycopg.Connection[tuple[object, ...]]


def start(repository: Repository) -> Run:
    return repository.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)


def store(repository: Repository, rows: int = 2) -> Run:
    run = start(repository)
    repository.add(run, [new(position) for position in range(rows)], [])
    return run


def where_rows_are(connection: AdministratorConnection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT tableoid::regclass::text, run_id, position FROM predictions ORDER BY id"
    ).fetchall()


def shown(repository: Repository) -> Sequence[str]:
    return [
        repr(record) for record in repository.predictions(PredictionFilter(), limit=None)
    ]


@pytest.fixture
def partitioned(repository: Repository) -> Iterator[Repository]:
    partition(repository.connection)
    yield repository


def test_rows_that_stand_stay_where_they_are(
    repository: Repository, connection: AdministratorConnection
) -> None:
    connection.execute("INSERT INTO inputs (image) VALUES ('data:,')")
    connection.execute("INSERT INTO predictions (inputid, predictions) VALUES (1, '[[0.1, 0.9]]')")
    store(repository)
    before = shown(repository)
    files = connection.execute("SELECT pg_relation_filenode('predictions')").fetchone()
    partition(repository.connection)
    assert shown(repository) == before
    assert connection.execute("SELECT pg_relation_filenode('predictions_default')").fetchone() == files
    later = store(repository)
    connection.execute("INSERT INTO predictions (inputid, predictions) VALUES (1, '[[0.8, 0.2]]')")
    assert where_rows_are(connection) == [
        ("predictions_default", None, None),
        ("predictions_default", 1, 0),
        ("predictions_default", 1, 1),
        (f"predictions_from_{later.run_id}", later.run_id, 0),
        (f"predictions_from_{later.run_id}", later.run_id, 1),
        ("predictions_default", None, None),
    ]
    rows = connection.execute("SELECT label, score FROM predictions WHERE run_id IS NULL ORDER BY id")
    assert rows.fetchall() == [("1", pytest.approx(0.9)), ("0", pytest.approx(0.8))]
    newest_first = [row for (row,) in connection.execute("SELECT prediction_id FROM predictions_labelled")]
    assert sorted(newest_first) == [1, 2, 3, 4, 5, 6]
