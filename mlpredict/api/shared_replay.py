"""A replay that several processes do in parts, as one of them sees it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from mlpredict.api.replaying import compared
from mlpredict.api.shared_run import Shared, SharedRun
from mlpredict.domain.predictions import REPLAY
from mlpredict.pipeline.batch import Outcome
from mlpredict.support.ahead import never

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.domain.comparisons import Comparison
    from mlpredict.pipeline.replaying import ReplayedParts
    from mlpredict.storage.replaying import Replayed


class SharedReplay(SharedRun):
    """Stored images of which this process has a model predict one part, or those that are free.

    The images are those that were `chosen` by the process that began the run, whatever was stored since.
    """

    def __init__(
        self,
        database: Database,
        model: Model,
        chosen: Replayed,
        shared: Shared,
        *,
        enough: Callable[[], bool] = never,
    ) -> None:
        self.chosen = chosen
        self._done_before = chosen.done
        self._replayed: ReplayedParts | None = None
        super().__init__(database, model, shared, REPLAY, False, enough)

    @property
    def left_out(self) -> int:
        """How many images this process cannot use, as only another model's input of them was kept."""
        return 0 if self._replayed is None else self._replayed.left_out

    @property
    def skipped(self) -> int:
        """How many images the model had predicted already, before the run began or since, as far as this
        process has looked."""
        return self._done_before + (0 if self._replayed is None else self._replayed.passed_over)

    def compare(self) -> Comparison:
        """The model that had predicted these images, and this one, on them.

        Raises:
            UsageError: several models had predicted them, or none that is known.
        """
        return compared(self._database, self._model, self.chosen)

    def _work(self) -> Generator[list[Outcome], None, None]:
        from mlpredict.pipeline.replay_plans import begun_or_joined_replay
        from mlpredict.pipeline.replaying import ReplayedParts
        from mlpredict.pipeline.sharing import parts_decoded

        model, shared = self._model.loaded, self._shared
        # Images are read by a thread of their own, and so by a connection of their own.
        with self._database.store() as store, self._database.store() as images:
            begun = begun_or_joined_replay(
                store, model, self.chosen.wanted, self.chosen.ids, shared.sharing, shared.limits
            )
            if begun is None:
                return
            self._done_before = self.chosen.done if begun.is_new else 0
            with self._share(store, begun.known, begun.predictions) as share:
                self._replayed = ReplayedParts(share, images, begun.predictions, model, shared.limits)
                decoding = parts_decoded(
                    share, self._replayed.decode, batch_size=self._batch_size, started=shared.decoders
                )
                yield from self._outcomes_of(share, decoding)
