"""A replay as it is carried out: in this process, in parts of it, or by the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.cli import garbage
from mlpredict.cli.talk import talk
from mlpredict.domain import PredictionFilter
from mlpredict.domain.parts import Sharing
from mlpredict.errors import DatabaseError, DatabaseRefuses, UsageError
from mlpredict.inputs.limits import Limits

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.api.replaying import Replay
    from mlpredict.api.shared_replay import SharedReplay
    from mlpredict.cli.ray_run import Nodes
    from mlpredict.domain.comparisons import Comparison
    from mlpredict.pipeline.tally import Tally
    from mlpredict.storage.replaying import Replayed, ReplayedModel
    from mlpredict.storage.retrying import PersistentStore

GOES_ON = "the same command goes on"


class Asked(NamedTuple):
    """What the command is asked for."""

    wanted: PredictionFilter
    batch_size: int | None
    limits: Limits
    sharing: Sharing | None
    fail_if_worse: bool
    retry: float
    arguments: Sequence[str]
    """The command line."""


class Made(NamedTuple):
    """What came of it; `left_out` is None where nobody has counted that by itself."""

    models: Sequence[ReplayedModel]
    run_id: int | None
    predicted: int
    skipped: int
    failed: int
    left_out: int | None
    comparison: Comparison | None
    missing: bool = False
    """Whether parts of the run are yet to be done by others."""


def replay_here(database: Database, used: Model, asked: Asked) -> Made:
    """Replay in this process: all of it, or its part.

    Raises:
        Interrupted: a signal has ended it before everything was done.
    """
    from mlpredict.api.shared_replay import SharedReplay
    from mlpredict.cli.interruption import how_to_resume, interruption
    from mlpredict.support.quiet import quiet_stderr

    with interruption() as interrupted:
        replay = _replay(database, used, asked, interrupted.is_requested)
        _check(replay.chosen, database, asked.wanted, fail_if_worse=asked.fail_if_worse)
        goes_on = GOES_ON if asked.sharing is None else how_to_resume(asked.arguments)
        garbage.collect_from_here()
        with talk.apart_from_descriptor_2(), quiet_stderr():
            tally = _carried_out(replay, goes_on)
    _tell(replay, tally, str(used))
    if interrupted.is_requested():
        raise interrupted.as_error(_done(tally), goes_on)
    missing = isinstance(replay, SharedReplay) and replay.parts_left > 0
    models = replay.chosen.models
    return Made(
        models,
        replay.run_id,
        tally.predicted,
        replay.skipped + tally.skipped,
        tally.failed,
        replay.left_out,
        replay.compare() if len(models) == 1 and not missing else None,
        missing,
    )


def replay_on(nodes: Nodes, database: Database, used: Model, asked: Asked) -> Made:
    """Have the nodes of a cluster replay all of it.

    Raises:
        Interrupted: a signal has ended it before everything was done.
        DatabaseError: all nodes are lost.
        ModelError: the model runs on TensorFlow.
    """
    from mlpredict.api.ray_parts import REPLAY_PARTS, ReplayWork
    from mlpredict.api.replaying import chosen_images, compared
    from mlpredict.cli.ray_run import RayJob, require_sendable, run_on_cluster
    from mlpredict.pipeline.replay_plans import begun_or_joined_replay

    require_sendable(used)
    chosen = chosen_images(database, used, asked.wanted)
    _check(chosen, database, asked.wanted, fail_if_worse=asked.fail_if_worse)

    skipped = 0

    def begin(store: PersistentStore) -> tuple[int, int] | None:
        nonlocal skipped
        begun = begun_or_joined_replay(
            store, used.loaded, chosen.wanted, chosen.ids, Sharing(nodes.key), asked.limits
        )
        if begun is None:
            return None
        skipped = chosen.done if begun.is_new else 0
        return begun.known.run_id, begun.known.plan.images

    work = ReplayWork(nodes.key, chosen.wanted, asked.batch_size, asked.limits, asked.retry)
    job = RayJob(nodes, begin, REPLAY_PARTS, (work, used), "replaying", asked.retry, asked.arguments)
    done = run_on_cluster(job)
    compare = compared(database, used, chosen) if len(chosen.models) == 1 else None
    if done is None:
        return Made(chosen.models, None, 0, chosen.done, 0, None, compare)
    skipped += (done.images or 0) - done.predictions - done.failures
    return Made(chosen.models, done.run_id, done.predictions, skipped, done.failures, None, compare)


def _replay(
    database: Database, used: Model, asked: Asked, enough: Callable[[], bool]
) -> Replay | SharedReplay:
    from mlpredict.api.replaying import Replay, chosen_images
    from mlpredict.api.shared_run import Shared

    if asked.sharing is None:
        return Replay(
            database, used, asked.wanted, batch_size=asked.batch_size, limits=asked.limits, enough=enough
        )
    from mlpredict.api.shared_replay import SharedReplay

    chosen = chosen_images(database, used, asked.wanted)
    shared = Shared(asked.sharing, (), asked.batch_size, asked.limits)
    return SharedReplay(database, used, chosen, shared, enough=enough)


def _check(chosen: Replayed, database: Database, wanted: PredictionFilter, *, fail_if_worse: bool) -> None:
    """Say why there is nothing to do, or nothing that a comparison could tell.

    Raises:
        UsageError: somebody wants to know which model is worse, and several could be meant.
    """
    models = chosen.models
    if not chosen.ids and not chosen.done:
        from mlpredict.cli.nothing import tell_unknown

        with database.reading() as repository:
            if not tell_unknown(repository, wanted):
                talk.notice("no stored image that another model has predicted is chosen")
    if fail_if_worse and len(models) != 1:
        names = ", ".join(map(str, models))
        raise UsageError(
            f"--fail-if-worse: these images were predicted by {names or 'no other model that is known'}",
            hint="--against NAME says which of them to compare with" if names else None,
        )


def _carried_out(made: Replay | SharedReplay, goes_on: str) -> Tally:
    from mlpredict.cli.answers import tell_failures
    from mlpredict.cli.progress import progress
    from mlpredict.pipeline.tally import Tally

    tally = Tally()
    with progress("replaying", len(made.chosen.ids)) as advance:
        try:
            for outcomes in made.batches():
                tally.run_id = made.run_id
                tally.count(outcomes)
                tell_failures(outcomes)
                advance(len(outcomes))
        except DatabaseRefuses:
            raise
        except DatabaseError as error:
            error.hint = error.hint or goes_on
            raise
    return tally


def _done(tally: Tally) -> str:
    return f"{tally.predicted:,} predicted" + (f" and stored as run {tally.run_id}" if tally.run_id else "")


def _tell(made: Replay | SharedReplay, tally: Tally, model: str) -> None:
    run = f", run {made.run_id}" if made.run_id else ""
    parts = [f"{tally.predicted:,} predicted by {model}"]
    if skipped := made.skipped:
        parts.append(f"{skipped:,} skipped: it has predicted them already")
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    talk.notice(f"{', '.join(parts)} in {tally.seconds:.2f} s{run}")
    if made.left_out:
        talk.notice(
            f"{made.left_out:,} images are left out: only what another model saw of them was kept"
            " (--keep model-input), which is no use to this one"
        )
