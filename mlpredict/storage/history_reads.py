"""Where a server reads what many ask for and nobody waits to write: a replica where there is one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from mlpredict.errors import DatabaseError, TransientDatabaseError
from mlpredict.storage.connection import Connection
from mlpredict.storage.pool import STATEMENT_SECONDS, ReadPool
from mlpredict.storage.replicas import SECOND_OPINION, Behind, Mark, NotACopy, catch_up, mark_of
from mlpredict.storage.repository import Repository
from mlpredict.storage.transactions import Isolation
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

Result = TypeVar("Result")

First = Callable[[Connection], None]
"""What is done with a connection before it is asked."""

PATIENCE_SECONDS = 0.25
"""So long a request waits for a replica to catch up."""

REST_SECONDS = 5.0
"""So long a server that has failed is not asked; then one request tries it for all others."""

FAILING = (*SECOND_OPINION, Behind, NotACopy)
"""What has the primary asked instead."""


class HistoryReads:
    """Reads from a replica what is stored by then, and from the primary where the replica cannot.

    Where the primary is away, what the replica has is read. Used by many threads at a time.
    """

    def __init__(self, primary: ReadPool, replica: ReadPool | None = None) -> None:
        self._primary = primary
        self._replica = replica
        self._is_known = False
        """Whether the replica has been seen to be one of the primary."""
        self._rest_of_replica = _Rest(
            "history is read from the primary, not from the replica", "history is read from the replica again"
        )
        self._rest_of_primary = _Rest(
            "the primary does not answer, and history is read from the replica as it is",
            "the primary answers again",
        )

    def require_copy(self) -> None:
        """Look whether the replica is one of the primary, and say where it cannot be used now.

        Raises:
            NotACopy: it is of another database.
            DatabaseError: the primary does not answer.
        """
        if self._replica is None:
            return
        with self._primary.repository() as repository:
            wanted = mark_of(repository.connection)
        passing = (*SECOND_OPINION, Behind)
        with (
            suppress(*passing),
            self._rest_of_replica.told(*passing),
            self._replica.repository(first=self._catching_up(wanted)) as repository,
        ):
            repository.ping()

    def read(
        self,
        query: Callable[[Repository], Result],
        *,
        isolation: Isolation = "read committed",
        seconds: int = STATEMENT_SECONDS,
    ) -> Result:
        """What a query gives that changes nothing; it may be asked twice.

        Raises:
            DatabaseError: the primary fails, too.
        """
        how = partial(_read, query, isolation, seconds)
        if self._replica is None:
            return how(self._primary)
        if self._rest_of_replica.is_over():
            with suppress(*FAILING), self._rest_of_replica.told(*FAILING):
                return how(self._replica, self._before_asking())
            return how(self._primary)
        # The replica may merely have been behind.
        with suppress(TransientDatabaseError), self._rest_of_primary.told(TransientDatabaseError):
            return how(self._primary)
        return how(self._replica, self._require_known)

    def _before_asking(self) -> First:
        """What makes sure of the replica, by what the primary says."""
        if self._rest_of_primary.is_over():
            with (
                suppress(TransientDatabaseError),
                self._rest_of_primary.told(TransientDatabaseError),
                self._primary.repository() as repository,
            ):
                return self._catching_up(mark_of(repository.connection))
        return self._require_known

    def _catching_up(self, wanted: Mark | None) -> First:
        def wait(replica: Connection) -> None:
            try:
                if wanted is not None:
                    catch_up(replica, wanted, PATIENCE_SECONDS)
            except Behind:
                self._is_known = True
                raise
            self._is_known = True

        return wait

    def _require_known(self, _replica: Connection) -> None:
        """Raises NotACopy where nobody could look yet whether it is one."""
        if not self._is_known:
            raise NotACopy("the primary is away, and whether the read replica is one of it is not known")


def _read(
    query: Callable[[Repository], Result],
    isolation: Isolation,
    seconds: int,
    pool: ReadPool,
    first: First | None = None,
) -> Result:
    with pool.repository(isolation=isolation, seconds=seconds, first=first) as repository:
        return query(repository)


class _Rest:
    """The time in which a server is not asked, as it has just failed; its begin and its end are said."""

    def __init__(self, began: str, ended: str) -> None:
        self._began = began
        self._ended = ended
        self._until: float | None = None
        self._turn = threading.Lock()

    def is_over(self) -> bool:
        """Whether to ask; while it fails, one asks for all."""
        with self._turn:
            if self._until is None:
                return True
            if time.monotonic() < self._until:
                return False
            self._until = time.monotonic() + REST_SECONDS
            return True

    @contextmanager
    def told(self, *failing: type[DatabaseError]) -> Iterator[None]:
        """Begin a rest where the block fails in these ways, and end it where it does not."""
        try:
            yield
        except failing as error:
            with self._turn:
                begins, self._until = self._until is None, time.monotonic() + REST_SECONDS
            if begins:
                logger.warning(f"{self._began} ({error.message})")
            raise
        else:
            with self._turn:
                ends, self._until = self._until is not None, None
            if ends:
                logger.info(self._ended)
