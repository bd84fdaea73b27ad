"""Stored images that another model predicts, and the comparison of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from mlpredict.api.run import Items, Run
from mlpredict.domain.predictions import REPLAY
from mlpredict.domain.stored import Trouble
from mlpredict.errors import UsageError
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.support.ahead import never

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.domain import ImageSpec, Pixels, PredictionFilter, Rejected, Sample
    from mlpredict.domain.comparisons import Comparison
    from mlpredict.storage.replaying import Replayed


def stored_examples(database: Database, wanted: PredictionFilter, spec: ImageSpec) -> Pixels:
    """The newest few images of predictions, as pixels of shape (images, height, width, channels)."""
    from mlpredict.pipeline.predicting import EXAMPLE_IMAGES, stacked
    from mlpredict.pipeline.stored_inputs import decoded_inputs

    with database.reading() as repository:
        newest = repository.predictions(wanted, limit=EXAMPLE_IMAGES)
        ids = [one.prediction_id for one in newest if one.prediction_id is not None]
        return stacked((one.item for one in decoded_inputs(repository, ids, spec, best=True)), spec)


def chosen_images(database: Database, model: Model, wanted: PredictionFilter) -> Replayed:
    """The images of the predictions that a filter finds, for a model that is to predict them."""
    with database.reading() as repository:
        return repository.replayed(wanted, model.fingerprint)


def compared(database: Database, model: Model, chosen: Replayed) -> Comparison:
    """The model that had predicted images, and the one that has now, on them.

    Raises:
        UsageError: several models had predicted them, or none that is known.
    """
    from mlpredict.pipeline.comparing import compare

    if len(chosen.models) != 1:
        names = ", ".join(map(str, chosen.models)) or "none that is known"
        raise UsageError(f"these images were predicted by {names}: with one of them this can be compared")
    (before,) = chosen.models
    with database.reading() as repository:
        made = compare(repository, before.fingerprint, model.fingerprint, chosen.wanted, only_first=True)
    return replace(made, a=str(before), b=str(model))


class Replay(Run):
    """Stored images that a model predicts while this is iterated; then it is compared with the one before.

    The images themselves are not stored again. What the model has predicted already is passed over, so that
    the same replay goes on where one has ended.
    """

    def __init__(
        self,
        database: Database,
        model: Model,
        wanted: PredictionFilter,
        *,
        batch_size: int | None = None,
        limits: Limits = USUAL_LIMITS,
        enough: Callable[[], bool] = never,
    ) -> None:
        self._limits = limits
        self._batch_size = batch_size or model.loaded.batch_size
        self.chosen = chosen_images(database, model, wanted)
        """Which images they are, and whose predictions of them there are."""
        self.left_out = 0
        """How many images cannot be used so far, as only another model's input of them was kept."""
        self.passed_over = 0
        """How many images the model has predicted in another run since they were chosen."""
        super().__init__(
            database, model, self._decoded_images(), keep=REPLAY, skip_existing=False, enough=enough
        )

    @property
    def images(self) -> int:
        """How many images are to be predicted."""
        return len(self.chosen.ids)

    @property
    def skipped(self) -> int:
        """How many images the model had predicted already, before or since they were chosen."""
        return self.chosen.done + self.passed_over

    def compare(self) -> Comparison:
        """The model that had predicted these images, and this one, on them.

        The filter of the replay is one of the predictions of the first.

        Raises:
            UsageError: several models had predicted them, or none that is known.
        """
        return compared(self._database, self._model, self.chosen)

    @contextmanager
    def _decoded_images(self) -> Iterator[Iterator[Items]]:
        from mlpredict.pipeline.predicting import batches_ahead

        with batches_ahead(self._items(), self._batch_size) as batches:
            yield iter(batches)

    def _items(self) -> Iterator[Sample | Rejected]:
        """Made in a thread of their own, by a connection of their own."""
        from mlpredict.pipeline.stored_inputs import decoded_inputs
        from mlpredict.storage.retrying import open_store

        model = self._model

        def predicted(ids: Sequence[int]) -> set[int]:
            already = store.replayed_already(ids, model.fingerprint)
            self.passed_over += len(already)
            return already

        with open_store(self._database.dsn, retry=self._database.retry) as store:
            for _, item, trouble in decoded_inputs(
                store,
                self.chosen.ids,
                model.loaded.spec,
                best=True,
                unwanted=predicted,
                limits=self._limits,
            ):
                if trouble is Trouble.OTHER_MODEL_INPUT:
                    self.left_out += 1
                else:
                    yield item
                del item
