"""A run that several processes do in parts, as one of them sees it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpredict.api.run import Run
from mlpredict.domain import Keep, Rejected, Source
from mlpredict.domain import Run as StartedRun
from mlpredict.domain.parts import Sharing, WantedPart
from mlpredict.domain.predictions import KeepIn
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.pipeline.batch import Outcome
from mlpredict.support.ahead import Prefetched, never

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.inference.model import Model as LoadedModel
    from mlpredict.inputs.decoder_pool import Decoders
    from mlpredict.inputs.name_list import NameList
    from mlpredict.pipeline.recording import Storing
    from mlpredict.pipeline.share import Share
    from mlpredict.storage.retrying import PersistentStore


@dataclass(frozen=True, slots=True)
class Shared:
    """Which run a process takes part in, and the images of all of it."""

    sharing: Sharing
    found: Iterable[Source | Rejected]
    batch_size: int | None = None
    limits: Limits = USUAL_LIMITS
    decoders: Decoders | None = None


class SharedRun(Run):
    """A run of which this process does one part, or those that are free, while it is iterated.

    `records` has what all processes have stored of it so far.
    """

    def __init__(
        self,
        database: Database,
        model: Model,
        shared: Shared,
        keep: Keep | KeepIn,
        skip_existing: bool,
        enough: Callable[[], bool] = never,
    ) -> None:
        self._shared = shared
        self.images = 0
        """How many images the whole run has."""
        self.parts = 0
        """In how many parts it is done."""
        self.parts_left = 0
        """Those of which something is missing, when this process ends."""
        self.parts_taken: list[int] = []
        """Those that this process was at."""
        self.done_before = False
        """Whether the part that it was to do was stored already."""
        super().__init__(database, model, nullcontext(()), keep, skip_existing, enough)

    def _work(self) -> Generator[list[Outcome], None, None]:
        from mlpredict.pipeline.predicting import predict
        from mlpredict.pipeline.sharing import SharedStoring, decoding_of

        model = self._model.loaded
        batch_size = self._shared.batch_size or model.batch_size
        with self._database.store() as store:
            names = self._listed()
            if names is None:
                return
            if not names.leads_somewhere:
                lost = [item for item in names if isinstance(item, Rejected)]
                self.failures += lost
                yield [*lost]
                return
            with self._joined(store, model, names) as share:
                recorder = SharedStoring(share, self._storing(share, model))
                batches = decoding_of(
                    share,
                    model.spec,
                    batch_size=batch_size,
                    started=self._shared.decoders,
                    limits=self._shared.limits,
                )
                with batches as decoded:
                    for outcomes in predict(decoded, model, recorder, self._enough):
                        self.failures += [one for one in outcomes if isinstance(one, Rejected)]
                        share.recorded(len(outcomes))
                        yield outcomes
                self.parts_taken, self.done_before = share.parts_taken, share.done_before
                self.parts_left = share.parts_left()

    @property
    def wanted(self) -> WantedPart:
        """The part that this process is to do."""
        return self._shared.sharing.wanted

    def _joined(self, store: PersistentStore, model: LoadedModel, names: NameList) -> Share:
        from mlpredict.pipeline.environment import environment_of
        from mlpredict.pipeline.plans import begun_or_joined
        from mlpredict.pipeline.recording import as_keep
        from mlpredict.pipeline.share import Share

        known = begun_or_joined(
            store,
            model,
            names,
            self._shared.sharing,
            as_keep(self._keep),
            self._shared.limits,
            skip_existing=self._skip_existing,
        )
        self.run_id, self.images, self.parts = known.run_id, known.plan.images, known.plan.parts
        run = StartedRun(known.run_id, known.model_id, known.model)
        environment = environment_of(model)
        environment_id = store.sharing(lambda shared, _: shared.environment_id(environment))
        return Share(store, run, names, self.wanted, environment_id, enough=self._enough)

    def _storing(self, share: Share, model: LoadedModel) -> Storing:
        from mlpredict.pipeline.recording import Storing

        skipping = model.identity.fingerprint if self._skip_existing else None
        return Storing(share, share.run, self._keep, model.spec.preprocessing, skipping)

    def _listed(self) -> NameList | None:
        """The names of all images; None where somebody has asked for an end meanwhile."""
        # However long a list is waited for, the run can be ended.
        with Prefetched(self._listing(), most=1, enough=self._enough) as watched:
            names = next(iter(watched), None)
        return None if self._enough() else names

    def _listing(self) -> Iterator[NameList]:
        from mlpredict.inputs.name_list import NameList

        yield NameList(self._shared.found)
