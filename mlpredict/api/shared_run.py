"""A run that several processes do in parts, as one of them sees it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpredict.api.run import Run
from mlpredict.domain import Rejected, Source
from mlpredict.domain import Run as StartedRun
from mlpredict.domain.parts import PlannedRun, Sharing, WantedPart
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.pipeline.batch import Outcome
from mlpredict.support.ahead import Prefetched, never

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.domain.predictions import Kept
    from mlpredict.inference.model import Model as LoadedModel
    from mlpredict.inputs.decoder_pool import Decoders
    from mlpredict.inputs.name_list import NameList
    from mlpredict.pipeline.predicting import Decoding
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
        keep: Kept,
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
        with self._database.store() as store:
            names = self._listed()
            if names is None:
                return
            if not names.leads_somewhere:
                lost = [item for item in names if isinstance(item, Rejected)]
                self.failures += lost
                yield [*lost]
                return
            known = self._begun(store, names)
            with self._share(store, known, names) as share:
                yield from self._outcomes_of(share, self._decoding(share))

    def _decoding(self, share: Share) -> Decoding:
        from mlpredict.pipeline.sharing import decoding_of

        spec, limits = self._model.loaded.spec, self._shared.limits
        return decoding_of(
            share, spec, batch_size=self._batch_size, started=self._shared.decoders, limits=limits
        )

    @property
    def _batch_size(self) -> int:
        return self._shared.batch_size or self._model.loaded.batch_size

    def _outcomes_of(self, share: Share, decoding: Decoding) -> Iterator[list[Outcome]]:
        """Predict what is decoded of the parts that are this process's, and store it."""
        from mlpredict.pipeline.predicting import predict
        from mlpredict.pipeline.sharing import SharedStoring

        model = self._model.loaded
        recorder = SharedStoring(share, self._storing(share, model))
        with decoding as decoded:
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

    def _begun(self, store: PersistentStore, names: NameList) -> PlannedRun:
        from mlpredict.pipeline.plans import begun_or_joined
        from mlpredict.pipeline.recording import as_keep

        return begun_or_joined(
            store,
            self._model.loaded,
            names,
            self._shared.sharing,
            as_keep(self._keep),
            self._shared.limits,
            skip_existing=self._skip_existing,
        )

    def _share(self, store: PersistentStore, known: PlannedRun, names: NameList) -> Share:
        from mlpredict.pipeline.environment import environment_of
        from mlpredict.pipeline.share import Share

        self.run_id, self.images, self.parts = known.run_id, known.plan.images, known.plan.parts
        run = StartedRun(known.run_id, known.model_id, known.model)
        environment = environment_of(self._model.loaded)
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
