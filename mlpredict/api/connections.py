"""Connections to a database: for as many threads as want one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mlpredict.storage.repository import Repository
    from mlpredict.storage.retrying import PersistentStore

Result = TypeVar("Result")


@dataclass(slots=True)
class Connections:
    """Where predictions are kept, and the connections to it that are idle."""

    dsn: str | None = field(repr=False)
    retry: float
    read_dsn: str | None = field(default=None, repr=False)
    """A replica of it, which is asked first where much is read."""
    patience: float | None = None
    """For so many seconds each answer is waited for of a connection to write to."""
    _idle: list[PersistentStore] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have a connection at hand until the block ends, unless a replica may do without one."""
        if self.read_dsn is None:
            with self.store():
                pass
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Disconnect those that are idle."""
        while self._idle:
            self._idle.pop().close()

    @property
    def place(self) -> Path | None:
        """The directory of the local PostgreSQL; None where the database is another's."""
        return self._idle[0].place if self._idle else None

    @contextmanager
    def reading(self) -> Iterator[Repository]:
        """A connection of its own to read from, until the block ends."""
        from mlpredict.storage.repository import open_repository

        with open_repository(self.dsn) as repository:
            yield repository

    def read(self, query: Callable[[Repository], Result]) -> Result:
        """What a query gives that changes nothing: of the replica, where there is one that answers."""
        if self.dsn is None or self.read_dsn is None:
            with self.reading() as repository:
                return query(repository)
        from mlpredict.storage import replicas

        return replicas.ask(self.dsn, self.read_dsn, query)

    @contextmanager
    def store(self) -> Iterator[PersistentStore]:
        """A connection to write to, which no other thread has meanwhile."""
        from mlpredict.storage.retrying import open_store

        with self._turn:
            store = self._idle.pop() if self._idle else None
        store = store or open_store(self.dsn, retry=self.retry, patience=self.patience)
        try:
            yield store
        except BaseException:
            store.close()
            raise
        with self._turn:
            self._idle.append(store)
