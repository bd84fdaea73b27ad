"""Storing over connections that are lost, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from mlpredict.domain import EngineName, Keep, Rejected, Run, Source
from mlpredict.errors import DatabaseError, DatabaseRefuses, NoSpace, TransientDatabaseError
from mlpredict.storage import retrying
from mlpredict.storage.connection import translated
from mlpredict.storage.refusals import EACH_HOST, is_shut_out
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.storage.retrying import PersistentStore, open_store
from mlpredict.storage.server import disk
from tests.rows import model, new
from tests.tcp_server import TcpServer

RUNS_AT_ONCE = 4


@pytest.fixture
def store(dsn: str) -> Iterator[PersistentStore]:
    with open_store(dsn, retry=10) as store:
        yield store


def started(store: PersistentStore | Repository) -> Run:
    return store.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)


def count(connection: psycopg.Connection[Any], table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    return int(connection.execute(query).fetchall()[0][0])


def refusing(times: int, connect: Callable[[], Repository]) -> Callable[[], Repository]:
    """Connects at first, then is refused so many times."""
    errors: list[DatabaseError | None] = [None, *[DatabaseError("connection refused")] * times]

    def attempt() -> Repository:
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error
        return connect()

    return attempt


def terminate(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'mlpredict' AND datname = current_database()"
        )


def test_everything_goes_on_over_a_new_connection(
    dsn: str, store: PersistentStore, connection: psycopg.Connection[Any]
) -> None:
    run = started(store)
    terminate(dsn)
    first = store.add(run, [new(0)], [])
    terminate(dsn)
    assert store.predicted(model().fingerprint, [new(0).input.sha256]) == {new(0).input.sha256}
    terminate(dsn)
    store.finish_run(run)
    terminate(dsn)
    assert started(store).run_id == run.run_id + 1
    assert [record.prediction_id for record in first] == [1]
    assert count(connection, "runs") == 2


def test_a_batch_whose_commit_arrives_late_is_stored_once(
    dsn: str, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first connection is taken for lost while the server is still at its transaction."""
    slow, quick, quickest = (open_repository(dsn) for _ in range(3))
    store = PersistentStore(iter([slow, quick, quickest]).__next__, 10)
    run = started(store)
    batch = [new(0), new(1)]
    add_in_time = Repository.add

    def lost(_self: Repository, *_arguments: object) -> None:
        monkeypatch.setattr(Repository, "add", add_in_time)
        raise TransientDatabaseError("the connection is lost")

    with slow, quick, quickest, ThreadPoolExecutor(1) as pool:
        with slow._connection.transaction():
            expected = slow.add(run, batch, [])
            monkeypatch.setattr(Repository, "add", lost)
            monkeypatch.setattr(Repository, "close", lambda _self: None)
            again = pool.submit(store.add, run, batch, [])
            # It waits for the transaction to end, which it does now.
            while not connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not again.done()
            monkeypatch.undo()
        assert again.result() == expected
    assert (count(connection, "predictions"), count(connection, "inputs")) == (2, 2)


def test_transactions_that_cannot_be_serialised_are_tried_again(
    dsn: str, connection: psycopg.Connection[Any]
) -> None:
    name = sql.Identifier(connection.info.dbname)
    connection.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = serializable").format(name)
    )

    def run_once(_number: int) -> list[int | None]:
        with open_store(dsn, retry=20) as store:
            run = started(store)
            batches = [[new(20 * batch + n) for n in range(20)] for batch in range(5)]
            return [one.input_id for batch in batches for one in store.add(run, batch, [])]

    with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        ids = list(pool.map(run_once, range(RUNS_AT_ONCE)))
    assert ids == [ids[0]] * RUNS_AT_ONCE
    assert count(connection, "predictions") == 100 * RUNS_AT_ONCE
    assert count(connection, "inputs") == 100


def test_failures_alone_are_stored_once(
    dsn: str, store: PersistentStore, connection: psycopg.Connection[Any]
) -> None:
    run = started(store)
    failures = [Rejected(3, Source("x.png"), "damaged")]
    assert store.add(run, [], failures) == []
    with open_repository(dsn) as repository:
        assert repository.stored(run, [], failures) == []
        assert repository.stored(run, [], [Rejected(4, Source("y.png"), "damaged")]) is None
        assert repository.stored(run, [new(5)], []) is None


def test_it_is_said_when_it_takes_long_and_when_it_is_over(
    dsn: str, monkeypatch: pytest.MonkeyPatch, notices: list[str]
) -> None:
    monkeypatch.setattr(retrying, "NOTICE_SECONDS", 0.0)
    connect = refusing(2, lambda: open_repository(dsn))
    with PersistentStore(connect, 10) as store:
        run = started(store)
        terminate(dsn)
        assert store.add(run, [new(0)], [])
    assert len(notices) == 2
    assert notices[0].startswith("trying again for up to 10 s: terminating connection")
    assert notices[1].startswith("the database answers again, after ")


def test_trying_again_comes_to_an_end(dsn: str) -> None:
    connect = refusing(1000, lambda: open_repository(dsn))
    with PersistentStore(connect, 0.3) as store:
        run = started(store)
        terminate(dsn)
        with pytest.raises(DatabaseError, match=r"connection refused \(tried again for 0\.3 s\)"):
            store.add(run, [new(0)], [])


def test_what_no_new_connection_would_change_is_raised_at_once(
    dsn: str, store: PersistentStore, connection: psycopg.Connection[Any]
) -> None:
    run = started(store)
    connection.execute("DELETE FROM runs")
    with pytest.raises(DatabaseError, match="violates foreign key") as caught:
        store.add(run, [new(0)], [])
    assert not isinstance(caught.value, TransientDatabaseError)
    with pytest.raises(DatabaseError):
        open_store(f"{dsn} dbname=no_such_database", retry=0.3)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dbname": "no_such_database"}, 'database "no_such_database" does not exist'),
        ({"user": "nobody_here"}, "authentication failed"),
        ({"password": "another"}, "authentication failed"),
    ],
    ids=["database", "role", "password"],
)
def test_a_server_that_would_refuse_again_is_not_asked_again(
    dsn: str, tcp_server: TcpServer, changed: dict[str, str], said: str
) -> None:
    attempts = 0

    def connect() -> Repository:
        nonlocal attempts
        attempts += 1
        return open_repository(dsn if attempts == 1 else make_conninfo(tcp_server.dsn, **changed))

    with PersistentStore(connect, 60) as store:
        run = started(store)
        terminate(dsn)
        with pytest.raises(DatabaseRefuses, match=said) as caught:
            store.add(run, [new(0)], [])
    assert attempts == 2
    assert "tried again" not in caught.value.message


@pytest.mark.parametrize(
    ("said", "lasts"),
    [
        ('role "nobody" does not exist', True),
        ('role "nobody" is not permitted to log in', True),
        ('no pg_hba.conf entry for host "10.0.0.7", user "me", database "predictions", no encryption', True),
        ('pg_hba.conf rejects connection for host "10.0.0.7", user "me"', True),
        ('Peer authentication failed for user "me"', True),
        ('permission denied for database "predictions"', True),
        ('database "predictions" does not exist', True),
        ("the database system is starting up", False),
        ("the database system is shutting down", False),
        ("sorry, too many clients already", False),
        ('too many connections for role "me"', False),
        ('database "predictions" is not currently accepting connections', False),
    ],
)
def test_which_connections_would_be_refused_again(said: str, lasts: bool) -> None:
    message = f'connection failed: connection to server at "10.0.0.7", port 5432 failed: FATAL:  {said}'
    refused = psycopg.OperationalError("connection failed: connection to server failed: Connection refused")
    assert is_shut_out(psycopg.OperationalError(message)) is lasts
    assert not is_shut_out(refused)
    for other, all_last in ((message, lasts), (str(refused), False)):
        each = "".join(f"{EACH_HOST}'h', port: '5432', hostaddr: None: {one}" for one in (other, message))
        assert is_shut_out(psycopg.OperationalError(f"{message}\nMultiple{each}")) is all_last


def test_a_disk_that_is_full_is_not_waited_for(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(dsn, retry=10) as store:
        run = started(store)
        monkeypatch.setattr(Repository, "place", Path("/"))
        monkeypatch.setattr(disk, "space_at", lambda _place: disk.Space(1000, 10**9, None))
        with pytest.raises(NoSpace, match="no space left for the database"):
            store.add(run, [new(0)], [])
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        ("08006", True),
        ("23505", True),
        ("40001", True),
        ("40P01", True),
        ("57P01", True),
        ("57P03", True),
        ("23503", True),  # foreign_key_violation: the input was deleted just now
        ("28P01", False),  # invalid_password
        ("42501", False),  # insufficient_privilege
        ("53100", False),  # disk_full
        ("57014", False),  # query_canceled
        ("57P04", False),  # database_dropped
    ],
)
def test_which_errors_pass(state: str, passes: bool) -> None:
    with pytest.raises(DatabaseError) as caught, translated():
        raise psycopg.errors.lookup(state)("what the server said")
    assert isinstance(caught.value, TransientDatabaseError) is passes


@pytest.mark.parametrize("kind", [psycopg.OperationalError, psycopg.InterfaceError])
def test_a_connection_that_is_gone_passes(kind: type[psycopg.Error]) -> None:
    with pytest.raises(TransientDatabaseError), translated():
        raise kind("the connection is lost")
