"""Beginning a replay that is done in parts, or joining one: its images are those of when it began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.domain import PredictionFilter
from mlpredict.domain.parts import NameBlock, PlannedRun, Sharing
from mlpredict.domain.predictions import REPLAY
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.prediction_list import PredictionList
from mlpredict.pipeline.plans import begun, known_run, options_of, plan_of, require_same

if TYPE_CHECKING:
    from mlpredict.inference.model import Model
    from mlpredict.storage.retrying import PersistentStore
    from mlpredict.storage.shared_runs import SharedRuns


class ReplayPlan(NamedTuple):
    """A replay with its images, and whether it has only begun now."""

    known: PlannedRun
    predictions: PredictionList
    is_new: bool


def filter_options(wanted: PredictionFilter) -> dict[str, str]:
    """What all processes of a replay say of the predictions that they want.

    Times are left out: `2h` is another moment for each of them.
    """
    said = {
        "--label": ", ".join(wanted.labels) or None,
        "--against": wanted.model,
        "--run": wanted.run_id,
        "--min-score": wanted.min_score,
        "--max-score": wanted.max_score,
        "--filename": wanted.filename,
        "--true-label": ", ".join(wanted.true_labels) or None,
        "--labelled": "given" if wanted.labelled else None,
        "--unlabelled": "given" if wanted.labelled is False else None,
        "--right": "given" if wanted.right else None,
        "--wrong": "given" if wanted.right is False else None,
    }
    return {name: str(value) for name, value in said.items() if value is not None}


def begun_or_joined_replay(
    store: PersistentStore,
    model: Model,
    wanted: PredictionFilter,
    ids: Sequence[int],
    sharing: Sharing,
    limits: Limits,
) -> ReplayPlan | None:
    """The replay of a key with its images: begun with those of `ids`, else with what it was begun with.

    None where nobody has begun it, and there is nothing to do.

    Raises:
        UsageError: it was begun with another model or other options.
        DatabaseError: it cannot be stored.
    """
    best = model.reader.best
    options = options_of(REPLAY, limits, skip_existing=False, store_top=best) | filter_options(wanted)
    before = known_run(store, sharing.key)
    if before is None and not ids:
        return None
    own = PredictionList(ids)
    known = before or begun(store, model, own, plan_of(own, sharing, options), REPLAY)
    names = PredictionList.stored(known.plan, list(_blocks(store, known.run_id)))
    plan = plan_of(names, sharing, options)
    require_same(store, known, plan, model, names, divided=sharing.wanted.parts is not None)
    return ReplayPlan(known, names, before is None)


def _blocks(store: PersistentStore, run_id: int) -> Iterator[NameBlock]:
    for first in store.sharing(lambda shared, _: shared.block_hashes(run_id)):
        block = store.sharing(partial(_block, run_id=run_id, first=first))
        if block is not None:
            yield block


def _block(shared: SharedRuns, _again: bool, *, run_id: int, first: int) -> NameBlock | None:
    return shared.block(run_id, first)
