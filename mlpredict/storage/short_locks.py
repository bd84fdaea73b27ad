"""Having locks that others are not to wait long behind: in attempts of some tenths of a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psycopg
from psycopg.sql import SQL, Literal

from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named
from mlpredict.storage.partitions import LOCK, LOCK_TIMEOUT, MOVING_LOCK, WAIT_SHORTLY
from mlpredict.storage.transactions import attempt, writing
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

Result = TypeVar("Result")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
NOTICE_SECONDS = 3.0

WAITED_FOR = SQL("""
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_locks AS waiting
        WHERE waiting.locktype OPERATOR(pg_catalog.=) 'transactionid' AND NOT waiting.granted
          AND waiting.transactionid OPERATOR(pg_catalog.=) ANY (
              SELECT own.transactionid FROM pg_catalog.pg_locks AS own
              WHERE own.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND own.granted
                AND own.locktype OPERATOR(pg_catalog.=) 'transactionid'
          )
    )
""")
"""Whether somebody waits for a row that this transaction has: it would never have its lock then."""

PASSING = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)


class GaveWay(Exception):
    """Somebody waits for a row of the range, and must have it first."""


def patiently(connection: Connection, work: Callable[[], Result]) -> Result:
    """What a short transaction gives, which begins again until it has had its locks."""
    pause = _Pause()
    while True:
        with suppress(*PASSING), writing(connection):
            connection.execute(LOCK.format(lock=Literal(MOVING_LOCK)))
            connection.execute(WAIT_SHORTLY.format(timeout=Literal(LOCK_TIMEOUT)))
            return work()
        pause()


def lock(connection: Connection, *statements: SQL) -> None:
    """Have locks, for each of which others wait some tenths of a second at a time, and no longer."""
    pause = _Pause()
    while True:
        with suppress(*PASSING), attempt(connection):
            connection.execute(WAIT_SHORTLY.format(timeout=Literal(LOCK_TIMEOUT)))
            for statement in statements:
                connection.execute(named(connection, statement))
            connection.execute(WAIT_SHORTLY.format(timeout=Literal("0")))
            return
        if connection.execute(WAITED_FOR).fetchone() == (True,):
            raise GaveWay
        pause()


class _Pause:
    """Waits between attempts, and says so once it has been for long."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seconds = FIRST_PAUSE
        self._told = False

    def __call__(self) -> None:
        if not self._told and time.monotonic() - self._began > NOTICE_SECONDS:
            self._told = True
            logger.info("waiting until nobody reads or changes predictions for long")
        time.sleep(self._seconds)
        self._seconds = min(2 * self._seconds, LONGEST_PAUSE)
