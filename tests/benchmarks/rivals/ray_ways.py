"""One folder by Ray Core's actors or by Ray Data: `python ray_ways.py core|data FOLDER COUNT`.

Both decode and predict batches of 256 names in two actors of one processor each, on a cluster that exists by
then, and store nothing. As JSON: the seconds from the call to the first batch and to the last, and those of
processors that the actors and the driver took.
"""

from __future__ import annotations

import json
import os
import pickle
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

os.environ |= {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
}

import ray
from ray.cluster_utils import Cluster

import mlpredict

BATCH = 256
DECODED = 32
ACTORS = 2
IN_HAND = 2


class Predictor:
    """A loaded model that is given names."""

    def __init__(self, model: bytes) -> None:
        self._model: mlpredict.Model = pickle.loads(model)

    def predict(self, names: list[str]) -> tuple[int, float]:
        """How many images had an answer, and the processor time that it took."""
        from mlpredict.domain import Sample
        from mlpredict.inputs.decoding import decode_all
        from mlpredict.inputs.sources import discover
        from mlpredict.pipeline.predicting import in_batches

        began, loaded, answers = time.process_time(), self._model.loaded, 0
        # So few at a time are decoded in this process, whose time is told.
        some = (names[at : at + DECODED] for at in range(0, len(names), DECODED))
        decoded = (one for few in some for one in decode_all(discover(iter(few)), loaded.spec))
        for batch in in_batches(decoded, BATCH):
            answers += len(loaded.predict([one for one in batch if isinstance(one, Sample)]))
        return answers, time.process_time() - began


class OfData(Predictor):
    """The same as Ray Data calls it."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        answers, used = self.predict([str(one) for one in batch["item"]])
        return {"answers": np.array([answers]), "used": np.array([used])}


def core(model: bytes, names: list[str]) -> Iterator[tuple[int, float]]:
    """By actors, each with two batches in hand."""
    sent = ray.put(model)
    actors = [ray.remote(Predictor).options(num_cpus=1).remote(sent) for _ in range(ACTORS)]
    batches = (names[at : at + BATCH] for at in range(0, len(names), BATCH))
    pending: dict[Any, Any] = {}
    for actor in actors * IN_HAND:
        if batch := next(batches, None):
            pending[actor.predict.remote(batch)] = actor
    while pending:
        (done,), _ = ray.wait(list(pending), num_returns=1)
        actor = pending.pop(done)
        if batch := next(batches, None):
            pending[actor.predict.remote(batch)] = actor
        yield ray.get(done)


def data(model: bytes, names: list[str]) -> Iterator[tuple[int, float]]:
    """By `map_batches` over a pool of as many actors."""
    import ray.data as of_ray

    of_ray.DataContext.get_current().enable_progress_bars = False
    rows = of_ray.from_items(names).map_batches(
        OfData,
        fn_constructor_args=(model,),
        batch_size=BATCH,
        compute=of_ray.ActorPoolStrategy(size=ACTORS),
        num_cpus=1,
    )
    for row in rows.iter_rows():
        yield int(row["answers"]), float(row["used"])


def main() -> None:
    """Measure one way."""
    way, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    names = sorted(map(str, folder.iterdir()))
    names = (names * (count // len(names) + 1))[:count]
    model = pickle.dumps(mlpredict.load_model())
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        cluster = Cluster()
        options = {"node_ip_address": "127.0.0.2", "object_store_memory": 200 << 20}
        for cores in (0, ACTORS):
            # Ray Data wants a share of a processor of its own for what it reads.
            cluster.add_node(num_cpus=2 * cores, include_dashboard=False, **options)
        ray.init(cluster.address, log_to_driver=False, configure_logging=False)
        began, own = time.monotonic(), time.process_time()
        first, answers, used = 0.0, 0, 0.0
        for some, seconds in (core if way == "core" else data)(model, names):
            first = first or time.monotonic() - began
            answers, used = answers + some, used + seconds
        took, driver = time.monotonic() - began, time.process_time() - own
        ray.shutdown()
        cluster.shutdown()
    if answers != count:
        sys.exit(f"{answers} of {count} have an answer")
    sys.stdout.write(json.dumps({"first": first, "wall": took, "actors": used, "driver": driver}) + "\n")


if __name__ == "__main__":
    main()
