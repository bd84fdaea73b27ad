"""What a model has predicted already of the objects that buckets list, before they are fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from mlpredict.api.connections import Connections


class KnownObjects:
    """Asks a database for versions of objects, with a connection of its own, from whichever thread.

    A listing may begin before the database is opened, which is waited for then; after a `with` block
    nobody waits any more. It is what `mlpredict.inputs.sources.discover` takes for `known`.
    """

    def __init__(self, fingerprint: str, database: Connections | None = None) -> None:
        self._fingerprint = fingerprint
        self._database: Future[Connections] = Future()
        self.ask(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.cancel()

    def ask(self, database: Connections | None) -> None:
        """The database that is asked, once it is opened."""
        if database is not None:
            self._database.set_result(database)

    def __call__(self, versions: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The SHA-256 of images that the model has predicted, by the versions of their objects.

        Raises:
            DatabaseError: it cannot be asked.
        """
        with self._database.result().store() as store:
            return store.predicted_objects(self._fingerprint, versions)
