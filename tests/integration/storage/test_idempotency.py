"""Replies are stored with their rows or not at all, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from mlpredict.domain import EngineName, Keep, KeyedRequest, PredictionRecord, Reply, Run
from mlpredict.errors import AlreadyAnswered, DatabaseError
from mlpredict.storage.repository import Repository, open_repository
from tests.rows import model, new

KEY, OTHER = b"k" * 32, b"o" * 32


def request(key: bytes, position: int) -> KeyedRequest:
    """A request for one image, answered with the id of its prediction."""

    def reply(outcomes: object) -> Reply:
        assert isinstance(outcomes, dict)
        record = outcomes[position]
        assert isinstance(record, PredictionRecord)
        return Reply(201, str(record.prediction_id).encode())

    return KeyedRequest(key, bytes([position]) * 32, reply)


def count(connection: psycopg.Connection[tuple[object, ...]]) -> tuple[object, ...] | None:
    return connection.execute(
        "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM idempotency_keys)"
    ).fetchone()


def test_a_reply_is_found_again(repository: Repository, run: Run) -> None:
    assert repository.replies([KEY]) == {}
    (record, _) = repository.add(run, [new(0), new(1)], [], [request(KEY, 0)])
    known = repository.replies([OTHER, KEY])[KEY]
    assert (known.digest, known.reply) == (bytes(32), Reply(201, str(record.prediction_id).encode()))


def test_what_was_answered_already_stores_nothing(
    repository: Repository, run: Run, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    repository.add(run, [new(0)], [], [request(KEY, 0)])
    with pytest.raises(AlreadyAnswered) as raised:
        repository.add(run, [new(1), new(2), new(3)], [], [request(OTHER, 1), request(KEY, 2)])
    assert raised.value.keys == {KEY}
    assert count(connection) == (1, 1)
    assert set(repository.replies([OTHER, KEY])) == {KEY}


def test_a_batch_that_fails_has_no_reply(
    repository: Repository, run: Run, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    broken = new(0).prediction._replace(values="not json")
    with pytest.raises(DatabaseError):
        repository.add(run, [new(0, prediction=broken)], [], [request(KEY, 0)])
    assert count(connection) == (0, 0)


def test_two_processes_that_store_at_once_wait_for_each_other(
    dsn: str, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    def store(position: int) -> str:
        with open_repository(dsn) as repository:
            run = repository.start_run(model(), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
            try:
                # The other way round in every second one, with an image that they have in common.
                keys = [request(KEY, 0), request(OTHER, 1)][:: -1 if position % 2 else 1]
                repository.add(run, [new(0, image=b"same"), new(1, image=b"too")], [], keys)
            except AlreadyAnswered as error:
                return f"{len(error.keys)} known"
            return "stored"

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(store, range(6)))
    assert sorted(said) == ["2 known"] * 5 + ["stored"]
    assert count(connection) == (2, 2)
