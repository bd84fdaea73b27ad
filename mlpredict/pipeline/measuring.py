"""Which preprocessing is right, measured on images whose labels are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mlpredict.domain import Rejected, Task
from mlpredict.errors import ModelError, UsageError
from mlpredict.inference.choices import Choice, Reason
from mlpredict.inference.model import Model
from mlpredict.inference.toml_writing import differing, entries
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.pipeline.candidates import Candidate, candidates, refinements, with_inverted
from mlpredict.pipeline.class_folders import Labelled, labelled_images
from mlpredict.pipeline.trying import Score, accuracy
from mlpredict.support.logs import get_logger
from mlpredict.support.statistics import mcnemar

logger = get_logger(__name__)

MOST_IMAGES = 1000
"""More would narrow the interval by little: it is 3 points wide on either side by then."""

SIGNIFICANT = 0.05
CLASSES = (Task.CLASSIFICATION, Task.BINARY, Task.MULTI_LABEL)


@dataclass(frozen=True, slots=True)
class Measured:
    """How often each candidate was right, and what follows."""

    scalings: tuple[Score, ...]
    """Each scaling and fit, the best first."""
    refinements: tuple[Score, ...]
    """The best of these with other filters and colours, the best first."""
    images: int
    remarks: tuple[str, ...]
    """What a person should know of how it was measured."""
    best: Score
    present: Score
    p_value: float
    """Of a difference like that between the best and the present one, if they were equally good."""
    stated: dict[str, Any]
    """The entries of a `mlpredict.toml` that make the best one out of the present one."""
    without: tuple[str, ...]
    """The entries of its present `mlpredict.toml` that must not be there then."""
    best_model: Model

    @property
    def is_sure(self) -> bool:
        """Whether chance hardly explains that the best is better than the present one."""
        return self.p_value < SIGNIFICANT

    @property
    def may_be_chance(self) -> bool:
        """Whether the best is another than the present one, and may be no better."""
        return not self.best.candidate.is_present and not self.is_sure


def measured(model: Model, folder: str, most: int, limits: Limits = USUAL_LIMITS) -> Measured:
    """Try every candidate on the images of a folder with one folder a class.

    Raises:
        ModelError: the model has no labels that folders could be called by.
        UsageError: the folder has no folders, one that is no label, or no readable image.
    """
    labelled = labelled_images(folder, _labels(model), most, limits)
    wanted = with_inverted(model, candidates(model))
    logger.info(
        f"trying {len(wanted)} preprocessings, and more of the best, on {len(labelled.images):,} images"
    )
    # "unknown" is right of no folder.
    certain = replace(model, reader=model.reader._replace(unknown_below=None))
    scalings, rejected = accuracy(certain, wanted, labelled.images, limits)
    if not scalings[0].rights:
        raise UsageError(f"{folder}: none of its images can be read: {rejected[0].reason}")
    first = scalings[0].candidate
    known = {one.preprocessing for one in wanted if one != first}
    finer = [one for one in refinements(model, first) if one.preprocessing not in known]
    refined, _ = accuracy(certain, finer, labelled.images, limits)
    best = max((*refined, *scalings), key=lambda one: one.rank)
    present = next(one for one in scalings if one.candidate.is_present)
    only_best = sum(one and not other for one, other in zip(best.rights, present.rights, strict=True))
    only_present = sum(other and not one for one, other in zip(best.rights, present.rights, strict=True))
    return Measured(
        scalings=tuple(scalings),
        refinements=tuple(refined),
        images=len(best.rights),
        remarks=_remarks(labelled.assumed, rejected),
        best=best,
        present=present,
        p_value=mcnemar(only_present, only_best),
        stated=_stated(model, best.candidate, present.candidate, labelled),
        without=_withdrawn(model, best.candidate, present.candidate),
        best_model=_named(model if best.candidate.is_present else _with(model, best.candidate), labelled),
    )


def _labels(model: Model) -> tuple[str, ...]:
    """The labels of the classes, or their numbers, which predictions have where there are none."""
    if model.reader.task not in CLASSES:
        raise ModelError(f"{model.identity.path}: it has no classes that folders could be called by")
    if model.reader.labels is not None:
        return model.reader.labels
    width = model.engine.signature.outputs[model.output].shape[-1] or 0
    return tuple(map(str, range(max(2, width))))


def _stated(model: Model, best: Candidate, present: Candidate, labelled: Labelled) -> dict[str, Any]:
    stated = differing(best.preprocessing, present.preprocessing)
    if model.reader.labels is None and labelled.in_order:
        stated["labels"] = list(labelled.in_order)
    return stated


def _withdrawn(model: Model, best: Candidate, present: Candidate) -> tuple[str, ...]:
    said = {one.what for one in model.choices if one.reason is Reason.FILE}
    wanted = entries(best.preprocessing)
    return tuple(
        key
        for key in entries(present.preprocessing)
        if key not in wanted and ("scale" if key == "preprocess" else key) in said
    )


def _named(model: Model, labelled: Labelled) -> Model:
    """The model with the folders' names for labels, where it has none and they were taken in order."""
    if model.reader.labels is not None or labelled.in_order is None:
        return model
    return replace(
        model,
        identity=model.identity._replace(labels=labelled.in_order),
        reader=model.reader._replace(labels=labelled.in_order),
        choices=(
            *(one for one in model.choices if one.what != "labels"),
            Choice("labels", ", ".join(labelled.in_order), Reason.NEIGHBOUR, "the folders' names in order"),
        ),
    )


def _remarks(assumed: str | None, rejected: list[Rejected]) -> tuple[str, ...]:
    found = [] if assumed is None else [assumed]
    found += [f"{one.source.filename}: left out: {one.reason}" for one in rejected]
    return tuple(found)


def _with(model: Model, best: Candidate) -> Model:
    """The model with the best preprocessing, and the reason for it."""
    changed = {
        "scale" if name == "preprocess" else name: str(value)
        for name, value in differing(best.preprocessing, model.spec.preprocessing).items()
    }
    kept = tuple(one for one in model.choices if one.what not in changed)
    found = tuple(Choice(name, value, Reason.MEASURED) for name, value in changed.items())
    spec = model.spec._replace(preprocessing=best.preprocessing)
    return replace(model, spec=spec, choices=(*found, *kept))
