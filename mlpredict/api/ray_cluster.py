"""A Ray cluster that exists already: one actor on each node, which does what `--part auto` does there."""

from __future__ import annotations

import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from mlpredict import __version__
from mlpredict.domain import Keep
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import MlpredictError, UsageError
from mlpredict.inputs.limits import Limits
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.api.model import Model
    from mlpredict.inputs.name_list import NameList

logger = get_logger(__name__)

CONNECT_SECONDS = 5.0
"""For the first answer of a cluster."""
TICK_SECONDS = 0.5
ENDING_SECONDS = 15.0
"""What an actor gets to store the batch in flight and to give its part back; then it is ended."""
TRIES = 3
"""So often an actor that died is started again, and does again what it was asked."""

NOT_INSTALLED = "--ray needs Ray, which is not installed"
INSTALL = "pip install 'mlpredict[ray]'"


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


def require_ray() -> None:
    """Make sure that Ray can be imported, without doing so.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec("ray") is None:
        raise UsageError(NOT_INSTALLED, hint=INSTALL)


@contextmanager
def connected(address: tuple[str, int]) -> Iterator[Cluster]:
    """A cluster that answers at an address; none is ever started.

    Raises:
        UsageError: Ray is not installed, nothing answers, or it does not take this process.
    """
    require_ray()
    where = f"{address[0]}:{address[1]}"
    try:
        socket.create_connection(address, CONNECT_SECONDS).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(
            f"--ray {where}: nothing answers ({why})",
            hint="mlpredict starts no cluster: mlpredict help cluster says how",
        ) from error
    # Under `uv run`, Ray would have this directory packed and sent to every node.
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    import ray

    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        # Ray prints what died on stdout, which is for data; it is said by us, in a line.
        yield from _initialised(ray, where)


def _initialised(ray: Any, where: str) -> Iterator[Cluster]:
    try:
        ray.init(address=where, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError, AssertionError, ray.exceptions.RayError) as error:
        raise UsageError(
            f"--ray {where}: the cluster does not take this process: {_first_line(error)}",
            hint="this machine must be one of its nodes, with the same Ray, Python and token",
        ) from error
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


class Cluster:
    """The nodes of a cluster that have processors, and the actors of this run on them."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._nodes = [one for one in ray.nodes() if one["Alive"] and one["Resources"].get("CPU", 0) > 0]
        self.lost: list[str] = []
        """What became of actors that ended before the run did."""
        if not self._nodes:
            raise UsageError("--ray: no node of this cluster has a processor for us")

    @property
    def nodes(self) -> int:
        return len(self._nodes)

    @property
    def other_machines(self) -> list[str]:
        """The addresses of nodes that are not this machine's."""
        own = self._ray.util.get_node_ip_address()
        return sorted({one["NodeManagerAddress"] for one in self._nodes} - {own})

    def work(
        self, task: Work, model: Model, names: NameList, dsn: str, enough: Callable[[], bool]
    ) -> Iterator[None]:
        """Have actors do a run; gives control back now and then, until none of them works any more.

        Raises:
            MlpredictError: as one of them has raised it.
        """
        # By reference: a node gets each once. The DSN is an argument of a method, which no dashboard, no
        # table of actors and no log has, as they have environments, command lines and constructors' names.
        sent = [self._ray.put(pickle.dumps(one)) for one in (task, model, names)]
        actors = [self._actor(node) for node in self._nodes]
        pending = {
            actor.work.remote(__version__, dsn, *sent): node["NodeManagerAddress"]
            for actor, node in zip(actors, self._nodes, strict=True)
        }
        asked: float | None = None
        while pending:
            done, _ = self._ray.wait(list(pending), timeout=TICK_SECONDS)
            for reference in done:
                self._end(reference, pending.pop(reference))
            yield
            if enough() and asked is None:
                asked = time.monotonic()
                for actor in actors:
                    actor.end.remote()
            if asked is not None and time.monotonic() - asked > ENDING_SECONDS:
                return

    def _actor(self, node: dict[str, Any]) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = {
            # One for all cores of a node: it decodes in processes and predicts in threads of its own.
            "num_cpus": node["Resources"]["CPU"],
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            "max_restarts": TRIES,
            "max_task_retries": TRIES,
            "max_concurrency": 2,
        }
        return self._ray.remote(_actor_class()).options(**options).remote()

    def _end(self, reference: Any, address: str) -> None:
        """What an actor has ended with.

        Raises:
            MlpredictError: it was refused what it did.
        """
        try:
            refused = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, MlpredictError):
                raise type(cause)(f"node {address}: {cause.message}", hint=cause.hint) from None
            if isinstance(cause, ModuleNotFoundError):
                raise UsageError(f"node {address}: {cause}", hint="install mlpredict on each node") from None
            raise
        except self._ray.exceptions.RayError as error:
            self.lost.append(f"node {address}: {_first_line(error)}")
            logger.info(f"{self.lost[-1]}; others take over what it had")
        else:
            if refused is not None:
                raise UsageError(f"node {address} {refused}", hint="install the same version on each node")


def _actor_class() -> type:
    """The class of the actors, which travels by value: a node of another version can say so."""

    class PartOfRun:
        def __init__(self) -> None:
            self._ending = threading.Event()

        def end(self) -> None:
            self._ending.set()

        def work(self, version: str, dsn: str, task: bytes, model: bytes, names: bytes) -> str | None:
            import mlpredict

            if mlpredict.__version__ != version:
                return f"has mlpredict {mlpredict.__version__}, and this machine {version}"
            from mlpredict.api.ray_cluster import do_parts

            do_parts(task, model, names, dsn, self._ending.is_set)
            return None

    return PartOfRun


def do_parts(task: bytes, model: bytes, names: bytes, dsn: str, enough: Callable[[], bool]) -> None:
    """What an actor does: free parts of the run, until nothing of it is missing.

    Raises:
        UsageError: this node does not see the files that the driver sees.
        DatabaseError: the database cannot be used from here.
    """
    from dataclasses import replace

    from mlpredict.api.database import connect
    from mlpredict.api.shared_run import Shared
    from mlpredict.domain.parts import Sharing

    # They are the driver's, which runs code here as it likes.
    work: Work = pickle.loads(task)  # noqa: S301
    used: Model = pickle.loads(model)  # noqa: S301
    loaded = used.loaded
    # What runs it is this node's, and recorded as that.
    used = replace(used, loaded=replace(loaded, facts={**loaded.facts, **loaded.engine.facts()}))
    listed: NameList = pickle.loads(names)  # noqa: S301
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
            used, shared, keep=work.keep, skip_existing=work.skip_existing, enough=enough
        )
        for _ in started.batches():
            pass


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
