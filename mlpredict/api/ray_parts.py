"""What the actors of a Ray cluster do of a run: what `--part auto` does on any machine."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.domain import Keep, PredictionFilter
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import UsageError
from mlpredict.inputs.limits import Limits

if TYPE_CHECKING:
    from mlpredict.api.model import Model
    from mlpredict.api.ray_cluster import Node
    from mlpredict.inference.model import Model as LoadedModel
    from mlpredict.inputs.name_list import NameList

DO_PARTS = f"{__name__}:do_parts"
REPLAY_PARTS = f"{__name__}:replay_parts"


class Work(NamedTuple):
    """What an actor does, beside the model and the names."""

    key: str
    directory: str
    """Where names start from."""
    batch_size: int | None
    limits: Limits
    keep: Keep | KeepIn
    skip_existing: bool
    retry: float


def do_parts(node: Node, dsn: str, task: bytes, model: bytes, names: bytes) -> None:
    """Do free parts of the run, until nothing of it is missing.

    Raises:
        UsageError: this node does not see the files that the driver sees.
        DatabaseError: the database cannot be used from here.
    """
    from mlpredict.api.database import connect
    from mlpredict.api.shared_run import Shared
    from mlpredict.domain.parts import Sharing

    # They are the driver's, which runs code here as it likes.
    work: Work = pickle.loads(task)  # noqa: S301
    used: Model = pickle.loads(model)  # noqa: S301
    listed: NameList = pickle.loads(names)  # noqa: S301
    used = replace(used, loaded=run_here(used.loaded))
    try:
        os.chdir(work.directory)
    except OSError as error:
        raise UsageError(
            f"{work.directory}, where the names start from, is not here: {error.strerror}",
            hint="mount it at the same place on each node",
        ) from error
    shared = Shared(Sharing(work.key), listed, work.batch_size, work.limits)
    with connect(dsn, retry=work.retry) as database:
        started = database.share(
            used, shared, keep=work.keep, skip_existing=work.skip_existing, enough=node.enough
        )
        for _ in started.batches():
            pass


class ReplayWork(NamedTuple):
    """What an actor does of a replay, beside the model; its images are those that the run was begun with."""

    key: str
    wanted: PredictionFilter
    batch_size: int | None
    limits: Limits
    retry: float


def replay_parts(node: Node, dsn: str, task: bytes, model: bytes) -> None:
    """Do free parts of a replay, until nothing of it is missing.

    Raises:
        DatabaseError: the database cannot be used from here.
    """
    from mlpredict.api.database import connect
    from mlpredict.api.shared_replay import SharedReplay
    from mlpredict.api.shared_run import Shared
    from mlpredict.domain.parts import Sharing
    from mlpredict.storage.replaying import Replayed

    work: ReplayWork = pickle.loads(task)  # noqa: S301
    used: Model = pickle.loads(model)  # noqa: S301
    used = replace(used, loaded=run_here(used.loaded))
    shared = Shared(Sharing(work.key), (), work.batch_size, work.limits)
    begun_before = Replayed((), 0, (), work.wanted)
    with connect(dsn, retry=work.retry) as database:
        started = SharedReplay(database, used, begun_before, shared, enough=node.enough)
        for _ in started.batches():
            pass


def run_here(model: LoadedModel) -> LoadedModel:
    """A model of another machine, with what runs it on this one, which is what is recorded."""
    return replace(model, facts={**model.facts, **model.engine.facts()})
