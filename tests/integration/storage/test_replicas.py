"""Reading from a standby: what was stored is there, whatever the standby, the primary or both do."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from mlpredict.api.database import connect
from mlpredict.errors import DatabaseError
from mlpredict.storage import history_reads, replicas
from mlpredict.storage.connection import translated
from mlpredict.storage.history_reads import HistoryReads
from mlpredict.storage.migrations import migrate
from mlpredict.storage.pool import open_reads
from mlpredict.storage.replicas import NotACopy, ask, open_reader
from mlpredict.storage.repository import Repository
from mlpredict.storage.transactions import reading
from tests.buckets import Bucket
from tests.conftest import Command
from tests.proxy import Proxy
from tests.replication import (
    EVERYTHING,
    Pair,
    catch_up,
    counted,
    is_standby,
    named,
    replicated,
    store_one,
    wait_for_standbys,
)
from tests.serving import File, serving
from tests.tcp_server import TcpServer

SECONDS = 60


@pytest.fixture(scope="module")
def pair(tcp_server: TcpServer, public_directory: Path) -> Iterator[Pair]:
    with replicated(tcp_server, public_directory) as pair:
        yield pair


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_standbys(monkeypatch, SECONDS)


@contextmanager
def paused(pair: Pair) -> Iterator[None]:
    """The standby replays nothing, and is not waited for."""
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(pair.replica, autocommit=True) as connection:
        for module in (replicas, history_reads):
            patch.setattr(module, "PATIENCE_SECONDS", 0.05)
        connection.execute("SELECT pg_wal_replay_pause()")
        end = time.monotonic() + SECONDS
        while connection.execute("SELECT pg_get_wal_replay_pause_state()").fetchone() != ("paused",):
            assert time.monotonic() < end
            time.sleep(0.01)
        try:
            yield
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")


@contextmanager
def cut(network: Proxy) -> Iterator[None]:
    network.cut()
    try:
        yield
    finally:
        network.restore()


def test_what_was_just_stored_is_read_from_the_standby(pair: Pair, notices: list[str]) -> None:
    for _ in range(5):
        stored = store_one(pair)
        with open_reader(pair.primary, pair.replica) as repository:
            assert counted(repository) == (stored, True)
    assert [text for text in notices if "primary" in text] == []


def test_a_standby_that_is_behind_is_not_asked(pair: Pair, notices: list[str]) -> None:
    with paused(pair):
        stored = store_one(pair)
        with open_reader(pair.primary, pair.replica) as repository:
            assert counted(repository) == (stored, False)
        assert ask(pair.primary, pair.replica, counted) == (stored, False)
    said = [text for text in notices if "asking the primary: the read replica is behind" in text]
    assert len(said) == 2
    assert " s ago" in said[0]
    with open_reader(pair.primary, pair.replica) as repository:
        assert counted(repository)[0] == stored


@pytest.mark.parametrize("away", ["replica", "primary"])
def test_one_of_the_two_is_enough(pair: Pair, notices: list[str], away: str) -> None:
    stored = store_one(pair)
    catch_up(pair)
    with cut(pair.to_replica if away == "replica" else pair.to_primary):
        assert ask(pair.primary, pair.replica, counted) == (stored, away == "primary")
        if away == "primary":
            with connect(pair.primary, read_dsn=pair.replica) as database:
                assert database.report().predictions == stored
    assert any(
        (
            "asking the primary: the read replica cannot"
            if away == "replica"
            else "the primary does not answer"
        )
        in text
        for text in notices
    )
    assert not any("s3cret" in text or "pass'word" in text for text in notices)


def test_where_neither_answers_the_primary_is_told_of(pair: Pair) -> None:
    with cut(pair.to_replica), cut(pair.to_primary), pytest.raises(DatabaseError) as raised:
        open_reader(pair.primary, pair.replica)
    assert "s3cret" not in raised.value.in_full


def test_the_primary_is_a_replica_of_itself(pair: Pair, notices: list[str]) -> None:
    stored = store_one(pair)
    assert ask(pair.primary, pair.primary, counted) == (stored, False)
    assert [text for text in notices if "asking" in text] == []


def test_what_is_no_copy_is_refused(pair: Pair, dsn: str, tcp_server: TcpServer) -> None:
    with psycopg.connect(tcp_server.dsn, autocommit=True) as administrator:
        administrator.execute("CREATE DATABASE beside TEMPLATE template1")
        beside = named(tcp_server.dsn, "beside")
        try:
            with psycopg.connect(beside, autocommit=True) as connection:
                migrate(connection)
            for other in (dsn, beside):
                with pytest.raises(NotACopy):
                    open_reader(pair.primary, other)
                with (
                    open_reads(pair.primary) as reads,
                    open_reads(other) as copies,
                    pytest.raises(NotACopy),
                ):
                    HistoryReads(reads, copies).require_copy()
        finally:
            administrator.execute("DROP DATABASE beside WITH (FORCE)")


def test_a_standby_with_an_older_schema_is_not_asked(
    pair: Pair, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_reads, "mark_of", lambda _: None)  # as where a server does not say it
    with paused(pair), psycopg.connect(pair.primary, autocommit=True) as connection:
        stored = store_one(pair)
        connection.execute("ALTER TABLE failures RENAME COLUMN reason TO why")
        try:

            def query(repository: Repository) -> int:
                with translated(), reading(repository.connection):
                    repository.connection.execute("SELECT why FROM failures")
                return repository.count(EVERYTHING)

            with open_reads(pair.primary) as reads, open_reads(pair.replica) as copies:
                assert HistoryReads(reads, copies).read(query) == stored
        finally:
            connection.execute("ALTER TABLE failures RENAME COLUMN why TO reason")
    assert any("history is read from the primary" in text for text in notices)


@contextmanager
def no_delay(pair: Pair) -> Iterator[None]:
    """The standby ends what conflicts with its recovery at once."""
    with psycopg.connect(pair.replica, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET max_standby_streaming_delay")
            connection.execute("SELECT pg_reload_conf()")


def conflicting(pair: Pair) -> Callable[[Repository], bool]:
    """A query that a standby cancels, as what it reads is deleted meanwhile; whether a standby answers."""

    def query(repository: Repository) -> bool:
        if not is_standby(repository):
            return False
        connection = repository.connection
        with translated():
            if connection.info.transaction_status == TransactionStatus.IDLE:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SELECT count(*) FROM predictions")
            with psycopg.connect(pair.primary, autocommit=True) as primary:
                primary.execute("DELETE FROM predictions")
                primary.execute("VACUUM predictions")
            connection.execute("SELECT pg_sleep(60)")
        return True

    return query


def test_a_query_that_recovery_cancels_is_asked_of_the_primary(pair: Pair, notices: list[str]) -> None:
    with no_delay(pair):
        store_one(pair)
        assert ask(pair.primary, pair.replica, conflicting(pair)) is False
        assert any("due to conflict with recovery" in one for one in notices)
        store_one(pair)
        with open_reads(pair.primary) as reads, open_reads(pair.replica) as copies:
            history = HistoryReads(reads, copies)
            assert history.read(conflicting(pair), isolation="repeatable read") is False
        store_one(pair)
        with open_reader(pair.primary, pair.replica) as repository:
            with pytest.raises(DatabaseError) as raised:
                conflicting(pair)(repository)
            assert "max_standby_streaming_delay" in (raised.value.hint or "")


@pytest.fixture
def history(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[HistoryReads]:
    """Reads of a server, which tries what has failed with each request again."""
    monkeypatch.setattr(history_reads, "REST_SECONDS", 0.0)
    with open_reads(pair.primary) as reads, open_reads(pair.replica) as copies:
        yield HistoryReads(reads, copies)


def test_a_server_reads_what_was_stored_whoever_is_away(
    pair: Pair, history: HistoryReads, notices: list[str]
) -> None:
    stored = store_one(pair)
    history.require_copy()
    assert history.read(counted) == (stored, True)
    assert history.read(counted, isolation="repeatable read") == (stored, True)
    with paused(pair):
        stored = store_one(pair)
        for _ in range(3):
            assert history.read(counted) == (stored, False)
    stored = store_one(pair)
    assert history.read(counted) == (stored, True)
    with cut(pair.to_replica):
        assert history.read(counted) == (stored, False)
    end = time.monotonic() + SECONDS
    with cut(pair.to_primary):
        while history.read(counted) != (stored, True):
            assert time.monotonic() < end
    said = [text.partition(" (")[0] for text in notices if "history" in text]
    assert said[:3] == [
        "history is read from the primary, not from the replica",
        "history is read from the replica again",
        "history is read from the primary, not from the replica",
    ]
    assert "the primary does not answer, and history is read from the replica as it is" in said


def test_a_replica_that_has_failed_is_left_alone_for_a_while(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_reads, "REST_SECONDS", 3600.0)
    with open_reads(pair.primary) as reads, open_reads(pair.replica) as copies:
        history = HistoryReads(reads, copies)
        with paused(pair):
            store_one(pair)
            assert history.read(is_standby) is False
        catch_up(pair)
        assert history.read(is_standby) is False
        # Until nobody else answers.
        with cut(pair.to_primary):
            assert history.read(is_standby) is True


def test_what_may_be_another_database_is_not_read_where_the_primary_is_away(pair: Pair, dsn: str) -> None:
    with open_reads(pair.primary) as reads, open_reads(dsn) as copies:
        history = HistoryReads(reads, copies)
        with cut(pair.to_primary), pytest.raises(DatabaseError):
            history.read(counted)
        with cut(pair.to_primary), pytest.raises(DatabaseError):
            history.read(counted)


def test_commands_read_from_a_standby(mlpredict: Command, pair: Pair, digits: list[Path]) -> None:
    read = ("--dsn", pair.primary, "--read-dsn", pair.replica)
    assert mlpredict("predict", *digits[:2], "--dsn", pair.primary).returncode == 0
    done = mlpredict("list", "--run", "last", "--count", *read)
    assert done.stdout == b"2\n"
    with paused(pair):
        made = mlpredict("predict", digits[3], "--json", "--dsn", pair.primary)
        [one] = json.loads(made.stdout)
        done = mlpredict("show", str(one["prediction_id"]), "--json", *read)
        assert json.loads(done.stdout)[0]["prediction_id"] == one["prediction_id"]
        assert done.stderr.count(b"\n") == 1
        assert b"the read replica is behind" in done.stderr
        environment = {"MLPREDICT_DSN": pair.primary, "MLPREDICT_READ_DSN": pair.replica}
        assert b"the read replica is behind" in mlpredict("report", env=environment).stderr
        assert mlpredict("models", "--read-dsn", "", env=environment).stderr == b""


def test_no_image_is_swept_by_what_a_standby_knows(pair: Pair, bucket: Bucket, mlpredict: Command) -> None:
    key = f"images/{hashlib.sha256(b'image').hexdigest()}"
    bucket.put_old(key, b"image")
    catch_up(pair)
    command = ("db", "sweep", f"{bucket.url}images/", "--abandoned", "--yes", "--dsn", pair.replica)
    done = mlpredict(*command, env=bucket.environment)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
    assert b"is a standby, which may not know the newest rows; name the primary with --dsn" in done.stderr
    assert (bucket.stored, bucket.network.requests) == ({key}, [])


@pytest.mark.slow
def test_a_server_lists_where_the_replica_or_the_primary_is_away(
    environment: dict[str, str], compiled: None, pair: Pair, digits: list[Path]
) -> None:
    place = {**environment, "MLPREDICT_DSN": pair.primary, "MLPREDICT_READ_DSN": pair.replica}
    with serving(place) as server:
        made = server.post("/v1/predictions", File(digits[0].read_bytes())).json["predictions"][0]
        newest = "/v1/predictions?limit=1"
        assert server.ask(newest).json["predictions"][0]["prediction_id"] == made["prediction_id"]
        catch_up(pair)
        with cut(pair.to_primary):
            assert server.ask(newest).json["predictions"][0]["prediction_id"] == made["prediction_id"]
            assert server.ask(f"/v1/inputs/{made['input_id']}/image").body == digits[0].read_bytes()
            server.hears("the primary does not answer, and history is read from the replica")
        with cut(pair.to_replica):
            made = server.post("/v1/predictions", File(digits[1].read_bytes())).json["predictions"][0]
            assert server.ask(newest).json["predictions"][0]["prediction_id"] == made["prediction_id"]
            assert server.ask("/v1/report").json["predictions"]
            server.hears("history is read from the primary, not from the replica")
        assert not any("s3cret" in line for line in server.said)
