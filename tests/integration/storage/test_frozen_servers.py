"""Servers whose processes are frozen: they accept connections, and never say anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from mlpredict.domain import EngineName, Keep
from mlpredict.errors import DatabaseError, TransientDatabaseError
from mlpredict.storage import pool, replicas
from mlpredict.storage.history_reads import HistoryReads
from mlpredict.storage.patience import PatientConnection, answered_within
from mlpredict.storage.pool import open_reads
from mlpredict.storage.replicas import ask
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.storage.retrying import open_store
from tests.replication import Pair, catch_up, counted, frozen, replicated, store_one, wait_for_standbys
from tests.rows import model, new
from tests.serving import File, serving
from tests.tcp_server import TcpServer

SECONDS = 60
Result = TypeVar("Result")


@pytest.fixture(scope="module")
def pair(tcp_server: TcpServer, public_directory: Path) -> Iterator[Pair]:
    with replicated(tcp_server, public_directory) as pair:
        yield pair


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_standbys(monkeypatch, SECONDS)


def in_time(work: Callable[[], Result]) -> Result:
    """What it gives, or raises, if it ever comes to an end."""
    came: list[Result | BaseException] = []

    def run() -> None:
        try:
            came.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert came, "it hangs"
    if isinstance(came[0], BaseException):
        raise came[0]
    return came[0]


def test_a_connection_is_given_up_when_its_server_says_nothing(dsn: str) -> None:
    with PatientConnection.connect(dsn, autocommit=True) as connection:
        with answered_within(connection, 60):
            connection.execute("SELECT pg_sleep(0.2)")
            with answered_within(connection, 0.1):
                with pytest.raises(psycopg.OperationalError, match=r"said nothing for 0\.1 s"):
                    connection.execute("SELECT pg_sleep(60)")
                assert connection.closed
        assert connection.patience is None


def test_a_slow_answer_is_waited_for_where_nobody_is_in_a_hurry(dsn: str) -> None:
    with open_repository(dsn) as repository:
        repository.connection.execute("SELECT pg_sleep(0.5)")


def test_a_frozen_replica_is_left_out(pair: Pair, notices: list[str]) -> None:
    with open_reads(pair.primary) as reads, open_reads(pair.replica) as copies:
        history = HistoryReads(reads, copies)
        stored = store_one(pair)
        catch_up(pair)
        assert history.read(counted) == (stored, True)
        with frozen(pair.replica):
            assert in_time(lambda: history.read(counted)) == (stored, False)
        assert any("history is read from the primary" in one for one in notices)


def test_a_command_does_not_wait_for_a_replica_that_has_just_been_frozen(
    pair: Pair, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = store_one(pair)
    catch_up(pair)
    with ExitStack() as stack:

        def freezing(dsn: str) -> Repository:
            repository = open_repository(dsn)
            if dsn == pair.replica:
                stack.enter_context(frozen(dsn))
            return repository

        monkeypatch.setattr(replicas, "open_repository", freezing)
        assert in_time(lambda: ask(pair.primary, pair.replica, counted)) == (stored, False)
    assert any("asking the primary: the read replica cannot be used: " in one for one in notices)


def test_a_frozen_primary_leaves_reading_to_the_replica(pair: Pair, notices: list[str]) -> None:
    with open_reads(pair.primary) as reads, open_reads(pair.replica) as copies:
        history = HistoryReads(reads, copies)
        stored = store_one(pair)
        catch_up(pair)
        assert history.read(counted) == (stored, True)
        with frozen(pair.primary):
            assert in_time(lambda: history.read(counted)) == (stored, True)

            def ping() -> None:
                with reads.repository() as repository:
                    repository.ping()

            with pytest.raises(TransientDatabaseError):
                in_time(ping)
        assert any("the primary does not answer" in one for one in notices)


def test_what_is_being_read_when_a_server_freezes_comes_to_an_end(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "GRACE_SECONDS", -0.5)
    with open_reads(pair.primary) as reads:

        def read() -> None:
            with reads.repository(seconds=1) as repository, frozen(pair.primary):
                repository.ping()

        with pytest.raises(TransientDatabaseError, match="said nothing"):
            in_time(read)


def test_a_frozen_primary_is_not_waited_for_to_store(pair: Pair) -> None:
    with open_store(pair.primary, retry=0.1, patience=2) as store:
        run = store.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
        with frozen(pair.primary), pytest.raises(DatabaseError):
            in_time(lambda: store.add(run, [new(0)], []))
        [record] = in_time(lambda: store.add(run, [new(1)], []))
        assert record.prediction_id is not None


@pytest.mark.slow
def test_a_server_answers_while_its_database_is_frozen(
    environment: dict[str, str], compiled: None, pair: Pair, digits: list[Path]
) -> None:
    upload = File(digits[0].read_bytes())
    with serving({**environment, "MLPREDICT_DSN": pair.primary}) as server:
        assert server.post("/v1/predictions", upload).status == 201
        assert server.ask("/readyz").status == 200
        with frozen(pair.primary):
            assert server.ask("/readyz").status == 503
            assert server.ask("/v1/predictions").status == 503
            assert server.post("/v1/predictions", upload).status == 503
            assert server.ask("/healthz").status == 200
        end = time.monotonic() + SECONDS
        while server.post("/v1/predictions", upload).status != 201:
            assert time.monotonic() < end
        assert server.ask("/readyz").status == 200
