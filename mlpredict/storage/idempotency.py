"""Replies to requests that may be repeated, stored with the rows that they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg.sql import SQL

from mlpredict.domain import KeyedRequest, KnownReply, NewPrediction, PredictionRecord, Rejected, Reply
from mlpredict.errors import AlreadyAnswered
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named

if TYPE_CHECKING:
    from mlpredict.domain.requests import Outcomes

FORGET = SQL("""
    DELETE FROM {s}.idempotency_keys
    WHERE key OPERATOR(pg_catalog.=) ANY (ARRAY(
        SELECT key FROM {s}.idempotency_keys
        WHERE created_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::interval)
        ORDER BY created_at
        LIMIT 100
        FOR UPDATE SKIP LOCKED
    ))
""")
"""In passing: a hundred at most, and none that another transaction is about to delete."""

INSERT_REPLIES = SQL("""
    INSERT INTO {s}.idempotency_keys AS known (key, request, status, body)
    SELECT * FROM unnest(%b::bytea[], %b::bytea[], %b::integer[], %b::bytea[])
    ON CONFLICT (key) DO UPDATE
    SET request = excluded.request, status = excluded.status, body = excluded.body,
        created_at = excluded.created_at
    WHERE known.created_at
        OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::interval)
    RETURNING key
""")
"""Where another process is storing the reply to the same request, this waits for it."""

KNOWN_REPLIES = SQL("""
    SELECT key, request, status, body FROM {s}.idempotency_keys
    WHERE key = ANY(%s) AND created_at >= now() - '24 hours'::interval
""")


def by_position(
    predictions: Sequence[NewPrediction], records: Sequence[PredictionRecord], failures: Sequence[Rejected]
) -> Outcomes:
    """What became of the images of a batch."""
    found: dict[int, PredictionRecord | Rejected] = {failure.position: failure for failure in failures}
    return found | {new.position: record for new, record in zip(predictions, records, strict=True)}


def add_replies(connection: Connection, requests: Sequence[KeyedRequest], outcomes: Outcomes) -> None:
    """Store the replies to requests of different keys.

    They come last in a transaction and in one order: nobody who waits for another's has something that
    this one waits for.

    Raises:
        AlreadyAnswered: some have replies already.
    """
    connection.execute(named(connection, FORGET))
    rows = []
    for request in sorted(requests, key=lambda request: request.key):
        reply = request.reply(outcomes)
        rows.append((request.key, request.digest, reply.status, reply.body))
    columns = [list(column) for column in zip(*rows, strict=True)]
    stored = {bytes(key) for (key,) in connection.execute(named(connection, INSERT_REPLIES), columns)}
    if known := frozenset(request.key for request in requests if request.key not in stored):
        raise AlreadyAnswered(known)


def known_replies(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, KnownReply]:
    """What was answered to requests within the last day, by their keys."""
    rows = connection.execute(named(connection, KNOWN_REPLIES), (list(keys),))
    return {
        bytes(key): KnownReply(bytes(digest), Reply(int(status), bytes(body)))
        for key, digest, status, body in rows
    }
