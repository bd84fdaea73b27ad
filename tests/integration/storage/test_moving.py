"""`db partition`: early runs get partitions of their own, while others read, store and delete."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Literal

from mlpredict.domain import EngineName, Keep, Run
from mlpredict.errors import BeingMoved, DatabaseError, DatabaseRefuses
from mlpredict.storage import moving, partitions
from mlpredict.storage.deletion import Deletion
from mlpredict.storage.grants import Grant
from mlpredict.storage.migrations import migrate
from mlpredict.storage.partitioning import early_table, partition
from mlpredict.storage.partitions import partitions_of
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.storage.retrying import open_store
from tests.integration.storage.test_partitions import AdministratorConnection, shown, store, where_rows_are
from tests.processes import started
from tests.rows import model, new

SECONDS = 60
A_RUN_A_RANGE = (
    "from mlpredict.storage import partitions; partitions.FULL_BYTES = 1;"
    " from mlpredict.cli import main; main()"
)

HOLD = SQL("""
    CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_catalog.pg_advisory_lock_shared({key});
        PERFORM pg_catalog.pg_advisory_unlock_shared({key});
        RETURN NULL;
    END $$
""")
HELD = SQL("CREATE TRIGGER hold AFTER DELETE ON predictions_default EXECUTE FUNCTION hold()")
KEY = 77
LOCKED_OUT = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"


def move_all(repository: Repository) -> list[int]:
    """Move all there is; how many rows were in each range."""
    rows = []
    while (one := moving.upcoming(repository.connection)) is not None:
        done = moving.move(repository.connection, one, lambda _: None)
        assert done is not None
        rows.append(done.rows)
    return rows


def wait_for(connection: AdministratorConnection, question: str, answer: int) -> None:
    """Wait until a question to the database has this answer."""
    until = time.monotonic() + SECONDS
    while connection.execute(question.encode()).fetchone() != (answer,):
        assert time.monotonic() < until, question
        time.sleep(0.01)


def wait_until(connection: AdministratorConnection, count: int, key: int = KEY) -> None:
    """Wait until so many sessions wait for an advisory lock."""
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = "
    wait_for(connection, f"{waits}{key}", count)


@contextmanager
def in_background(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """Something that is done meanwhile, and has been done at the end."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            work()
        except (psycopg.Error, DatabaseError, AssertionError) as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(SECONDS)
    assert not failures, failures
    assert not thread.is_alive()


@contextmanager
def held(connection: AdministratorConnection) -> Iterator[None]:
    """Whoever moves rows stops when they are on their way, until the block ends."""
    connection.execute(HOLD.format(key=Literal(KEY)))
    connection.execute(HELD)
    # Also where triggers are left out.
    connection.execute("ALTER TABLE predictions_default ENABLE ALWAYS TRIGGER hold")
    connection.execute("SELECT pg_advisory_lock(%s)", (KEY,))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (KEY,))


@pytest.fixture
def runs(repository: Repository) -> list[Run]:
    """Three runs of before there were partitions, and a row of the 2020 program."""
    runs = [store(repository, rows) for rows in (2, 3, 4)]
    repository.connection.execute("INSERT INTO predictions (inputid, predictions) VALUES (1, '[[0.1, 0.9]]')")
    return runs


@pytest.fixture
def early(repository: Repository, runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Where they are, in the default partition."""
    partition(repository.connection)
    # A range is of one run.
    monkeypatch.setattr(partitions, "FULL_BYTES", 1)
    return repository


def test_each_range_has_a_partition(early: Repository, connection: AdministratorConnection) -> None:
    before = shown(early)
    assert move_all(early) == [4, 3, 2]
    assert shown(early) == before
    assert [(one.first, one.end) for one in partitions_of(early.connection)] == [
        *((None, None), (1, 2), (2, 3), (3, 4), (4, None))
    ]
    assert {(where, run) for where, run, _ in where_rows_are(connection)} == {
        ("predictions_default", None),
        *((f"predictions_from_{run}", run) for run in (1, 2, 3)),
    }
    assert moving.upcoming(early.connection) is None
    assert store(early).run_id == 4


ALIKE = (
    "SELECT count(*), count(*) FILTER (WHERE indisunique) FROM pg_index JOIN pg_inherits"
    " ON inhrelid = indexrelid WHERE indrelid = %s::regclass",
    "SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass",
    "SELECT array_agg(pg_get_constraintdef(oid) ORDER BY 1) FROM pg_constraint"
    " WHERE conrelid = %s::regclass AND (contype <> 'f' OR conparentid <> 0)",
    "SELECT array_agg(tgname ORDER BY 1) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass",
    "SELECT relowner, relacl FROM pg_class WHERE oid = %s::regclass",
    "SELECT array_agg((attname, attstorage, attcompression, attnotnull)::text ORDER BY attnum)"
    " FROM pg_attribute WHERE attnum > 0 AND attrelid = %s::regclass",
)


def test_a_moved_partition_is_as_the_others_are(
    repository: Repository, runs: list[Run], connection: AdministratorConnection
) -> None:
    connection.execute("GRANT SELECT ON predictions TO PUBLIC")
    connection.execute("CREATE INDEX of_somebody ON predictions (contenttype) WHERE score > 0.5")
    connection.execute("ALTER TABLE predictions ADD CONSTRAINT of_somebody CHECK (score < 2)")
    partition(repository.connection)
    store(repository)
    move_all(repository)
    for what in ALIKE:
        moved, made = (
            connection.execute(what.encode(), (name,)).fetchall()
            for name in ("predictions_from_1", "predictions_from_4")
        )
        assert moved == made, what
    temporary = "SELECT FROM pg_constraint WHERE conname IN ('predictions_moving', 'predictions_within')"
    assert not connection.execute(temporary.encode()).fetchall()
    with pytest.raises(DatabaseError, match="position"):
        repository.add(runs[1], [new(1)], [])


def test_everybody_sees_every_row_at_any_time(
    early: Repository, connection: AdministratorConnection, dsn: str
) -> None:
    seen: set[object] = set()
    over = threading.Event()

    def read(isolation: psycopg.IsolationLevel) -> None:
        with psycopg.connect(dsn) as reader:
            reader.isolation_level = isolation
            while not over.is_set():
                # What a transaction has seen before does not decide what it sees of the predictions.
                reader.execute("SELECT count(*) FROM models")
                seen.add(reader.execute("SELECT count(*), count(DISTINCT id) FROM predictions").fetchone())
                reader.commit()

    with (
        in_background(lambda: read(psycopg.IsolationLevel.READ_COMMITTED)),
        in_background(lambda: read(psycopg.IsolationLevel.REPEATABLE_READ)),
    ):
        try:
            assert move_all(early) == [4, 3, 2]
        finally:
            over.set()
    assert seen == {(10, 10)}


def test_an_older_snapshot_sees_what_it_saw(
    early: Repository, connection: AdministratorConnection, dsn: str
) -> None:
    with psycopg.connect(dsn) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM models")
        move_all(early)
        assert reader.execute("SELECT count(*), count(DISTINCT id) FROM predictions").fetchone() == (10, 10)


def test_a_run_that_goes_on_waits_and_is_stored(
    early: Repository, runs: list[Run], connection: AdministratorConnection, dsn: str
) -> None:
    with (
        open_repository(dsn) as one,
        open_repository(dsn) as other,
        in_background(lambda: move_all(early)),
        held(connection),
    ):
        wait_until(connection, 1)
        with in_background(lambda: one.add(runs[2], [new(9)], [])):
            wait_until(connection, 1, partitions.MOVING_LOCK)
            # Other runs need not wait.
            store(other)
            connection.execute("SELECT pg_advisory_unlock(%s)", (KEY,))
    assert ("predictions_from_3", 3, 9) in where_rows_are(connection)


def test_a_deletion_waits_and_deletes(
    early: Repository, runs: list[Run], connection: AdministratorConnection, dsn: str
) -> None:
    with open_repository(dsn) as other:
        found = connection.execute("SELECT id FROM predictions WHERE run_id = 3 ORDER BY id").fetchall()
        ids = [one for (one,) in found if isinstance(one, int)]
        with in_background(lambda: move_all(early)), held(connection):
            wait_until(connection, 1)
            with in_background(lambda: Deletion(other.connection).delete_predictions(ids[:2])):
                wait_until(connection, 1, partitions.MOVING_LOCK)
                connection.execute("SELECT pg_advisory_unlock(%s)", (KEY,))
    rows = [run for _, run, _ in where_rows_are(connection)]
    assert rows == [1, 1, 2, 2, 2, 3, 3, None]


def test_a_move_gives_way_to_sql_of_somebody(
    early: Repository, connection: AdministratorConnection, dsn: str
) -> None:
    moved: list[int] = []
    change = "DELETE FROM predictions WHERE run_id = 3 AND position < 2"
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
    with (
        psycopg.connect(dsn, autocommit=True) as somebody,
        in_background(lambda: moved.extend(move_all(early))),
        held(connection),
    ):
        wait_until(connection, 1)
        with in_background(lambda: somebody.execute(change.encode())):
            wait_for(connection, waits, 1)
            connection.execute("SELECT pg_advisory_unlock(%s)", (KEY,))
    assert moved == [2, 3, 2]
    assert [run for _, run, _ in where_rows_are(connection)] == [1, 1, 2, 2, 2, 3, 3, None]


def test_what_a_killed_process_kept_out_is_stored(
    early: Repository, runs: list[Run], connection: AdministratorConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = moving.upcoming(early.connection)
    assert one is not None
    assert moving._prepare(early.connection, one)
    with monkeypatch.context() as patch:
        patch.setattr(partitions, "owner_of", lambda _: ("somebody", False))
        with pytest.raises(BeingMoved) as refused:
            early.add(runs[2], [new(8)], [])
        assert "db partition" in refused.value.in_full
    early.add(runs[2], [new(9)], [])
    assert ("predictions_default", 3, 9) in where_rows_are(connection)
    assert move_all(early) == [5, 3, 2]


def test_runs_beyond_the_check_wait_for_the_first_partition(
    repository: Repository,
    connection: AdministratorConnection,
    dsn: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store(repository)
    connection.execute("SELECT setval('runs_id_seq', 2000)")
    monkeypatch.setattr("mlpredict.storage.partitioning.READ_AT_ONCE", 0)
    monkeypatch.setattr(partitions, "last_number", lambda _: 1)
    with open_store(dsn, retry=SECONDS) as other:
        run = other.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        connection.execute("SELECT pg_advisory_lock(%s)", (partitions.MOVING_LOCK,))
        with in_background(lambda: partition(repository.connection)):
            wait_until(connection, 1, partitions.MOVING_LOCK)
            with in_background(lambda: other.add(run, [new(0)], [])):
                wait_until(connection, 2, partitions.MOVING_LOCK)
                connection.execute("SELECT pg_advisory_unlock(%s)", (partitions.MOVING_LOCK,))
    assert where_rows_are(connection)[-1] == ("predictions_from_2000", 2001, 0)


def command(*arguments: str) -> list[str]:
    """A command line, for which a range is of one run."""
    return [sys.executable, "-c", A_RUN_A_RANGE, *arguments]


@pytest.mark.parametrize("moment", ["at its rows", "at its lock", "in the second range"])
def test_whoever_is_killed_leaves_every_row_and_goes_on(
    early: Repository,
    connection: AdministratorConnection,
    environment: dict[str, str],
    dsn: str,
    moment: str,
) -> None:
    before = shown(early)
    moving_all = command("db", "partition", "--yes", "--json", "--dsn", dsn)
    with psycopg.connect(dsn) as reader, held(connection):
        with started(moving_all, env=environment) as process:
            wait_until(connection, 1)
            if moment == "at its lock":
                reader.execute("SELECT FROM predictions")
                connection.execute("SELECT pg_advisory_unlock(%s)", (KEY,))
                wait_for(connection, LOCKED_OUT, 1)
            elif moment == "in the second range":
                connection.execute("SELECT pg_advisory_unlock(%s)", (KEY,))
                connection.execute("SELECT pg_advisory_lock(%s)", (KEY,))
                wait_until(connection, 1)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert shown(early) == before
    assert shown(early) == before
    done = subprocess.run(moving_all, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [one["rows"] for one in orjson.loads(done.stdout)["moved"]]
    assert rows == ([3, 2] if moment == "in the second range" else [4, 3, 2])
    assert b"moved 2 predictions of run 1\n" in done.stderr
    assert shown(early) == before
    assert [where for where, *_ in where_rows_are(connection)].count("predictions_default") == 1
    left = "SELECT FROM pg_constraint WHERE conname IN ('predictions_moving', 'predictions_within')"
    assert not connection.execute(left.encode()).fetchall()


def test_whoever_is_killed_as_the_table_is_put_into_partitions(
    repository: Repository,
    runs: list[Run],
    connection: AdministratorConnection,
    environment: dict[str, str],
    dsn: str,
) -> None:
    before = shown(repository)
    with psycopg.connect(dsn) as reader:
        reader.execute("SELECT FROM predictions")
        with started(command("init-db", "--partition-by", "run", "--dsn", dsn), env=environment) as process:
            wait_for(connection, LOCKED_OUT, 1)
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert shown(repository) == before
    done = subprocess.run(
        command("db", "partition", "--yes", "--json", "--dsn", dsn), env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert shown(repository) == before
    assert orjson.loads(done.stdout)["partitions"] == 5


def test_what_is_to_be_moved_is_said_and_asked_first(
    repository: Repository, runs: list[Run], environment: dict[str, str], dsn: str
) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command("db", "partition", "--dsn", dsn, *options),
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    before = shown(repository)
    tried = run("--dry-run", "--json")
    assert tried.returncode == 0, tried.stderr
    assert b"would move 9 predictions of runs 1 to 3 into 3 partitions\n" in tried.stderr
    assert b"of disk for the largest" in tried.stderr
    told = orjson.loads(tried.stdout)
    assert (told["dry_run"], told["partitions"]) == (True, 0)
    assert [(one["partition"], one["rows"]) for one in told["moved"]] == [
        ("predictions_from_3", 4),
        ("predictions_from_2", 3),
        ("predictions_from_1", 2),
    ]
    unasked = run()
    assert (unasked.returncode, partitions_of(repository.connection)) == (2, [])
    assert b"pass --yes" in unasked.stderr
    assert run("--yes").returncode == 0
    assert shown(repository) == before
    assert b"5 partitions by run: nothing to move\n" in run().stderr


def test_a_role_that_does_not_own_the_tables_is_told(
    repository: Repository, runs: list[Run], connection: AdministratorConnection, dsn: str
) -> None:
    migrate(repository.connection, [Grant("public", stores=True)])
    connection.execute("CREATE ROLE of_partitions")
    try:
        with open_repository(make_conninfo(dsn, options="-crole=of_partitions")) as other:
            for about in (early_table, partition):
                with pytest.raises(DatabaseRefuses, match="the tables are those of"):
                    about(other.connection)
    finally:
        connection.execute("DROP ROLE of_partitions")
    assert partitions_of(repository.connection) == []


def test_an_owner_who_is_no_superuser_moves_them(
    early: Repository, connection: AdministratorConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_may_leave_out_triggers", lambda _: False)
    before = shown(early)
    assert move_all(early) == [4, 3, 2]
    assert shown(early) == before
    keys = (
        "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'predictions_from_2'::regclass"
    )
    assert connection.execute(keys.encode()).fetchone() == (2,)
