"""Beginning a run that is done in parts, or joining one: only who does the very same may."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mlpredict.domain import Keep
from mlpredict.domain.parts import Plan, PlannedRun, Sharing, usual_parts
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import DatabaseError, UsageError
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.name_list import NameList, first_difference
from mlpredict.pipeline.environment import environment_of
from mlpredict.pipeline.recording import PIXELS_VERSION, check_keep
from mlpredict.support.printable import printable

if TYPE_CHECKING:
    from mlpredict.domain.predictions import Kept
    from mlpredict.inference.model import Model
    from mlpredict.storage.retrying import PersistentStore


def options_of(keep: Kept, limits: Limits, *, skip_existing: bool, store_top: int | None) -> dict[str, str]:
    """What is stored depends on these, beside the model and the images."""
    best = {} if store_top is None else {"--store-top": f"{store_top}"}
    return {
        **best,
        "--keep": str(keep),
        "--skip-existing": "given" if skip_existing else "not given",
        "--max-pixels": f"{limits.max_pixels}",
        "--max-bytes": f"{limits.max_bytes}",
        "the version of decoding": f"{PIXELS_VERSION}",
    }


def begun_or_joined(
    store: PersistentStore,
    model: Model,
    names: NameList,
    sharing: Sharing,
    keep: Keep | KeepIn,
    limits: Limits,
    *,
    skip_existing: bool,
) -> PlannedRun:
    """The run of a key: begun by this process, or by another that does the same.

    Raises:
        UsageError: it was begun with another model, other images or other options.
        DatabaseError: it cannot be stored.
    """
    check_keep(keep, model.identity, model.spec.preprocessing)
    options = options_of(keep, limits, skip_existing=skip_existing, store_top=model.reader.best)
    plan = plan_of(names, sharing, options)
    known = known_run(store, plan.key) or begun(store, model, names, plan, keep)
    require_same(store, known, plan, model, names, divided=sharing.wanted.parts is not None)
    return known


def plan_of(names: NameList, sharing: Sharing, options: Mapping[str, str]) -> Plan:
    """What a process has in common with the others of its run."""
    parts = sharing.wanted.parts or usual_parts(names.images)
    return Plan(sharing.key, names.images, parts, names.sha256, names.samples(), options)


def known_run(store: PersistentStore, key: str) -> PlannedRun | None:
    """The run of a key; None where there is none yet."""
    return store.sharing(lambda shared, _: shared.planned(key))


def begun(store: PersistentStore, model: Model, names: NameList, plan: Plan, keep: Kept) -> PlannedRun:
    """The run of a plan's key: it is begun, unless another process was first.

    Raises:
        DatabaseError: it cannot be stored, or is deleted at once.
    """
    engine, environment = model.engine.name, environment_of(model)
    store.sharing(
        lambda shared, _: shared.begin(
            model.identity, plan, names.blocks, engine=engine, keep=keep, environment=environment
        )
    )
    known = known_run(store, plan.key)
    if known is None:
        raise DatabaseError(f"the run of the key {plan.key} was deleted while it began")
    return known


def require_same(
    store: PersistentStore, known: PlannedRun, plan: Plan, model: Model, names: NameList, *, divided: bool
) -> None:
    """Refuse to take part in a run that began otherwise; `divided` says that parts were asked for.

    Raises:
        UsageError: with what is different.
    """
    differences = [
        *_other_ways(known, plan, model, divided=divided),
        *_other_names(store, known, names),
    ]
    if not differences and (others := list(names.other_samples(known.plan.samples))):
        name, there, here = others[0]
        differences.append(f"{printable(name)} is another file: {there} there, {here} here")
    if differences:
        raise UsageError(
            f"--run-key {plan.key} is run {known.run_id}, which began otherwise: {'; '.join(differences)}",
            hint=_hint(known),
        )


def _other_ways(known: PlannedRun, plan: Plan, model: Model, *, divided: bool) -> Iterator[str]:
    if known.fingerprint != model.identity.fingerprint:
        yield f"the model is {known.model} there and {model.identity} here"
    if known.engine != model.engine.name:
        yield f"the engine is {known.engine} there and {model.engine.name} here"
    there_and_here = (known.plan.options, plan.options)
    for name in dict.fromkeys(one for options in there_and_here for one in options):
        there, here = (options.get(name, "not given") for options in there_and_here)
        if there != here:
            yield f"{name} is {there} there and {here} here"
    if divided and known.plan.parts != plan.parts:
        yield f"it has {known.plan.parts:,} parts there and {plan.parts:,} here"


def _other_names(store: PersistentStore, known: PlannedRun, names: NameList) -> Iterator[str]:
    """The first image that is another one here."""
    if known.plan.sha256 == names.sha256:
        return
    hashes = store.sharing(lambda shared, _: shared.block_hashes(known.run_id))
    own = {block.first: block for block in names.blocks}
    first = next(
        at
        for at in sorted({*hashes, *own})
        if at not in own or at not in hashes or own[at].sha256 != hashes[at]
    )
    block = store.sharing(lambda shared, _: shared.block(known.run_id, first))
    position, here, there = first_difference(own.get(first), block)
    counts = f"{known.plan.images:,} images there, {names.images:,} here"
    yield f"image {position} is {_named(there, here)} there and {_named(here, there)} here ({counts})"


def _named(name: str | None, other: str | None) -> str:
    if name is None:
        return "none"
    # Two ways to write the same letters look the same.
    alike = other is not None and unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)
    return ascii(name) if alike else printable(name)


def _hint(known: PlannedRun) -> str:
    here = os.getcwd()
    start = (
        f"; names start from {known.directory} there and from {here} here" if known.directory != here else ""
    )
    return f"give what it was begun with, or another --run-key{printable(start)}"
