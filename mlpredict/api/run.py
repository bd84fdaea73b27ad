"""A run: images that are predicted and stored while it is iterated."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mlpredict.domain import (
    PredictionRecord,
    Rejected,
    Sample,
)
from mlpredict.domain.samples import Ended
from mlpredict.pipeline.batch import Outcome
from mlpredict.support.ahead import Prefetched
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.api.stored import Predictions
    from mlpredict.domain import Labelled
    from mlpredict.domain.predictions import Kept
    from mlpredict.pipeline.labelling import FolderLabels
    from mlpredict.storage.retrying import PersistentStore

logger = get_logger(__name__)

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
        keep: Kept,
        skip_existing: bool,
        enough: Callable[[], bool],
        labels: FolderLabels | None = None,
    ) -> None:
        self.run_id: int | None = None
        """The run's number, once it has begun."""
        self._labelled: Labelled | None = None
        self._labels = labels
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
    def labelled(self) -> Labelled:
        """What came of the labels that folders gave."""
        from mlpredict.domain import Labelled

        return self._labelled or Labelled()

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
            for outcomes in predict(self._seen(batches), model, recorder, self._enough):
                self.failures += [one for one in outcomes if isinstance(one, Rejected)]
                yield self._with_truth(outcomes, store)
            store.finish_run(run, Ended.INTERRUPTED if self._enough() else Ended.FINISHED)

    def _seen(self, batches: Iterator[Items]) -> Iterator[Items]:
        for batch in batches:
            if self._labels is not None:
                self._labels.see(batch)
            yield batch
            del batch

    def _with_truth(self, outcomes: list[Outcome], store: PersistentStore) -> list[Outcome]:
        """What was stored, labelled as its folders say."""
        new = [] if self._labels is None else self._labels.of(outcomes)
        if not new:
            return outcomes
        from mlpredict.domain import LabelSource

        before = self.labelled
        done = store.label(new, source=LabelSource.FOLDERS)
        for remark in done.remarks:
            if remark not in before.remarks:
                logger.warning(remark)
        self._labelled = before + done
        ids = [one.prediction_id for one in outcomes if isinstance(one, PredictionRecord)]
        truths = store.truths([one for one in ids if one is not None])
        return [_with(one, truths) for one in outcomes]


def _with(outcome: Outcome, truths: Mapping[int, tuple[str, bool | None]]) -> Outcome:
    if not isinstance(outcome, PredictionRecord) or outcome.prediction_id is None:
        return outcome
    true_label, right = truths.get(outcome.prediction_id, (None, None))
    return outcome._replace(true_label=true_label, right=right)


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
