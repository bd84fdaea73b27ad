"""What a model recognises, as the heading of the page."""

from __future__ import annotations

from collections.abc import Sequence

from mlpredict.domain import ModelIdentity, Task

DIGITS = tuple("0123456789")
FEW = 6
SOME = 3

WITHOUT_LABELS = {
    Task.REGRESSION: "Predicts a number",
    Task.RAW: "Gives the model's own numbers",
    Task.SEGMENTATION: "Finds the class of each pixel",
}


def heading(model: ModelIdentity) -> str:
    """One line, such as `Recognises cat, dog and mouse`."""
    labels = model.labels
    if not model.task.has_classes or not labels:
        return WITHOUT_LABELS.get(model.task, "Recognises classes without names")
    if labels == DIGITS:
        return "Recognises the digits 0 to 9"
    if model.task is Task.SEGMENTATION:
        return f"Finds {_listed(labels)}, pixel by pixel"
    if model.task is Task.MULTI_LABEL:
        return f"Says which hold: {_listed(labels)}"
    return f"Recognises {_listed(labels)}"


def _listed(labels: Sequence[str]) -> str:
    """All of a few labels; of many some, and how many there are."""
    if len(labels) > FEW:
        return f"{len(labels):,} labels: {', '.join(labels[:SOME])}, …"
    return " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
