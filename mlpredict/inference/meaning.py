"""What a model's output means: its labels, its task and its activation, and where each is from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlpredict.domain import Activation, Task
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Choice, Reason
from mlpredict.inference.described import Described
from mlpredict.inference.outputs import OutputFacts, OutputReader
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.inference.labels import LabelFile

logger = get_logger(__name__)

CLASSES = (Task.CLASSIFICATION, Task.BINARY)
Labels = tuple[str, ...]
SHOWN = 3


def meaning(
    described: Described, facts: OutputFacts, ending: str, where: str
) -> tuple[OutputReader, tuple[Choice, ...]]:
    """How a model's output is read, with the reasons; `ending` is the operation that makes the output.

    Raises:
        ModelError: it has no such classes as were stated.
    """
    labels, labelled_by = _labels(described, facts, ending, where)
    guessed_task, guessed_activation = facts.meaning(labels, ending)
    stated = described.sidecar
    task = stated.task or guessed_task
    activation = stated.activation or _usual_activation(task, guessed_activation)
    if task in CLASSES:
        _check_classes(facts, task, labels, where)
    because = _seen(facts, ending)
    choices = (
        labelled_by,
        Choice("task", task, Reason.FILE) if stated.task else Choice("task", task, Reason.LAYER, because),
        Choice("activation", activation, Reason.FILE)
        if stated.activation
        else Choice("activation", activation, Reason.LAYER, because),
    )
    return OutputReader(task, activation, labels), choices


def _labels(
    described: Described, facts: OutputFacts, ending: str, where: str
) -> tuple[Labels | None, Choice]:
    """The labels that were given, those in the file, or those of a file beside it, as far as they fit."""
    if described.labels is not None:
        return described.labels, _named(described.labels, Reason.OPTION, described.labels_from)
    if (stated := described.sidecar.labels) is not None:
        return stated, _named(stated, Reason.FILE)
    classes = facts.classes
    if classes is None or described.sidecar.task not in (None, *CLASSES):
        return None, Choice("labels", "none", Reason.DEFAULT)
    for labels in described.metadata.labels if described.metadata else ():
        if len(labels) == classes:
            return labels, _named(labels, Reason.METADATA)
    if _is_number(facts) and not (ending == "Sigmoid" or (not ending and facts.within_unit)):
        # Two labels beside a regression are those of another model.
        return None, Choice("labels", "none", Reason.DEFAULT)
    from mlpredict.inference.label_files import chosen_labels

    found = chosen_labels(described.label_files, classes)
    if len(found) == 1:
        return found[0].labels, _named(found[0].labels, Reason.NEIGHBOUR, found[0].path.name)
    if found:
        logger.warning(f"warning: {where}: {_disagreement(found)}")
    return None, Choice("labels", "numbers", Reason.DEFAULT, _misfits(described, classes))


def _named(labels: Labels, reason: Reason, detail: str = "") -> Choice:
    shown = ", ".join(labels[:SHOWN]) + (f" … ({len(labels)})" if len(labels) > SHOWN else "")
    return Choice("labels", shown, reason, detail)


def _disagreement(found: Sequence[LabelFile]) -> str:
    names = " and ".join(one.path.name for one in found)
    return f"{names} disagree about its labels, and none is taken: name one with --labels FILE"


def _misfits(described: Described, classes: int) -> str:
    """The files beside the model that have other labels, or not as many."""
    counts = [f"{len(one.file.labels)} in {one.file.path.name}" for one in described.label_files]
    others = ", ".join(dict.fromkeys(counts))
    return f"{others}, for {classes} classes" if others else ""


def _seen(facts: OutputFacts, ending: str) -> str:
    if ending in ("Softmax", "Sigmoid"):
        return f"its output comes from a {ending.lower()}"
    if facts.sums_to_one:
        return "its outputs sum to one"
    if _is_number(facts):
        return "its output is one number"
    return "its outputs are no probabilities that sum to one"


def _is_number(facts: OutputFacts) -> bool:
    return facts.shape in ((), (1,))


def _usual_activation(task: Task, guessed: Activation) -> Activation:
    match task:
        case Task.CLASSIFICATION:
            return guessed
        case Task.BINARY:
            return Activation.SIGMOID
        case _:
            return Activation.NONE


def _check_classes(facts: OutputFacts, task: Task, labels: Labels | None, where: str) -> None:
    classes = facts.classes
    if classes is None or (task is Task.BINARY) != _is_number(facts):
        raise ModelError(f"{where}: an output of shape {(None, *facts.shape)} is no {task}")
    if labels is not None and classes != len(labels):
        raise ModelError(f"{where}: {len(labels)} labels for {classes} classes")
