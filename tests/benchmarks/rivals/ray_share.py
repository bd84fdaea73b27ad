"""What the nodes of a Ray cluster wait for while they predict: `python ray_share.py DSN FOLDER NODES`.

Each node has one processor as Ray counts. As JSON: the seconds from the first actor's beginning to the last
one's end; and of the time of all actors the share that who stores waits for the database (`storing`), that
who takes parts does (`taking`), and that an actor is not yet, or no more, at work (`idle`).
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

PLACE = "MLPREDICT_MEASURED"
"""The folder that each actor writes a file into."""


def measured(node: Any, dsn: str, *sent: bytes) -> None:
    """What an actor does, with a clock beside it."""
    from mlpredict.api.ray_parts import do_parts

    began = time.time()
    with _clock() as waited:
        do_parts(node, dsn, *sent)
    own = threading.get_ident()
    told = {
        "began": began,
        "ended": time.time(),
        "storing": waited.get(own, 0.0),
        "taking": sum(seconds for thread, seconds in waited.items() if thread != own),
    }
    (Path(os.environ[PLACE]) / f"{os.getpid()}.json").write_text(json.dumps(told))


@contextmanager
def _clock() -> Iterator[dict[int, float]]:
    """The seconds that each thread waits for the database."""
    from mlpredict.storage.retrying import PersistentStore

    waited: dict[int, float] = {}
    plain = PersistentStore._until_done

    def clocked(store: PersistentStore, work: Callable[..., Any]) -> Any:
        began = time.monotonic()
        try:
            return plain(store, work)
        finally:
            thread = threading.get_ident()
            waited[thread] = waited.get(thread, 0.0) + time.monotonic() - began

    vars_of = cast("Any", PersistentStore)
    vars_of._until_done = clocked
    try:
        yield waited
    finally:
        vars_of._until_done = plain


def main() -> None:
    """Measure one run."""
    dsn, folder, nodes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    token = secrets.token_hex(32)
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryDirectory() as place:
        os.environ[PLACE] = place
        _run(dsn, folder, nodes)
        told = [json.loads(one.read_text()) for one in Path(place).iterdir()]
    began, ended = min(one["began"] for one in told), max(one["ended"] for one in told)
    whole = (ended - began) * nodes
    shares = {name: sum(one[name] for one in told) / whole for name in ("storing", "taking")}
    busy = sum(one["ended"] - one["began"] for one in told)
    sys.stdout.write(json.dumps({"wall": ended - began, **shares, "idle": 1 - busy / whole}) + "\n")


def _run(dsn: str, folder: str, nodes: int) -> None:
    from ray.cluster_utils import Cluster

    import mlpredict
    from mlpredict.api.ray_cluster import connected
    from mlpredict.api.ray_parts import Work
    from mlpredict.domain import Keep
    from mlpredict.inputs.limits import USUAL_LIMITS
    from mlpredict.inputs.name_list import NameList
    from mlpredict.inputs.sources import discover
    from mlpredict.support.ahead import never

    cluster = Cluster()
    options = {"node_ip_address": "127.0.0.2", "object_store_memory": 100 << 20, "include_dashboard": False}
    for cores in (0, *([1] * nodes)):
        cluster.add_node(num_cpus=cores, **options)
    cluster.wait_for_nodes()
    host, _, port = cluster.address.partition(":")
    names = NameList(discover(iter([folder])))
    work = Work(f"share-{secrets.token_hex(4)}", os.getcwd(), None, USUAL_LIMITS, Keep.ORIGINAL, False, 30.0)
    with connected((host, int(port))) as found:
        for _ in found.work("ray_share:measured", dsn, work, mlpredict.load_model(), names, enough=never):
            pass
    cluster.shutdown()


if __name__ == "__main__":
    main()
