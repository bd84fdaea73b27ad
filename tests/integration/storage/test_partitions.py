"""`predictions` in partitions by run: the same rows, in the same order, each of them once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import mlpredict as mlpredict_api
from mlpredict.api.deletion import deletion
from mlpredict.domain import EngineName, Keep, PredictionFilter, Run
from mlpredict.errors import DatabaseError
from mlpredict.storage import partitions
from mlpredict.storage.deletion import Deletion
from mlpredict.storage.grants import Grant
from mlpredict.storage.merging import merge_empty
from mlpredict.storage.migrations import migrate
from mlpredict.storage.partitioning import partition
from mlpredict.storage.partitions import partitions_of
from mlpredict.storage.repository import Repository, open_repository
from tests.conftest import Command
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
    return [repr(record) for record in repository.predictions(PredictionFilter(), limit=None)]


@pytest.fixture
def partitioned(repository: Repository) -> Repository:
    partition(repository.connection)
    return repository


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
    viewed = connection.execute("SELECT prediction_id FROM predictions_labelled ORDER BY 1").fetchall()
    assert viewed == [(1,), (2,), (3,), (4,), (5,), (6,)]


def test_a_run_goes_elsewhere_where_its_partition_is_full(
    partitioned: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store(partitioned)
    second = store(partitioned)
    assert second.run_id == first.run_id + 1
    monkeypatch.setattr(partitions, "FULL_BYTES", 8192)
    third = store(partitioned)
    assert third.run_id == 1000
    names = [(one.name, one.end) for one in partitions_of(partitioned.connection)]
    assert names[1:] == [
        ("predictions_from_1", 1000),
        ("predictions_from_1000", 2000),
        ("predictions_from_2000", None),
    ]
    assert [one.run_id for one in partitioned.predictions(PredictionFilter(), limit=3)] == [1000, 1000, 2]


def test_small_runs_share_ever_larger_partitions(
    partitioned: Repository, connection: AdministratorConnection
) -> None:
    ends = []
    for number in (1, 1000, 10_000, 100_000, 1_000_000, 2_000_000):
        connection.execute("SELECT setval('runs_id_seq', %s, false)", (number,))
        store(partitioned, rows=1)
        ends.append(partitions_of(partitioned.connection)[-1].first)
    assert ends == [1000, 10_000, 100_000, 1_000_000, 2_000_000, 3_000_000]


def test_a_position_of_a_run_is_stored_once(partitioned: Repository) -> None:
    run = store(partitioned)
    with pytest.raises(DatabaseError, match="position"):
        partitioned.add(run, [new(1), new(2)], [])
    assert len(list(partitioned.predictions(PredictionFilter(run_id=run.run_id), limit=None))) == 2


def test_a_long_reader_makes_the_partition_wait_and_no_run(
    partitioned: Repository, connection: AdministratorConnection
) -> None:
    with psycopg.connect(connection.info.dsn) as reader:
        reader.execute("SELECT FROM predictions")
        store(partitioned)
        assert len(partitions_of(partitioned.connection)) == 2
    store(partitioned)
    assert [one.name for one in partitions_of(partitioned.connection)] == [
        "predictions_default",
        "predictions_from_1",
        "predictions_from_1000",
    ]


@pytest.mark.parametrize("step", ["check", "validated"])
def test_a_large_table_is_taken_up_where_it_was_left(
    repository: Repository,
    connection: AdministratorConnection,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    store(repository)
    before = shown(repository)
    connection.execute(
        "ALTER TABLE predictions ADD CONSTRAINT predictions_earlier"
        " CHECK (run_id IS NULL OR run_id < 2000) NOT VALID"
    )
    if step == "validated":
        connection.execute("ALTER TABLE predictions VALIDATE CONSTRAINT predictions_earlier")
    run = store(repository)
    monkeypatch.setattr("mlpredict.storage.partitioning.READ_AT_ONCE", 0)
    partition(repository.connection)
    assert shown(repository)[2:] == before
    later = store(repository)
    repository.add(run, [new(7)], [])
    assert later.run_id == 2000
    rows = where_rows_are(connection)
    assert [row[0] for row in rows] == ["predictions_default"] * 4 + ["predictions_from_2000"] * 2 + [
        "predictions_default"
    ]


def test_a_last_partition_that_has_grown_gets_an_end(
    partitioned: Repository, connection: AdministratorConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("partitions", "partitioning"):
        monkeypatch.setattr(f"mlpredict.storage.{module}.READ_AT_ONCE", 0)
    store(partitioned)
    assert len(partitions_of(partitioned.connection)) == 2
    before = shown(partitioned)
    partition(partitioned.connection)
    assert [(one.first, one.end) for one in partitions_of(partitioned.connection)[1:]] == [
        (1, 2000),
        (2000, None),
    ]
    assert shown(partitioned) == before
    assert not connection.execute(
        "SELECT FROM pg_constraint WHERE conname = 'predictions_between'"
    ).fetchall()


def test_what_stands_on_the_table_comes_along(
    repository: Repository, connection: AdministratorConnection
) -> None:
    connection.execute("CREATE VIEW sure AS SELECT id, label FROM predictions WHERE score > 0.4")
    connection.execute("GRANT SELECT ON predictions TO PUBLIC")
    connection.execute("CREATE INDEX of_somebody ON predictions (contenttype)")
    store(repository)
    partition(repository.connection)
    store(repository)
    assert connection.execute("SELECT count(*) FROM sure").fetchone() == (4,)
    assert connection.execute("SELECT has_table_privilege('public', 'predictions', 'SELECT')").fetchone() == (
        True,
    )
    indexes = "SELECT indexname FROM pg_indexes WHERE tablename = 'predictions' ORDER BY 1"
    assert ("of_somebody",) in connection.execute(indexes).fetchall()
    assert migrate(repository.connection, [Grant("public", stores=True)]).applied == ()


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("CREATE TABLE notes (of_prediction bigint REFERENCES predictions)", "a foreign key of public.notes"),
        ("CREATE MATERIALIZED VIEW sure AS SELECT id FROM predictions", "the materialized view public.sure"),
        ("ALTER TABLE predictions ENABLE ROW LEVEL SECURITY", "row-level security"),
    ],
)
def test_what_would_not_come_along_is_said(
    repository: Repository, connection: AdministratorConnection, added: str, said: str
) -> None:
    connection.execute(added.encode())
    with pytest.raises(DatabaseError, match=said):
        partition(repository.connection)
    assert partitions_of(repository.connection) == []


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [(1, 3, [1, 2]), (0, 2, [0, 1]), (3, 9, [3]), (8, 9, []), (None, 1, [0]), (2, None, [2, 3])],
)
def test_a_time_is_looked_for_where_it_is(
    repository: Repository,
    connection: AdministratorConnection,
    monkeypatch: pytest.MonkeyPatch,
    since: int | None,
    until: int | None,
    found: list[int],
) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for hour in range(4):
        run = store(repository, rows=1)
        at = begin + timedelta(hours=hour)
        connection.execute("UPDATE predictions SET created_at = %s WHERE run_id = %s", (at, run.run_id))
        if hour == 0:
            partition(repository.connection)
            monkeypatch.setattr(partitions, "FULL_BYTES", 8192)
    assert len(partitions_of(repository.connection)) == 5

    def hours(number: int | None) -> datetime | None:
        return None if number is None else begin + timedelta(hours=number)

    wanted = PredictionFilter(since=hours(since), until=hours(until))
    rows = repository.predictions(wanted, limit=9)
    listed = [one.created_at.hour for one in rows if one.created_at is not None]
    assert listed == found[::-1]


def test_a_dump_of_partitions_is_restored(
    mlpredict: Command, dsn: str, empty_dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    assert mlpredict("init-db", "--dsn", dsn, "--partition-by", "run").returncode == 0
    for digit in digits[:2]:
        assert mlpredict("predict", digit, "--dsn", dsn).returncode == 0
    dump = tmp_path / "all.dump"
    assert mlpredict("db", "dump", dump, "--dsn", dsn).returncode == 0
    with psycopg.connect(empty_dsn, autocommit=True) as server:
        server.execute("CREATE SCHEMA other")
    there = make_conninfo(empty_dsn, options="-csearch_path=other")
    done = mlpredict("db", "restore", dump, "--dsn", there)
    assert done.returncode == 0, done.stderr
    listed = [mlpredict("list", "--json", "--dsn", one).stdout for one in (dsn, there)]
    assert listed[0] == listed[1]
    with open_repository(there) as repository:
        assert [one.end for one in partitions_of(repository.connection)] == [None, 1000, None]
    assert mlpredict("predict", digits[2], "--dsn", there).returncode == 0
    assert len(json.loads(mlpredict("list", "--json", "--dsn", there).stdout)) == 3


def test_a_run_that_is_all_of_a_partition_goes_at_once(
    partitioned: Repository, connection: AdministratorConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpredict.storage.emptying.WORTH_ROWS", 2)
    old = store(partitioned, rows=5)
    monkeypatch.setattr(partitions, "FULL_BYTES", 8192)
    young = store(partitioned, rows=3)
    deletion = Deletion(partitioned.connection)
    doomed = deletion.by_filter(PredictionFilter(run_id=old.run_id))
    emptied = deletion.empty_partitions(doomed.predictions)
    assert (emptied.rows, list(emptied.others)) == (5, [])
    assert [one.run_id for one in partitioned.predictions(PredictionFilter(), limit=None)] == [
        young.run_id
    ] * 3
    # Whoever is killed here leaves this to the next deletion.
    (left,) = deletion.inputs_left()
    block = deletion.sweep_inputs(left)
    assert block is not None
    assert block.deleted.inputs == 2
    assert deletion.sweep_inputs(left) is None
    assert deletion.inputs_left() == []
    assert connection.execute("SELECT count(*) FROM inputs").fetchone() == (3,)
    partitioned.add(old, [new(9)], [])


def test_deleting_a_run_deletes_what_only_it_needed(
    mlpredict: Command, dsn: str, digits: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpredict.storage.emptying.WORTH_ROWS", 2)
    monkeypatch.setattr(partitions, "FULL_BYTES", 8192)
    assert mlpredict("init-db", "--dsn", dsn, "--partition-by", "run").returncode == 0
    digit = mlpredict_api.load_model()
    with mlpredict_api.connect(dsn) as database:
        for files in (digits[:3], digits[2:4]):
            list(database.predict(digit, list(map(str, files))))
        deleted = deletion(database, PredictionFilter(run_id=1))
        assert (deleted.counted.predictions, deleted.counted.inputs) == (3, 2)
        gone = deleted.carry_out()
        assert (gone.predictions, gone.inputs) == (3, 2)
        assert [one.run_id for one in database.predictions()] == [1000, 1000]


def test_empty_partitions_that_follow_one_another_become_one(
    partitioned: Repository, connection: AdministratorConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpredict.storage.emptying.WORTH_ROWS", 2)
    monkeypatch.setattr(partitions, "FULL_BYTES", 8192)
    runs = [store(partitioned, rows=3) for _ in range(5)]
    deletion = Deletion(partitioned.connection)
    for run in (runs[2], runs[0], runs[1]):
        doomed = deletion.by_filter(PredictionFilter(run_id=run.run_id))
        assert deletion.empty_partitions(doomed.predictions).rows == 3
    assert [(one.first, one.end) for one in partitions_of(partitioned.connection)[1:]] == [
        *((1, 3000), (3000, 4000), (4000, 5000), (5000, None))
    ]
    assert len(deletion.inputs_left()) == 3
    # A run that goes on finds its place.
    partitioned.add(runs[1], [new(9)], [])
    assert ("predictions_from_1", runs[1].run_id, 9) in where_rows_are(connection)
    assert len(shown(partitioned)) == 7


def test_an_empty_partition_that_somebody_reads_is_left(
    partitioned: Repository, connection: AdministratorConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpredict.storage.emptying.WORTH_ROWS", 2)
    monkeypatch.setattr(partitions, "FULL_BYTES", 8192)
    runs = [store(partitioned, rows=3) for _ in range(4)]
    deletion = Deletion(partitioned.connection)
    with psycopg.connect(connection.info.dsn) as reader:
        # It has what it reads of that partition, and of no other.
        reader.execute("SELECT FROM predictions WHERE run_id = 4000")
        for run in runs[:2]:
            doomed = deletion.by_filter(PredictionFilter(run_id=run.run_id))
            assert deletion.empty_partitions(doomed.predictions).rows == 3
        assert len(partitions_of(partitioned.connection)) == 6
    merge_empty(partitioned.connection)
    assert [one.first for one in partitions_of(partitioned.connection)] == [None, 1, 2000, 3000, 4000]
