"""The preprocessings that a model may have been trained with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlpredict.domain import ChannelOrder, Decode, Fit, Preprocessing, Resize
from mlpredict.inference.model import Model
from mlpredict.inference.preprocessing_entries import ANTIALIASING, NAMED_SCALES, PRESETS

SCALES = ("0..1", "-1..1", "0..255")
OF_COLOURS = ("caffe", "torch")
FILTERS = (Resize.BICUBIC, Resize.BILINEAR, Resize.LANCZOS, Resize.NEAREST, Resize.OPENCV_LINEAR)
UNLIKE = (Resize.OPENCV_LINEAR,)
"""The usual filter that gives other pixels than ours does; the antialiasing ones are much alike."""

FITS = (Fit.STRETCH, Fit.CROP)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A preprocessing that may be the right one, with a name for a person."""

    name: str
    preprocessing: Preprocessing
    is_present: bool = False
    """Whether it is what the model is given now."""
    of: str | None = None
    """The name of the candidate that it is a variation of."""


def candidates(model: Model) -> list[Candidate]:
    """What the model may have been trained with: each scaling, stretched and cropped.

    An input of whole numbers has one scaling, and an image that the model takes in any size one fit.
    """
    present = _effective(model)
    fits = FITS if model.spec.height and model.spec.width else (present.fit,)
    plain = present._replace(channels=ChannelOrder.RGB)
    found = [
        Candidate(f"{name}, {fit}", _fitted(plain, fit)._replace(**stated))
        for name, stated in _scalings(model)
        for fit in fits
    ]
    return _with_present(found, present)


def with_inverted(model: Model, found: Sequence[Candidate]) -> list[Candidate]:
    """Candidates, and each of them inverted where there is one channel.

    Ink that is bright instead of dark makes every scaling wrong alike: only both together are right.
    """
    if model.spec.channels != 1:
        return list(found)
    return [*found, *(refinements(model, one, filters=())[-1] for one in found)]


def refinements(model: Model, best: Candidate, filters: Sequence[Resize] = FILTERS) -> list[Candidate]:
    """A candidate, then with other filters, its colours the other way round, or inverted."""
    chosen = best.preprocessing
    changes: dict[str, dict[str, Any]] = {}
    if chosen.antialias:
        changes = {
            resize: {"resize": resize, "decode": _decode(chosen, resize)}
            for resize in filters
            if resize is not chosen.resize
        }
    if model.spec.channels >= 3:
        other = ChannelOrder.RGB if chosen.channels is ChannelOrder.BGR else ChannelOrder.BGR
        changes[other] = {"channels": other}
    if model.spec.channels == 1:
        changes["inverted" if not chosen.invert else "not inverted"] = {"invert": not chosen.invert}
    present = _effective(model)
    found = [
        Candidate(f"{best.name}, {name}", chosen._replace(**changed), of=best.name)
        for name, changed in changes.items()
    ]
    return [replace(one, is_present=one.preprocessing == present) for one in (best, *found)]


def side_by_side(model: Model) -> list[Candidate]:
    """The candidates for a person to look at: each is followed by its variations, where there are classes."""
    found = candidates(model)
    if not model.reader.task.has_classes:
        # Numbers differ always: nobody could tell which of so many matter.
        return found
    varied = [one for base in found for one in refinements(model, base, UNLIKE)]
    stated = {base.preprocessing for base in found}
    return [one for one in varied if one.of is None or one.preprocessing not in stated]


def _fitted(chosen: Preprocessing, fit: Fit) -> Preprocessing:
    """With another fit; only what is cropped can be larger before."""
    return chosen._replace(fit=fit, resize_to=chosen.resize_to if fit is Fit.CROP else None)


def _decode(chosen: Preprocessing, resize: Resize) -> Decode:
    """A filter that looks at single pixels wants all of them."""
    return chosen.decode if resize in ANTIALIASING else Decode.FULL


def _scalings(model: Model) -> Iterator[tuple[str, dict[str, Any]]]:
    tensor = model.engine.signature.inputs[0]
    if not tensor.dtype.startswith("float"):
        yield next(one.value for one in model.choices if one.what == "scale"), {}
        return
    for name in SCALES:
        yield name, {"scaling": NAMED_SCALES[name]}
    if model.spec.channels == 3:
        for name in OF_COLOURS:
            yield name, dict(PRESETS[name])


def _effective(model: Model) -> Preprocessing:
    """What the model is given now, with the scaling that an input of floats has without an entry for it."""
    present = model.spec.preprocessing
    if present.scaling is None and model.engine.signature.inputs[0].dtype.startswith("float"):
        return present._replace(scaling=NAMED_SCALES["0..1"])
    return present


def _with_present(found: Sequence[Candidate], present: Preprocessing) -> list[Candidate]:
    """The candidates with the present one marked, and in front where it is none of them."""
    marked = [replace(one, is_present=one.preprocessing == present) for one in found]
    if any(one.is_present for one in marked):
        return marked
    return [Candidate("as now", present, is_present=True), *marked]
