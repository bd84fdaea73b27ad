"""The stored images of a replay that several processes do: read, looked up, decoded, or passed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpredict.domain import Rejected, Sample
from mlpredict.domain.stored import Trouble
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.prediction_list import PredictionList
from mlpredict.pipeline.share import Share
from mlpredict.pipeline.sharing import Gaps
from mlpredict.pipeline.stored_inputs import decoded_inputs

if TYPE_CHECKING:
    from mlpredict.inference.model import Model
    from mlpredict.inputs.decoder_pool import Decoders
    from mlpredict.storage.retrying import PersistentStore


@dataclass(slots=True)
class ReplayedParts:
    """The images of gaps in parts, by a connection of their own."""

    share: Share
    store: PersistentStore
    predictions: PredictionList
    model: Model
    limits: Limits
    left_out: int = 0
    """How many images cannot be used, as only another model's input of them was kept."""
    passed_over: int = 0
    """How many images the model has predicted in another run since they were chosen."""

    def decode(self, gaps: Gaps, decoders: Decoders | None) -> Iterator[Sample | Rejected]:
        """The images of gaps; those that give no row are passed over: the ledger has them all the same."""
        places = {
            one: position
            for first, last in gaps
            for position, one in enumerate(self.predictions.ids(first, last), first)
        }
        for stored, item, trouble in decoded_inputs(
            self.store,
            list(places),
            self.model.spec,
            best=True,
            unwanted=self._predicted,
            started=decoders,
            limits=self.limits,
        ):
            if trouble is Trouble.OTHER_MODEL_INPUT:
                self.left_out += 1
            else:
                yield item._replace(position=places.pop(stored.prediction_id))
            del item
        # Those that are left have been predicted elsewhere or deleted meanwhile, or cannot be used.
        self.share.pass_over(places.values())
        self.share.recorded(0)

    def _predicted(self, ids: Sequence[int]) -> set[int]:
        already = self.store.replayed_already(ids, self.model.identity.fingerprint)
        self.passed_over += len(already)
        return already
