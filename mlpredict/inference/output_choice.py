"""Which of a model's outputs is its answer, and which others are kept beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlpredict.domain import Task
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Choice, Reason
from mlpredict.inference.described import Described
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.output_facts import OutputFacts
from mlpredict.inference.outputs import MOST_JSON, too_large
from mlpredict.inference.signature import Signature


@dataclass(frozen=True, slots=True)
class ChosenOutput:
    """The output that is the answer, by its place, and the places of those that are kept, by their names.

    `stated` is what a fingerprint has of it: its name, where it was said or is not the first.
    """

    index: int
    stated: str | None = None
    kept: Mapping[str, int] = field(default_factory=dict)
    choice: Choice | None = None
    """None where there is no other output."""
    names: tuple[str, ...] = ()
    """What all the outputs are called."""


def output_names(signature: Signature, evidence: Evidence) -> tuple[str, ...]:
    """What the outputs are called: as their layers are, where that is known, else as in the signature."""
    own = tuple(tensor.name for tensor in signature.outputs)
    named = evidence.output_names
    return named if len(named) == len(own) and len(set(named)) == len(named) else own


def chosen_output(
    described: Described,
    signature: Signature,
    evidence: Evidence,
    facts: Sequence[OutputFacts | None],
    where: str,
) -> ChosenOutput:
    """The output that is said to be the answer, else the first that could be one; all others are kept.

    `facts` are those of each output, None where one has no row of numbers for each image. What is said to
    be the answer is all that is wanted. Otherwise the others are kept as far as they are no more than
    `MOST_JSON` together, and the choice says which are left out.

    Raises:
        ModelError: it has no output of that name, or none at all.
    """
    names = output_names(signature, evidence)
    if not names:
        raise ModelError(f"{where}: has no output")
    wanted = described.sidecar.output
    if wanted is not None:
        index = _named(wanted, names, signature, where)
        detail = f"of {', '.join(names)}"
        choice = Choice("output", names[index], Reason.FILE, detail) if len(names) > 1 else None
        return ChosenOutput(index, wanted, choice=choice, names=names)
    index = _first_answer(described, evidence, facts)
    if len(names) == 1:
        return ChosenOutput(index, names=names)
    kept, left_out = _others(index, names, facts)
    choice = Choice("output", names[index], Reason.LAYER, _told(names, kept, left_out))
    return ChosenOutput(index, names[index] if index else None, kept, choice, names)


def recorded_output(
    recorded: str | None,
    signature: Signature,
    evidence: Evidence,
    facts: Sequence[OutputFacts | None],
    where: str,
    *,
    alone: bool,
) -> ChosenOutput:
    """The output by what was recorded of it: its name, or None for the first; `alone` where it was stated.

    Raises:
        ModelError: it has no output of that name, or none at all.
    """
    names = output_names(signature, evidence)
    if not names:
        raise ModelError(f"{where}: has no output")
    index = 0 if recorded is None else _named(recorded, names, signature, where)
    kept = {} if alone or len(names) == 1 else _others(index, names, facts)[0]
    return ChosenOutput(index, recorded, kept, names=names)


def require_storable(facts: OutputFacts, task: Task, output: ChosenOutput, where: str) -> None:
    """Refuse an output that is too much to be stored of every image, before any work is done.

    Raises:
        ModelError: it is; the hint says what to choose instead.
    """
    if task is Task.SEGMENTATION or facts.json_bytes <= MOST_JSON:
        return
    hints = []
    if facts.fits(Task.SEGMENTATION):
        hints.append(
            'task = "segmentation" in its mlpredict.toml stores the share of each class, and with'
            " keep_map = true the class of each pixel as a PNG"
        )
    if output.choice is not None:
        hints.append(f'output = "…" takes another of its outputs ({output.choice.detail})')
    if not hints:
        hints.append("save a model that ends in what is wanted of an image")
    raise ModelError(f"{where}: {too_large(facts.json_bytes)}", hint="; ".join(hints))


def _named(wanted: str, names: Sequence[str], signature: Signature, where: str) -> int:
    """The place of an output by its own name, or by that of the signature."""
    for known in (names, [tensor.name for tensor in signature.outputs]):
        if wanted in known:
            return known.index(wanted)
    raise ModelError(f"{where}: has no output {wanted!r}", hint=f"it has {', '.join(names)}")


def _first_answer(described: Described, evidence: Evidence, facts: Sequence[OutputFacts | None]) -> int:
    """The first of the outputs that are most like an answer; the first of all where none is like one."""
    labels = described.labels or described.sidecar.labels
    ranks = []
    for index, known in enumerate(facts):
        ending = evidence.endings[index] if index < len(evidence.endings) else ""
        rank = None if known is None else _rank(known, ending, described.sidecar.task, labels)
        if rank is not None:
            ranks.append((rank, index))
    return min(ranks)[1] if ranks else 0


def _rank(known: OutputFacts, ending: str, task: Task | None, labels: Sequence[str] | None) -> int | None:
    """How much an output is like an answer, the most for the lowest; None where it is not."""
    fit = labels is None or len(labels) == known.classes(task, ending)
    if task is not None and task is not Task.RAW:
        # A single number can be of most tasks.
        return 2 * (not fit) + (known.is_number and task is Task.MULTI_LABEL) if known.fits(task) else None
    plain = known.meaning(None, ending)[0].has_classes
    if plain and fit:
        return 0
    if labels is not None and fit:
        # Two labels make a class of any number.
        return 1 if not known.is_number else 2 if ending == "Sigmoid" else 3
    return 4 if plain else None


def _others(
    index: int, names: Sequence[str], facts: Sequence[OutputFacts | None]
) -> tuple[dict[str, int], list[str]]:
    """The places of the outputs that are kept, by their names, and the names of those that are not."""
    own = facts[index]
    room = MOST_JSON - (own.json_bytes if own is not None else 0)
    kept, left_out = {}, []
    for place, (name, known) in enumerate(zip(names, facts, strict=True)):
        if place == index:
            continue
        if known is None or known.json_bytes > room:
            left_out.append(name)
        else:
            kept[name] = place
            room -= known.json_bytes
    return kept, left_out


def _told(names: Sequence[str], kept: Mapping[str, int], left_out: Sequence[str]) -> str:
    """What becomes of all the outputs, in words."""
    parts = [f"of {', '.join(names)}"]
    if kept:
        parts.append(f"{', '.join(kept)} kept beside it")
    if left_out:
        parts.append(f"{', '.join(left_out)} left out: too large, or no numbers for each image")
    return "; ".join(parts)
