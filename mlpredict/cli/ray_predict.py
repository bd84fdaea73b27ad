"""`predict --ray`: the images are listed here, and predicted by the nodes of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.cli.ray_run import Nodes, RayJob, require_sendable, run_on_cluster
from mlpredict.domain import Keep
from mlpredict.domain.parts import Sharing
from mlpredict.domain.predictions import KeepIn
from mlpredict.inputs.limits import Limits

if TYPE_CHECKING:
    from mlpredict.api.model import Model
    from mlpredict.storage.retrying import PersistentStore


class Wanted(NamedTuple):
    """What is to be predicted on a cluster, and how."""

    names: Iterator[str]
    batch_size: int | None
    limits: Limits
    keep: Keep | KeepIn
    skip_existing: bool
    retry: float
    arguments: Sequence[str]
    """The command line."""


def predict_files_on(nodes: Nodes, wanted: Wanted, model: Model) -> int:
    """Have a cluster predict and store everything; how many inputs failed.

    Raises:
        Interrupted: a signal has ended it before everything was done.
        DatabaseError: all nodes are lost.
        ModelError: the model runs on TensorFlow.
    """
    from mlpredict.api.ray_parts import DO_PARTS, Work
    from mlpredict.inputs.name_list import NameList
    from mlpredict.inputs.passed_over import PassedOver
    from mlpredict.inputs.sources import listed
    from mlpredict.pipeline.plans import begun_or_joined

    require_sendable(model)
    passed_over = PassedOver()
    names = NameList(listed(wanted.names, wanted.limits, passed_over))
    passed_over.tell()

    def begin(store: PersistentStore) -> tuple[int, int]:
        known = begun_or_joined(
            store,
            model.loaded,
            names,
            Sharing(nodes.key),
            wanted.keep,
            wanted.limits,
            skip_existing=wanted.skip_existing,
        )
        return known.run_id, known.plan.images

    _, batch_size, limits, keep, skip_existing, retry, arguments = wanted
    work = Work(nodes.key, os.getcwd(), batch_size, limits, keep, skip_existing, retry)
    job = RayJob(nodes, begin, DO_PARTS, (work, model, names), "predicting", retry, arguments)
    done = run_on_cluster(job)
    return 0 if done is None else done.failures
