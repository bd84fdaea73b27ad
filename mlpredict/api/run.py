"""A run: images that are predicted and stored while it is iterated."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mlpredict.domain import (
    Keep,
    Rejected,
    Sample,
)
from mlpredict.pipeline.batch import Outcome
from mlpredict.support.ahead import Prefetched

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.api.stored import Predictions


Items = list[Sample | Rejected]


class Run(Iterator[Outcome]):
    """Images that are predicted and stored while this is iterated; it gives what became of each.

    `records` has what it stored, `failures` what gave no prediction so far.
    """

    def __init__(
        self,
        database: Database,
        model: Model,
        decoded: AbstractContextManager[Iterable[list[Sample | Rejected]]],
        keep: Keep,
        skip_existing: bool,
        enough: Callable[[], bool],
    ) -> None:
        self.run_id: int | None = None
        """The run's number, once it has begun."""
        self.failures: list[Rejected] = []
        self._database, self._model, self._decoded = database, model, decoded
        self._keep, self._skip_existing, self._enough = keep, skip_existing, enough
        self._batches = self._work()
        self._outcomes: Iterator[Outcome] = (one for batch in self._batches for one in batch)

    def __next__(self) -> Outcome:
        return next(self._outcomes)

    def close(self) -> None:
        """Give up what is left; what is stored stays."""
        self._batches.close()

    def batches(self) -> Iterator[list[Outcome]]:
        """The outcomes a batch at a time, each when it is stored."""
        return self._batches

    @property
    def records(self) -> Predictions:
        """What the run stored, newest first; what is left of it is predicted before."""
        for _ in self:
            pass
        # No run has the number 0: where nothing was found, nothing was stored.
        return self._database.predictions(run=self.run_id or 0)

    def _work(self) -> Generator[list[Outcome], None, None]:
        from mlpredict.pipeline.predicting import predict
        from mlpredict.pipeline.recording import start_recording

        model = self._model.loaded
        with (
            self._database.store() as store,
            self._decoded as decoded,
            # However long the first image is waited for, the run can be ended.
            Prefetched(iter(decoded), most=1, enough=self._enough) as watched,
        ):
            lost, batches = _until_something_is_there(iter(watched))
            if batches is None:
                self.failures += lost
                yield [*lost]
                return
            recorder, run = start_recording(model, store, keep=self._keep, skip_existing=self._skip_existing)
            self.run_id = run.run_id
            for outcomes in predict(batches, model, recorder, self._enough):
                self.failures += [one for one in outcomes if isinstance(one, Rejected)]
                yield outcomes
            if not self._enough():
                store.finish_run(run)


def _until_something_is_there(batches: Iterator[Items]) -> tuple[list[Rejected], Iterator[Items] | None]:
    """All batches once a file is found; else None, and the names that lead nowhere: they are no run."""
    held: list[Items] = []
    lost: list[Rejected] = []
    for batch in batches:
        held.append(batch)
        nowhere = [item for item in batch if isinstance(item, Rejected) and item.nowhere]
        if len(nowhere) < len(batch):
            return [], _then(held, batches)
        lost += nowhere
    return lost, None


def _then(held: list[Items], batches: Iterator[Items]) -> Iterator[Items]:
    """Batches that were held back, each given away for good, and those behind them."""
    while held:
        yield held.pop(0)
    yield from batches
