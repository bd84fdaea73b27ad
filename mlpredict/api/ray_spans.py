"""Stored predictions that the actors of a Ray cluster make once more, a span of them at a time."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from mlpredict.api.ray_parts import run_here
from mlpredict.domain import EngineName
from mlpredict.domain.verification import MOST_FINDINGS, Made, Verification
from mlpredict.errors import ModelError
from mlpredict.inputs.limits import Limits

if TYPE_CHECKING:
    from mlpredict.api.ray_cluster import Cluster, Crew, Node
    from mlpredict.api.verifying import Check
    from mlpredict.inference.model import Model
    from mlpredict.pipeline.verifying import Verifier

VERIFY_SPAN = f"{__name__}:verify_span"
SPAN = MOST_FINDINGS
"""Predictions in a span: no more than are told one by one, so that none of these gets lost."""


class Span(NamedTuple):
    """Predictions that one model made in one way, by their ids, which ascend."""

    made: Made
    ids: Sequence[int]


class Terms(NamedTuple):
    """How an actor verifies."""

    tolerance: float
    limits: Limits
    retry: float


def steps_on(cluster: Cluster, check: Check, dsn: str, enough: Callable[[], bool]) -> Iterator[int]:
    """Have a cluster verify predictions, and tell after each span how many it had.

    The models are found here, so that nothing depends on which node gets what. What comes of the spans is
    put together in their order: it is what comes of all of them on one machine.

    Raises:
        ModelError: one of the models runs on TensorFlow.
        DatabaseError: the database cannot be used, or all nodes are lost.
    """
    from mlpredict.pipeline.recorded_models import NotHere
    from mlpredict.pipeline.verifying import count_without_model
    from mlpredict.storage.verifying import Verifying

    with check.database.reading() as reading:
        models = check.models(Verifying(reading.connection))
        found = {made: models.of(made) for made in check.groups}
    for one in found.values():
        if not isinstance(one, NotHere):
            _require_sendable(one.model)
    crew = cluster.crew()
    terms = cluster.put(Terms(check.how.tolerance, check.how.limits, check.database.retry))
    for made, ids in check.groups.items():
        if enough():
            return
        used = found[made]
        if isinstance(used, NotHere):
            count_without_model(check.done, used, ids)
            yield len(ids)
            continue
        sent = pickle.dumps(used.model)
        arguments = (terms, hashlib.sha256(sent).digest(), cluster.put(used.model))
        spans = [ids[at : at + SPAN] for at in range(0, len(ids), SPAN)]
        yield from _spans_done(crew, dsn, arguments, [Span(made, one) for one in spans], check.done, enough)


def _spans_done(
    crew: Crew,
    dsn: str,
    arguments: tuple[object, ...],
    spans: Sequence[Span],
    done: Verification,
    enough: Callable[[], bool],
) -> Iterator[int]:
    """Have the spans of one model verified; `done` gets what comes of them in their order."""
    ready: dict[int, Verification] = {}
    following = 0
    pieces = map(pickle.dumps, spans)
    for number, verified in crew.done(VERIFY_SPAN, dsn, *arguments, pieces=pieces, enough=enough):
        ready[number] = verified
        while following in ready:
            done.include(ready.pop(following))
            following += 1
        yield len(spans[number].ids)
    for number in sorted(ready):  # somebody has asked for an end before the ones between were done
        done.include(ready[number])


def _require_sendable(model: Model) -> None:
    if model.engine.name is not EngineName.LITERT:
        raise ModelError(
            f"--ray verifies what LiteRT runs, which can be sent to the nodes; {model.identity} runs on"
            " TensorFlow",
            hint="choose other predictions by --model, or verify these without --ray",
        )


def verify_span(
    node: Node, dsn: str, terms: bytes, digest: bytes, model: bytes, piece: bytes
) -> Verification:
    """Verify a span; connections, the model and the process that decodes stay for the next one.

    Raises:
        DatabaseError: the database cannot be used from here.
    """
    # They are the driver's, which runs code here as it likes.
    how: Terms = pickle.loads(terms)  # noqa: S301
    span: Span = pickle.loads(piece)  # noqa: S301
    kept = node.kept
    if kept.get("digest") != digest:
        kept["model"], kept["digest"] = run_here(pickle.loads(model)), digest  # noqa: S301
    if "verifier" not in kept:
        kept["stack"] = ExitStack()
        kept["verifier"] = _verifier(kept["stack"], dsn, how)
    verifier: Verifier = kept["verifier"]
    verifier.done = Verification(how.tolerance)
    for _ in verifier.group(span.made, span.ids, kept["model"]):
        pass
    return verifier.done


def _verifier(stack: ExitStack, dsn: str, how: Terms) -> Verifier:
    from mlpredict.api.database import connect
    from mlpredict.inputs.decoder_pool import Decoders
    from mlpredict.pipeline.verifying import Verifier
    from mlpredict.storage.values import storable
    from mlpredict.storage.verifying import Verifying

    database = stack.enter_context(connect(dsn, retry=how.retry))
    answers = stack.enter_context(database.reading())
    images = stack.enter_context(database.store())
    decoders = stack.enter_context(Decoders(1))
    return Verifier(
        Verifying(answers.connection),
        images,
        Verification(how.tolerance),
        storable,
        how.limits,
        decoders=decoders,
    )
