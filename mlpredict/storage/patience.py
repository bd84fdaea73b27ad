"""Connections that are given up where a server says nothing: its processes may be frozen.

The kernel of such a machine still acknowledges what is sent, so that neither keepalives nor
`tcp_user_timeout` notice; and a limit that the server keeps, as `statement_timeout`, is frozen with it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

Wanted = TypeVar("Wanted")
Result = TypeVar("Result")


class PatientConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for each answer as long as its `patience` lasts, and is closed then."""

    patience: float | None = None
    """In seconds; None where a statement takes as long as it takes."""
    settled: bool = False
    """Whether its session has had what our statements need from its start on; see `session_settings`."""

    def wait(self, gen: Generator[Any, Any, Result], *arguments: Any, **options: Any) -> Result:
        """What comes of a generator of the driver's, which all that is sent and received goes through.

        Raises:
            psycopg.OperationalError: nothing has come of it in time.
        """
        if self.patience is None:
            return super().wait(gen, *arguments, **options)
        return super().wait(self._in_time(gen, self.patience), *arguments, **options)

    def _in_time(self, gen: Generator[Wanted, Any, Result], seconds: float) -> Generator[Wanted, Any, Result]:
        end = time.monotonic() + seconds
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                # The driver looks up several times a second, ready or not.
                if not ready and time.monotonic() >= end:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server has said nothing for {seconds:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: Result = done.value
            return result


@contextmanager
def answered_within(connection: psycopg.Connection[tuple[Any, ...]], seconds: float) -> Iterator[None]:
    """Have a connection wait no longer for each answer until the block ends.

    Example:
        >>> with answered_within(connection, 3):
        ...     connection.execute("SELECT 1")
    """
    if not isinstance(connection, PatientConnection):
        raise TypeError(f"a {type(connection).__name__} waits for ever")
    before = connection.patience
    connection.patience = seconds if before is None else min(before, seconds)
    try:
        yield
    finally:
        connection.patience = before
