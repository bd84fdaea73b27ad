"""`predict --ray`: the nodes of a cluster predict and store; this process lists, counts and shows a bar."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.cli.interruption import how_to_resume, interruption
from mlpredict.cli.progress import progress
from mlpredict.cli.talk import talk
from mlpredict.domain import EngineName, Keep
from mlpredict.domain.history import RunRecord
from mlpredict.domain.parts import Sharing
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import DatabaseError, ModelError, UsageError
from mlpredict.inputs.limits import Limits

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.model import Model
    from mlpredict.inputs.name_list import NameList
    from mlpredict.storage.retrying import PersistentStore

PROGRESS_SHOWN = "predicting"


class RayJob(NamedTuple):
    """What a cluster is to do; `dsn` may hold a password."""

    address: tuple[str, int]
    key: str
    batch_size: int | None
    limits: Limits
    keep: Keep | KeepIn
    skip_existing: bool
    retry: float
    dsn: str
    arguments: Sequence[str]


def checked_sharing(sharing: Sharing | None, excluded: Sequence[str]) -> Sharing:
    """The run that a cluster does, whose key is made where none is given.

    Raises:
        UsageError: with it is something that would be without effect.
    """
    from mlpredict.api.ray_cluster import require_ray

    require_ray()
    if excluded:
        raise UsageError(
            f"--ray and {excluded[0]} exclude each other: the nodes store what they predict, and nothing of"
            " it comes back",
            hint="mlpredict list --run N prints it",
        )
    if sharing is not None and sharing.wanted.number is not None:
        raise UsageError("--ray and --part I/N exclude each other: each node takes the parts that are free")
    return sharing or Sharing(f"ray-{secrets.token_hex(6)}")


def run_on_cluster(job: RayJob, model: Model, names: NameList, database: Database) -> int:
    """Predict and store everything on a cluster; how many inputs failed.

    Raises:
        Interrupted: a signal has ended it before everything was done.
        DatabaseError: all nodes are lost.
        ModelError: it runs on TensorFlow.
    """
    from mlpredict.api.ray_cluster import Work, connected
    from mlpredict.api.reachable import require_reachable

    if model.loaded.engine.name is not EngineName.LITERT:
        raise ModelError("--ray needs a model that LiteRT runs: it is compiled here and sent, as it is small")
    with connected(job.address) as cluster, database.store() as store:
        require_reachable(job.dsn, cluster.other_machines)
        run_id = _begun(store, job, model, names)
        nodes = f"{cluster.nodes} node{'' if cluster.nodes == 1 else 's'}"
        talk.notice(f"run {run_id} of {names.images:,} images on {nodes}; its --run-key is {job.key}")
        task = Work(
            job.key,
            os.getcwd(),
            job.batch_size,
            job.limits,
            job.keep,
            job.skip_existing,
            job.retry,
        )
        with interruption() as interrupted:
            with progress(PROGRESS_SHOWN, names.images) as advance:
                shown = 0
                for _ in cluster.work(task, model, names, job.dsn, interrupted.is_requested):
                    done = _record(store, run_id)
                    count = done.predictions + done.failures
                    advance(count - shown)
                    shown = count
            done = _record(store, run_id)
            if interrupted.is_requested():
                raise interrupted.as_error(f"{done.predictions:,} stored as run {run_id}", _resuming(job))
    return _ended(done, cluster.lost, job)


def _ended(done: RunRecord, lost: Sequence[str], job: RayJob) -> int:
    if done.parts_done != done.parts:
        raise DatabaseError(
            f"run {done.run_id} has {done.parts_done} of its {done.parts} parts, and no node is at it"
            f" ({'; '.join(lost) or 'all have ended'})",
            hint=_resuming(job),
        )
    talk.notice(
        f"{done.predictions:,} predicted and {done.failures:,} failed; run {done.run_id} of"
        f" {done.images or 0:,} images is finished: mlpredict list --run {done.run_id}"
    )
    return done.failures


def _begun(store: PersistentStore, job: RayJob, model: Model, names: NameList) -> int:
    from mlpredict.pipeline.plans import begun_or_joined
    from mlpredict.pipeline.recording import as_keep

    return begun_or_joined(
        store,
        model.loaded,
        names,
        Sharing(job.key),
        as_keep(job.keep),
        job.limits,
        skip_existing=job.skip_existing,
    ).run_id


def _record(store: PersistentStore, run_id: int) -> RunRecord:
    from mlpredict.storage.history import History

    return store.read(lambda repository: History(repository.connection).run(run_id)).record


def _resuming(job: RayJob) -> str:
    return how_to_resume([*job.arguments, *_missing_key(job)])


def _missing_key(job: RayJob) -> list[str]:
    given = any(one.split("=")[0] == "--run-key" for one in job.arguments)
    return [] if given else ["--run-key", job.key]
