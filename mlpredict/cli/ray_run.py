"""A run on a Ray cluster: its nodes predict and store; this process begins it, counts and shows a bar."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mlpredict import settings
from mlpredict.cli.interruption import how_to_resume, interruption
from mlpredict.cli.progress import progress
from mlpredict.cli.talk import talk
from mlpredict.domain import EngineName
from mlpredict.domain.history import RunRecord
from mlpredict.domain.parts import Sharing
from mlpredict.errors import DatabaseError, ModelError, UsageError

if TYPE_CHECKING:
    from mlpredict.api.model import Model
    from mlpredict.api.ray_cluster import Cluster
    from mlpredict.storage.retrying import PersistentStore


class Place(NamedTuple):
    """Where a cluster answers, and the DSN that its nodes use, which may hold a password."""

    address: tuple[str, int]
    dsn: str


class Nodes(NamedTuple):
    """The same, and the key of the run that they do."""

    address: tuple[str, int]
    dsn: str
    key: str


class RayJob(NamedTuple):
    """A run that a cluster does, whatever it is: predicted files, or stored images that are replayed.

    `begin` begins it, or finds it, and gives its number and how many images it has, or None where there is
    nothing to do; `do` is what each actor does, with what is `sent` to it.
    """

    nodes: Nodes
    begin: Callable[[PersistentStore], tuple[int, int] | None]
    do: str
    sent: tuple[object, ...]
    doing: str
    retry: float
    arguments: Sequence[str]
    """The command line."""


def place_of(address: str, dsn: str | None) -> Place:
    """What `--ray` and `--dsn` name.

    Raises:
        UsageError: Ray is not installed, or there is no such address or no database that others reach.
    """
    from mlpredict.api.ray_cluster import require_ray
    from mlpredict.api.reachable import cluster_address, require_shared

    found = Place(cluster_address(address), require_shared(dsn or settings.dsn(), dsn))
    require_ray()
    return found


def nodes_of(address: str, dsn: str | None, sharing: Sharing | None, without_effect: Sequence[str]) -> Nodes:
    """What `--ray` asks for; the run gets a key where none is given.

    Raises:
        UsageError: Ray is not installed, there is no such address or no database that others reach, or
            an option is given that would be without effect.
    """
    if without_effect:
        raise UsageError(
            f"--ray and {without_effect[0]} exclude each other: the nodes store what they predict, and"
            " nothing of it comes back",
            hint="mlpredict list --run N prints it",
        )
    if sharing is not None and sharing.wanted.number is not None:
        raise UsageError("--ray and --part I/N exclude each other: each node takes the parts that are free")
    found = place_of(address, dsn)
    return Nodes(*found, sharing.key if sharing else f"ray-{secrets.token_hex(6)}")


def require_sendable(model: Model) -> None:
    """Refuse a model that cannot be sent to nodes.

    Raises:
        ModelError: it runs on TensorFlow.
    """
    if model.loaded.engine.name is not EngineName.LITERT:
        raise ModelError("--ray needs a model that LiteRT runs: what is compiled here is sent to the nodes")


def run_on_cluster(job: RayJob) -> RunRecord | None:
    """Have a cluster do a run; what is known of it when all of it is stored, or None without one.

    Raises:
        Interrupted: a signal has ended it before everything was done.
        DatabaseError: all nodes are lost.
    """
    from mlpredict.api.database import connect
    from mlpredict.api.ray_cluster import connected
    from mlpredict.api.reachable import require_reachable

    with (
        connect(job.nodes.dsn, retry=job.retry) as database,
        database.store() as store,
        connected(job.nodes.address) as cluster,
    ):
        require_reachable(job.nodes.dsn, cluster.other_machines)
        if (begun := job.begin(store)) is None:
            return None
        run_id, images = begun
        count = f"{cluster.nodes} node{'' if cluster.nodes == 1 else 's'}"
        talk.notice(f"run {run_id} of {images:,} images on {count}; its --run-key is {job.nodes.key}")
        done = _worked(cluster, store, job, run_id, images)
    if done.parts_done != done.parts:
        raise DatabaseError(
            f"run {done.run_id} has {done.parts_done} of its {done.parts} parts, and no node is at it"
            f" ({'; '.join(cluster.lost) or 'all have ended'})",
            hint=_resuming(job),
        )
    talk.notice(
        f"{done.predictions:,} predicted and {done.failures:,} failed; run {done.run_id} of"
        f" {done.images or 0:,} images is finished: mlpredict list --run {done.run_id}"
    )
    return done


def _worked(cluster: Cluster, store: PersistentStore, job: RayJob, run_id: int, images: int) -> RunRecord:
    with interruption() as interrupted:
        with progress(job.doing, images) as advance:
            shown = 0
            for _ in cluster.work(job.do, job.nodes.dsn, *job.sent, enough=interrupted.is_requested):
                done = _record(store, run_id)
                advance(done.predictions + done.failures - shown)
                shown = done.predictions + done.failures
        done = _record(store, run_id)
        if interrupted.is_requested() and done.parts_done != done.parts:
            raise interrupted.as_error(f"{done.predictions:,} stored as run {run_id}", _resuming(job))
    return done


def _record(store: PersistentStore, run_id: int) -> RunRecord:
    from mlpredict.storage.history import History

    return store.read(lambda repository: History(repository.connection).run(run_id)).record


def _resuming(job: RayJob) -> str:
    if any(one.split("=")[0] == "--run-key" for one in job.arguments):
        return how_to_resume(job.arguments)
    return f"go on with the same command and --run-key {job.nodes.key}"
