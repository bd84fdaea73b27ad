"""Storing a run's predictions whatever becomes of the connection meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from mlpredict.domain.samples import Ended
from mlpredict.errors import DatabaseError, DatabaseRefuses, NoSpace, TransientDatabaseError
from mlpredict.storage.repository import Repository, open_repository
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.domain import (
        EngineName,
        KeyedRequest,
        Labelled,
        ModelIdentity,
        NewLabel,
        NewPrediction,
        PredictionRecord,
        Rejected,
        Run,
    )
    from mlpredict.domain.environments import Environment
    from mlpredict.domain.predictions import Kept
    from mlpredict.storage.deletion import Deletion
    from mlpredict.storage.shared_runs import SharedRuns
    from mlpredict.storage.stored_inputs import MeasuredInput

logger = get_logger(__name__)

Result = TypeVar("Result")

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
NOTICE_SECONDS = 1.0
TICK_SECONDS = 0.1


def open_store(
    dsn: str | None, *, retry: float, enough: Callable[[], bool] = bool, patience: float | None = None
) -> PersistentStore:
    """The repository of `dsn`, or of the local PostgreSQL, for as long as a run takes.

    A server that says nothing for as long as the `patience` lasts is taken for lost.

    Raises:
        DatabaseError: it cannot be reached now: only what was reached once is tried again.
    """
    return PersistentStore(lambda: open_repository(dsn, patience=patience), retry, enough)


class PersistentStore:
    """A repository that is connected to again when its connection is lost; close it by a `with` block.

    What was interrupted is done again for up to `retry` seconds, and never twice. Every method raises
    DatabaseError when that is not enough, when trying again would not help, or when `enough` comes true.
    """

    def __init__(
        self, connect: Callable[[], Repository], retry: float, enough: Callable[[], bool] = bool
    ) -> None:
        self._connect = connect
        self._retry = retry
        self._enough = enough
        self._repository: Repository | None = connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._repository is not None:
            self._repository.__exit__(kind, error, trace)

    def close(self) -> None:
        """Disconnect."""
        if self._repository is not None:
            self._repository.close()

    @property
    def place(self) -> Path | None:
        """The directory of the local server; None where the database is another's."""
        return self._repository.place if self._repository else None

    def start_run(
        self,
        model: ModelIdentity,
        *,
        engine: EngineName,
        keep: Kept,
        environment: Environment | None = None,
    ) -> Run:
        """Record that `predict` begins, with the model it uses and where."""
        run_id = self._until_done(lambda repository, _: repository.reserve_run())
        return self._until_done(
            lambda repository, _: repository.start_run(
                model, engine=engine, keep=keep, run_id=run_id, environment=environment
            )
        )

    def finish_run(self, run: Run, ended: Ended = Ended.FINISHED) -> None:
        """Record that a run came to its end."""
        self._until_done(lambda repository, _: repository.finish_run(run, ended))

    def predicted(self, fingerprint: str, digests: Sequence[bytes]) -> set[bytes]:
        """Which images, by the SHA-256 of their files, a model has predicted already."""
        return self._until_done(lambda repository, _: repository.predicted(fingerprint, digests))

    def predicted_names(self, fingerprint: str, digests: Sequence[bytes]) -> set[tuple[bytes, str]]:
        """The names by which a model has predicted images, each with the SHA-256 of its file."""
        return self._until_done(lambda repository, _: repository.predicted_names(fingerprint, digests))

    def predicted_objects(self, fingerprint: str, versions: Sequence[bytes]) -> dict[bytes, bytes]:
        """The versions of objects whose images a model has predicted, each with the SHA-256 of its image."""
        return self._until_done(lambda repository, _: repository.predicted_objects(fingerprint, versions))

    def remember_objects(self, objects: Mapping[bytes, bytes]) -> None:
        """Store which images, by their SHA-256, versions of objects are; done twice it changes nothing."""
        self._until_done(lambda repository, _: repository.remember_objects(objects))

    def measured_inputs(self, ids: Sequence[int], prepared: str | None = None) -> list[MeasuredInput]:
        """The images of predictions, without their URIs; see `mlpredict.storage.stored_inputs`."""
        return self._until_done(lambda repository, _: repository.measured_inputs(ids, prepared))

    def replayed_already(self, ids: Sequence[int], fingerprint: str) -> set[int]:
        """Those of predictions by their ids whose image a model has predicted, too."""
        return self._until_done(lambda repository, _: repository.replayed_already(ids, fingerprint))

    def image_uris(self, input_ids: Collection[int]) -> dict[int, str | None]:
        """The URIs of inputs; those that are gone are left out."""
        return self._until_done(lambda repository, _: repository.image_uris(input_ids))

    def add(
        self,
        run: Run,
        predictions: Sequence[NewPrediction],
        failures: Sequence[Rejected],
        requests: Sequence[KeyedRequest] = (),
    ) -> list[PredictionRecord]:
        """Store a batch in one transaction, once: also where a commit's answer was lost.

        Raises:
            AlreadyAnswered: some of the requests have their replies already; nothing is stored.
            InputsGone: some of the images that were stored already have been deleted; nothing is stored.
        """

        def add_once(repository: Repository, again: bool) -> list[PredictionRecord]:
            stored = repository.stored(run, predictions, failures) if again else None
            return repository.add(run, predictions, failures, requests) if stored is None else stored

        return self._until_done(add_once)

    def label(self, new: Sequence[NewLabel], *, source: str, labelled_by: str | None = None) -> Labelled:
        """Store the truth of images in one transaction; done twice it changes nothing."""
        return self._until_done(
            lambda repository, _: repository.label(new, source=source, labelled_by=labelled_by)
        )

    def unlabel(self, images: Sequence[NewLabel], *, removed_by: str | None = None) -> Labelled:
        """Take the truth of images away, in one transaction."""
        return self._until_done(lambda repository, _: repository.unlabel(images, removed_by=removed_by))

    def mark_unusable(
        self, images: Sequence[NewLabel], *, source: str, marked_by: str | None = None
    ) -> Labelled:
        """Say that images show nothing that has a label, in one transaction."""
        return self._until_done(
            lambda repository, _: repository.mark_unusable(images, source=source, marked_by=marked_by)
        )

    def read(self, query: Callable[[Repository], Result]) -> Result:
        """What a query gives, which changes nothing."""
        return self._until_done(lambda repository, _: query(repository))

    def truths(self, ids: Sequence[int]) -> dict[int, tuple[str, bool | None]]:
        """The truth of predictions that have one, and whether they are right."""
        return self._until_done(lambda repository, _: repository.truths(ids))

    def deleting(self, delete: Callable[[Deletion], Result]) -> Result:
        """What one step of a deletion gives: what it has deleted already it does not delete again."""
        from mlpredict.storage.deletion import Deletion

        return self._until_done(lambda repository, _: delete(Deletion(repository.connection)))

    def sharing(self, work: Callable[[SharedRuns, bool], Result]) -> Result:
        """What one step of a run in parts gives; it is told whether it has been tried before."""
        from mlpredict.storage.shared_runs import SharedRuns

        return self._until_done(lambda repository, again: work(SharedRuns(repository), again))

    def _until_done(self, work: Callable[[Repository, bool], Result]) -> Result:
        """What `work` gives, told whether it has been tried before."""
        outage: _Outage | None = None
        while True:
            try:
                if self._repository is None:
                    self._repository = self._connect()
                result = work(self._repository, outage is not None)
            except DatabaseError as error:
                self._give_up_unless_passing(error)
                outage = outage or _Outage(self._retry, self._enough)
                outage.pause(error)
            else:
                if outage is not None:
                    outage.end()
                return result

    def _give_up_unless_passing(self, error: DatabaseError) -> None:
        """Disconnect, for a new connection; raise what no new one would make better."""
        if self._repository is None:  # not even connected: the server may be on its way
            if isinstance(error, (NoSpace, DatabaseRefuses)):
                raise error
            return
        if not isinstance(error, TransientDatabaseError):
            raise error
        lost, self._repository = self._repository, None
        try:
            lost.raise_if_full(error)
        finally:
            lost.close()


@dataclass(slots=True)
class _Outage:
    """The time in which the database fails."""

    retry: float
    enough: Callable[[], bool]
    _began: float = field(default_factory=time.monotonic)
    _next_pause: float = FIRST_PAUSE_SECONDS
    _told: bool = False

    def pause(self, error: DatabaseError) -> None:
        """Wait before the next attempt; raise the error when there is no time for one."""
        passed = time.monotonic() - self._began
        if passed >= self.retry:
            tried = f" (tried again for {self.retry:g} s)" if self.retry else ""
            raise DatabaseError(f"{error.message}{tried}", hint=error.hint) from error
        if passed >= NOTICE_SECONDS and not self._told:
            self._told = True
            long = "until it answers" if math.isinf(self.retry) else f"for up to {self.retry:g} s"
            logger.warning(f"trying again {long}: {error.message}")
        again = time.monotonic() + min(self._next_pause, self.retry - passed)
        while (left := again - time.monotonic()) > 0:
            if self.enough():
                raise error
            time.sleep(min(left, TICK_SECONDS))
        self._next_pause = min(2 * self._next_pause, LONGEST_PAUSE_SECONDS)

    def end(self) -> None:
        """It is over."""
        if self._told:
            logger.info(f"the database answers again, after {time.monotonic() - self._began:.0f} s")
