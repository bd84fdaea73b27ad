"""What a model's output means: its labels, its task and its activation, and where each is from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlpredict.domain import Activation, Task
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Choice, Reason
from mlpredict.inference.class_maps import MOST_CLASSES, MapKind
from mlpredict.inference.described import Described
from mlpredict.inference.output_facts import OutputFacts
from mlpredict.inference.outputs import SCORE_THRESHOLD, OutputReader
from mlpredict.inference.sidecar import Sidecar
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.inference.labels import LabelFile

logger = get_logger(__name__)

Labels = tuple[str, ...]
SHOWN = 3


def meaning(
    described: Described, facts: OutputFacts, ending: str, where: str
) -> tuple[OutputReader, tuple[Choice, ...]]:
    """How a model's output is read, with the reasons; `ending` is the operation that makes the output.

    Raises:
        ModelError: it has no such classes as were stated, or something is stated that its task has not.
    """
    stated = described.sidecar
    labels, labelled_by = _labels(described, facts, ending, where)
    task = stated.task or facts.meaning(labels, ending)[0]
    activation = stated.activation or (facts.activation(ending) if task.has_classes else Activation.NONE)
    _check_labels(facts, ending, task, labels, labelled_by, where)
    _check_words(stated, facts, ending, task, labels, where)
    because = _seen(facts, ending)
    choices = (
        labelled_by,
        Choice("task", task, Reason.FILE) if stated.task else Choice("task", task, Reason.LAYER, because),
        Choice("activation", activation, Reason.FILE)
        if stated.activation
        else Choice("activation", activation, Reason.LAYER, because),
        *_words(stated, facts, ending, task),
    )
    reader = OutputReader(
        task,
        activation,
        labels,
        SCORE_THRESHOLD if stated.score_threshold is None else stated.score_threshold,
        stated.unknown_below,
        stated.unit,
        1.0 if stated.factor is None else stated.factor,
        bool(stated.keep_map),
        facts.map_kind(ending) if task is Task.SEGMENTATION else MapKind.PROBABILITIES,
    )
    return reader, choices


def _labels(
    described: Described, facts: OutputFacts, ending: str, where: str
) -> tuple[Labels | None, Choice]:
    """The labels that were given, those in the file, or those of a file beside it, as far as they fit."""
    if described.labels is not None:
        return described.labels, _named(described.labels, Reason.OPTION, described.labels_from)
    task = described.sidecar.task
    if (stated := described.sidecar.labels) is not None:
        return stated, _named(stated, Reason.FILE)
    classes = facts.classes(task, ending)
    if classes is None or (task is not None and not task.has_classes):
        return None, Choice("labels", "none", Reason.DEFAULT)
    for labels in described.metadata.labels if described.metadata else ():
        if len(labels) == classes:
            return labels, _named(labels, Reason.METADATA)
    if task is None and not _may_have_neighbours(facts, ending):
        # Labels beside a regression or an image that comes out are those of another model.
        return None, Choice("labels", "none", Reason.DEFAULT)
    from mlpredict.inference.label_files import chosen_labels

    found = chosen_labels(described.label_files, classes)
    if len(found) == 1:
        return found[0].labels, _named(found[0].labels, Reason.NEIGHBOUR, found[0].path.name)
    if found:
        logger.warning(f"warning: {where}: {_disagreement(found)}")
    return None, Choice("labels", "numbers", Reason.DEFAULT, _misfits(described, classes))


def _may_have_neighbours(facts: OutputFacts, ending: str) -> bool:
    """Whether an output is so likely to have classes that labels beside its model are its own."""
    if facts.is_number:
        return ending == "Sigmoid" or (not ending and facts.within_unit)
    return len(facts.shape) < 2 or facts.is_class_map(ending)


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
    if facts.is_class_map(ending):
        return "the outputs of each pixel sum to one"
    if facts.is_number:
        return "its output is one number"
    if len(facts.shape) > 1:
        return f"an output of shape {(None, *facts.shape)}"
    return "its outputs are no probabilities that sum to one"


def _words(stated: Sidecar, facts: OutputFacts, ending: str, task: Task) -> list[Choice]:
    """The thresholds, the unit and what else was said of the output, or is usual for its task."""
    said = {
        "unknown_below": stated.unknown_below,
        "unit": stated.unit,
        "factor": stated.factor,
        "keep_map": None if stated.keep_map is None else str(stated.keep_map).lower(),
    }
    words = [Choice(name, _shown(value), Reason.FILE) for name, value in said.items() if value is not None]
    if stated.score_threshold is not None:
        words.append(Choice("score_threshold", _shown(stated.score_threshold), Reason.FILE))
    elif _has_threshold(facts, ending, task):
        words.append(Choice("score_threshold", _shown(SCORE_THRESHOLD), Reason.DEFAULT))
    return words


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _has_threshold(facts: OutputFacts, ending: str, task: Task) -> bool:
    """Whether labels hold, or pixels have class 1, from a probability on."""
    return task is Task.MULTI_LABEL or (task is Task.SEGMENTATION and facts.map_kind(ending) is MapKind.MASK)


def _check_labels(
    facts: OutputFacts, ending: str, task: Task, labels: Labels | None, labelled_by: Choice, where: str
) -> None:
    classes = facts.classes(task, ending)
    if task.has_classes and not facts.fits(task):
        raise ModelError(f"{where}: an output of shape {(None, *facts.shape)} is no {task}")
    # Whoever names the labels of a vector takes it for classes.
    meant = task.has_classes or (task is Task.RAW and labelled_by.reason in (Reason.OPTION, Reason.FILE))
    if meant and labels is not None and classes is not None and classes != len(labels):
        raise ModelError(f"{where}: {len(labels)} labels for {classes} classes")
    if task is Task.SEGMENTATION and classes is None and labels is None:
        raise ModelError(f"{where}: its output has a class for each pixel, and no labels say of how many")


def _check_words(
    stated: Sidecar, facts: OutputFacts, ending: str, task: Task, labels: Labels | None, where: str
) -> None:
    """Refuse what is said of another task than the model has: it would be passed over without a word."""
    is_value = task is Task.REGRESSION and facts.is_number
    is_map = (
        task is Task.SEGMENTATION
        and (facts.classes(task, ending) or len(labels or ())) <= MOST_CLASSES
        # Of pixels in a row nobody knows how wide the map is.
        and (len(facts.shape) == 3 or facts.map_kind(ending) is not MapKind.PROBABILITIES)
    )
    for name, value, suits, meant in (
        (
            "score_threshold",
            stated.score_threshold,
            _has_threshold(facts, ending, task),
            'task = "multi-label"',
        ),
        ("unknown_below", stated.unknown_below, task.has_classes, "a task with classes"),
        ("unit", stated.unit, is_value, "a regression of one number"),
        ("factor", stated.factor, is_value, "a regression of one number"),
        ("keep_map", stated.keep_map or None, is_map, f"a map of at most {MOST_CLASSES} classes"),
    ):
        if value is not None and not suits:
            shape = (None, *facts.shape)
            raise ModelError(f"{where}: {name} is for {meant}: its output of shape {shape} is a {task}")
