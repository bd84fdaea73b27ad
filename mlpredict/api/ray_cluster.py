"""A Ray cluster that exists already: one actor on each node, and the work that it is given."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from typing import Any, Final, NamedTuple, cast

from mlpredict import __version__
from mlpredict.api.ray_answering import require_answering
from mlpredict.errors import DatabaseError, MlpredictError, UsageError
from mlpredict.support.logs import get_logger
from mlpredict.support.quiet import quiet_stderr

logger = get_logger(__name__)

TICK_SECONDS = 0.5
ENDING_SECONDS = 15.0
"""What an actor gets to store the batch in flight and to give its part back; then it is ended."""
TRIES = 3
"""So often an actor that died is started again, and does again what it was asked."""
IN_HAND = 2
"""Pieces that an actor has: one that it does, and one so that it need not wait for the next."""

LOST: Final = object()
"""What comes of work whose actor is lost."""

OTHER_TOKEN = ("InvalidAuthToken", "Unauthenticated", "authentication token")
"""What Ray says in its many words where a token is wrong or missing."""
SHOWN = 300
"""Characters of what it says otherwise."""
AS_THERE = "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to the cluster's token"
SAME_NODE = "this machine must be one of its nodes, with the same Ray, Python and token"

NOT_INSTALLED = "--ray needs Ray, which is not installed"
INSTALL = "pip install 'mlpredict[ray]'"


class Node(NamedTuple):
    """What a function that an actor does has of it."""

    kept: dict[str, Any]
    """What one piece of work leaves to the next in the same process."""
    enough: Callable[[], bool]


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
    require_answering(address)
    # Under `uv run`, Ray would have this directory packed and sent to every node.
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    import ray

    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        # Ray prints what died on stdout, which is for data; it is said by us, in a line.
        yield from _initialised(ray, f"{address[0]}:{address[1]}")


def _initialised(ray: Any, where: str) -> Iterator[Cluster]:
    try:
        # Ray's libraries write what they try to descriptor 2, a line a second.
        with quiet_stderr():
            ray.init(address=where, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError, AssertionError, ray.exceptions.RayError) as error:
        why, hint = _refusal(error)
        raise UsageError(
            f"--ray {where}: the cluster does not take this process: {why}", hint=hint
        ) from error
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def _refusal(error: BaseException) -> tuple[str, str]:
    """Why a cluster does not take this process, as far as Ray tells, and what to do."""
    told = "\n".join([str(error), *getattr(error, "__notes__", ())])
    if any(mark in told for mark in OTHER_TOKEN):
        return "its token is another one, or this process has none", AS_THERE
    return " ".join(str(error).split())[:SHOWN], SAME_NODE


class Cluster:
    """The nodes of a cluster that have processors, and the actors of this command on them."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._nodes = [one for one in ray.nodes() if one["Alive"] and one["Resources"].get("CPU", 0) > 0]
        self.lost: list[str] = []
        """What became of actors that ended before their work did."""
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

    def put(self, what: object) -> Any:
        """A reference to something, of which a node gets the pickled bytes once."""
        return self._ray.put(pickle.dumps(what))

    def work(self, do: str, dsn: str, *sent: object, enough: Callable[[], bool]) -> Iterator[None]:
        """Have an actor on each node do the same; gives control back now and then, until none does any more.

        `do` is a function as "module:name". The DSN is an argument of a method, which no dashboard, no table
        of actors and no log has, as they have environments, command lines and constructors' names.

        Raises:
            MlpredictError: as one of them has raised it.
        """
        references = [self.put(one) for one in sent]
        hands = [self._hand(node, concurrent=2) for node in self._nodes]
        pending = {hand.begin(do, dsn, *references): hand for hand in hands}
        asked: float | None = None
        while pending:
            done, _ = self._ray.wait(list(pending), timeout=TICK_SECONDS)
            for reference in done:
                self.result(reference, pending.pop(reference))
            yield
            if enough() and asked is None:
                asked = time.monotonic()
                for hand in hands:
                    hand.end()
            if asked is not None and time.monotonic() - asked > ENDING_SECONDS:
                return

    def crew(self) -> Crew:
        """An actor on each node, for many small pieces of work."""
        return Crew(self, [self._hand(node, concurrent=1) for node in self._nodes])

    def finished(self, pending: Iterable[Any]) -> list[Any]:
        """Those of some references whose work has come to its end; waits a moment for a first one."""
        return list(self._ray.wait(list(pending), timeout=TICK_SECONDS)[0])

    def result(self, reference: Any, hand: Hand) -> Any:
        """What an actor has ended with; LOST where it died, and so often that it is started no more.

        Raises:
            MlpredictError: it was refused what it did.
        """
        try:
            refused, result = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise _told(error, hand.address) from None
        except self._ray.exceptions.RayError as error:
            self.lost.append(f"node {hand.address}: {_first_line(error)}")
            logger.info(f"{self.lost[-1]}; others take over what it had")
            return LOST
        if refused is not None:
            raise UsageError(f"node {hand.address} {refused}", hint="install the same version on each node")
        return result

    def _hand(self, node: dict[str, Any], *, concurrent: int) -> Hand:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = {
            # One for all cores of a node: it decodes in processes and predicts in threads of its own.
            "num_cpus": node["Resources"]["CPU"],
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            "max_restarts": TRIES,
            "max_task_retries": TRIES,
            "max_concurrency": concurrent,
        }
        actor = self._ray.remote(_actor_class()).options(**options).remote()
        return Hand(actor, node["NodeManagerAddress"])


class Hand:
    """An actor, and the node that it is on."""

    def __init__(self, actor: Any, address: str) -> None:
        self._actor = actor
        self.address = address

    def begin(self, do: str, *arguments: Any) -> Any:
        """A reference to what comes of a function that it is asked to do."""
        return self._actor.do.remote(__version__, do, *arguments)

    def end(self) -> None:
        """Ask it to come to an end."""
        self._actor.end.remote()


class Crew:
    """Actors that are each given small pieces of work, and the next one when one is done."""

    def __init__(self, cluster: Cluster, hands: Sequence[Hand]) -> None:
        self._cluster = cluster
        self._hands = list(hands)

    def done(
        self, do: str, dsn: str, *sent: Any, pieces: Iterable[bytes], enough: Callable[[], bool]
    ) -> Iterator[tuple[int, Any]]:
        """What comes of pieces, with their numbers, in the order in which they are done.

        What an actor that died had is done by others. Those in hand when `enough` comes true are given up.

        Raises:
            MlpredictError: as one of them has raised it.
            DatabaseError: none of them is left.
        """
        left = enumerate(pieces)
        again: deque[tuple[int, bytes]] = deque()
        pending: dict[Any, tuple[Hand, int, bytes]] = {}
        while not enough():
            for hand in self._hands:
                in_hand = sum(one is hand for one, _, _ in pending.values())
                for _ in range(IN_HAND - in_hand):
                    number, piece = again.popleft() if again else next(left, (-1, b""))
                    if number >= 0:
                        pending[hand.begin(do, dsn, *sent, piece)] = hand, number, piece
            if not pending:
                if self._hands:
                    return
                raise DatabaseError(f"no node is left to do it ({'; '.join(self._cluster.lost)})")
            for reference in self._cluster.finished(pending):
                hand, number, piece = pending.pop(reference)
                result = self._cluster.result(reference, hand)
                if result is LOST:
                    again.append((number, piece))
                    self._hands = [one for one in self._hands if one is not hand]
                else:
                    yield number, result


def _told(error: Any, address: str) -> Exception:
    """What an actor has raised, as the error that it is."""
    cause = error.cause
    if isinstance(cause, MlpredictError):
        cause.message = f"node {address}: {cause.message}"
        return cause
    if isinstance(cause, ModuleNotFoundError):
        return UsageError(f"node {address}: {cause}", hint="install mlpredict on each node")
    return cast("Exception", error)


def _actor_class() -> type:
    """The class of the actors, which travels by value: a node of another version can say so."""

    class MlpredictActor:
        def __init__(self) -> None:
            self._ending = threading.Event()
            self._kept: dict[str, Any] = {}

        def end(self) -> None:
            self._ending.set()

        def do(self, version: str, what: str, *arguments: Any) -> tuple[str | None, Any]:
            import importlib

            import mlpredict

            # Only then: what else there is may be another thing in another version.
            if mlpredict.__version__ != version:
                return f"has mlpredict {mlpredict.__version__}, and this machine {version}", None
            from mlpredict.api.ray_cluster import Node

            module, _, name = what.partition(":")
            function = getattr(importlib.import_module(module), name)
            return None, function(Node(self._kept, self._ending.is_set), *arguments)

    return MlpredictActor


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
