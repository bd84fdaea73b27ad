"""What was decided about a model, and why: for the line that says so, and for the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from mlpredict.domain import Activation, Fit, ImageSpec, Task


class Reason(StrEnum):
    """Why something was chosen."""

    OPTION = "option"
    """The command line says so."""
    FILE = "file"
    """The model's `mlpredict.toml` says so."""
    MEASURED = "measured"
    """It was right most often, of several that were tried on labelled images."""
    METADATA = "metadata"
    """The metadata in the model's file say so."""
    LAYER = "layer"
    """The model's own layers, weights or outputs tell."""
    NEIGHBOUR = "neighbour"
    """A file beside the model tells."""
    CONVENTION = "convention"
    """It is how such models are fed everywhere."""
    DEFAULT = "default"
    """Nothing tells: the rules of the 2020 program."""


REASONS: Mapping[Reason, str] = {
    Reason.OPTION: "the command line",
    Reason.FILE: "mlpredict.toml",
    Reason.MEASURED: "measured on labelled images",
    Reason.METADATA: "metadata in the file",
    Reason.LAYER: "the model itself",
    Reason.NEIGHBOUR: "a file beside the model",
    Reason.CONVENTION: "usual for such models",
    Reason.DEFAULT: "nothing says: the default",
}
"""Each reason for a person."""

ASSUMED = frozenset({Reason.LAYER, Reason.NEIGHBOUR, Reason.CONVENTION, Reason.DEFAULT})
"""What nobody has said of this model in so many words."""


class Choice(NamedTuple):
    """One thing that was decided: `what` by its name in `mlpredict.toml`, its value, why, and in more words.

    Example: `Choice("scale", "0..255", Reason.LAYER, "rescaling inside the model: 0..1 from there on")`.
    """

    what: str
    value: str
    reason: Reason
    detail: str = ""


def as_json(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """Choices for the record."""
    return [one._asdict() for one in choices]


def assumptions(name: str, choices: Sequence[Choice], spec: ImageSpec) -> str | None:
    """What was assumed of the model of a name, in one line; None where all was said.

    Example: `pets.keras: pixels 0..1 (nothing in the file says), labels from class_names.json, resized by
    bicubic to 224×224`.
    """
    chosen = {one.what: one for one in choices}
    has_classes = Task(chosen["task"].value).has_classes
    parts = [
        _pixels(chosen["scale"]),
        _output(chosen.get("output")),
        _meaning(chosen),
        _labels(chosen["labels"]) if has_classes else "",
        _size(chosen, spec),
    ]
    said = ", ".join(part for part in parts if part)
    return f"{name}: {said}" if said else None


def _pixels(scale: Choice) -> str:
    if scale.reason not in ASSUMED:
        return ""
    because = "nothing in the file says" if scale.reason is Reason.DEFAULT else ""
    detail = "; ".join(part for part in (because, scale.detail) if part)
    return f"pixels {scale.value}" + (f" ({detail})" if detail else "")


def _output(output: Choice | None) -> str:
    if output is None or output.reason not in ASSUMED:
        return ""
    return f"output {output.value} ({output.detail})"


def _meaning(chosen: dict[str, Choice]) -> str:
    """What was taken for granted of the output's numbers, unless they are probabilities that sum to one."""
    task, activation = chosen["task"], chosen["activation"]
    scores = ""
    is_scored = task.value in (Task.CLASSIFICATION, Task.BINARY, Task.MULTI_LABEL)
    if is_scored and activation.reason in ASSUMED and activation.value == Activation.NONE:
        function = "softmax" if task.value == Task.CLASSIFICATION else "sigmoid"
        scores = f"scores are the {function} of its logits"
    if task.reason not in ASSUMED:
        return scores
    match task.value:
        case Task.MULTI_LABEL:
            threshold = chosen["score_threshold"].value
            return f"every label from {threshold} on holds ({task.detail}, with several numbers)"
        case Task.SEGMENTATION:
            return f"the shares of classes in a map ({task.detail})"
        case Task.RAW:
            return f"its numbers as they are ({task.detail}; labels, or a task, would make classes of them)"
        case Task.REGRESSION if "sigmoid" in task.detail:
            return f"its number as it is ({task.detail}; two labels would make classes of it)"
    return scores


def _labels(labels: Choice) -> str:
    if labels.reason not in ASSUMED:
        return ""
    if labels.reason is Reason.NEIGHBOUR:
        return f"labels from {labels.detail}"
    return f"{labels.value} for labels" + (f" ({labels.detail})" if labels.detail else "")


def _size(chosen: dict[str, Choice], spec: ImageSpec) -> str:
    resize, fit = chosen["resize"], chosen["fit"]
    if (resize.reason not in ASSUMED and fit.reason not in ASSUMED) or (spec.height, spec.width) == (
        None,
        None,
    ):
        return ""
    fitted = {
        Fit.STRETCH: "resized",
        Fit.CROP: "cropped in the middle and resized",
        Fit.PAD: "padded and resized",
    }[Fit(fit.value)]
    width, height = ("any" if side is None else side for side in (spec.width, spec.height))
    return f"{fitted} by {resize.value} to {width}×{height}"
