"""One model, several preprocessings side by side: which of them is right?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlpredict.domain import (
    ChannelOrder,
    Decode,
    Fit,
    Prediction,
    Preprocessing,
    Rejected,
    Resize,
    Sample,
    Source,
)
from mlpredict.inference.model import Model
from mlpredict.inference.preprocessing_entries import ANTIALIASING, NAMED_SCALES, PRESETS
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.pipeline.batch import predicted, select
from mlpredict.pipeline.predicting import decoding
from mlpredict.pipeline.recording import NotStoring

SCALES = ("0..1", "-1..1", "0..255")
OF_COLOURS = ("caffe", "torch")
FILTERS = (Resize.BICUBIC, Resize.BILINEAR, Resize.LANCZOS, Resize.NEAREST, Resize.OPENCV_LINEAR)
FITS = (Fit.STRETCH, Fit.CROP)
BATCH_IMAGES = 32


@dataclass(frozen=True, slots=True)
class Candidate:
    """A preprocessing that may be the right one, with a name for a person."""

    name: str
    preprocessing: Preprocessing
    is_present: bool = False
    """Whether it is what the model is given now."""


@dataclass(slots=True)
class Score:
    """How often a candidate was right; `rights` has an entry for each image, in their order."""

    candidate: Candidate
    rights: list[bool] = field(default_factory=list)

    @property
    def right(self) -> int:
        """On how many images."""
        return sum(self.rights)

    @property
    def rank(self) -> tuple[int, bool]:
        """The higher, the better: more images right; else what holds now."""
        return self.right, self.candidate.is_present


def candidates(model: Model) -> list[Candidate]:
    """What the model may have been trained with: each scaling, stretched and cropped.

    An input of whole numbers has one scaling, and an image that the model takes in any size one fit.
    """
    present = _effective(model)
    scalings = dict(_scalings(model))
    fits = FITS if model.spec.height and model.spec.width else (present.fit,)
    plain = replace(present, channels=ChannelOrder.RGB)
    found = [
        Candidate(f"{name}, {fit}", replace(plain, fit=fit, **stated))
        for name, stated in scalings.items()
        for fit in fits
    ]
    return _with_present(found, present)


def refinements(model: Model, best: Candidate) -> list[Candidate]:
    """The best of `candidates` with other filters, the colours the other way round, or inverted."""
    chosen = best.preprocessing
    found = [best]
    if chosen.antialias:
        found += [
            Candidate(
                f"{best.name}, {resize}", replace(chosen, resize=resize, decode=_decode(chosen, resize))
            )
            for resize in FILTERS
            if resize is not chosen.resize
        ]
    if model.spec.channels >= 3:
        other = ChannelOrder.RGB if chosen.channels is ChannelOrder.BGR else ChannelOrder.BGR
        found.append(Candidate(f"{best.name}, {other}", replace(chosen, channels=other)))
    if model.spec.channels == 1:
        found.append(Candidate(f"{best.name}, inverted", replace(chosen, invert=not chosen.invert)))
    present = _effective(model)
    return [replace(one, is_present=one.preprocessing == present) for one in found]


def tried(
    model: Model,
    wanted: Sequence[Candidate],
    sources: Sequence[Source],
    limits: Limits = USUAL_LIMITS,
) -> Iterator[tuple[Candidate, Sample | Rejected, Prediction | str]]:
    """What the model says of each image with each candidate; in the place of an answer, why there is none.

    An image is decoded once for all candidates that see the same pixels.

    Raises:
        ModelError: the engine fails.
    """
    for seen, alike in _by_view(wanted).items():
        viewed = replace(model, spec=replace(model.spec, preprocessing=seen))
        with decoding(iter(sources), viewed.spec, batch_size=BATCH_IMAGES, limits=limits) as batches:
            for items in batches:
                for candidate in alike:
                    yield from _answers(model, candidate, items)


def accuracy(
    model: Model,
    wanted: Sequence[Candidate],
    labelled: Sequence[tuple[str, str]],
    limits: Limits = USUAL_LIMITS,
) -> tuple[list[Score], list[Rejected]]:
    """How often each candidate is right, the best first, and the images that could not be read.

    `labelled` has the name of a file and its true label. Of equals the more usual comes first.
    """
    truth = dict(labelled)
    scores = {one.name: Score(one) for one in wanted}
    rejected: dict[str, Rejected] = {}
    for candidate, item, answer in tried(model, wanted, [Source(name) for name in truth], limits):
        if isinstance(item, Rejected):
            rejected[item.source.filename] = item
            continue
        scores[candidate.name].rights.append(
            isinstance(answer, Prediction) and answer.label == truth[item.source.filename]
        )
    return sorted(scores.values(), key=lambda one: one.rank, reverse=True), list(rejected.values())


def _answers(
    model: Model, candidate: Candidate, items: Iterable[Sample | Rejected]
) -> Iterator[tuple[Candidate, Sample | Rejected, Prediction | str]]:
    batch = select(list(items), NotStoring(candidate.name))
    fed = replace(model, spec=replace(model.spec, preprocessing=candidate.preprocessing))
    for sample, said in zip(batch.fresh, predicted(batch, fed), strict=True):
        yield candidate, sample, said
    for failure in batch.failures:
        yield candidate, failure, failure.reason


def _decode(chosen: Preprocessing, resize: Resize) -> Decode:
    """A filter that looks at single pixels wants all of them."""
    return chosen.decode if resize in ANTIALIASING else Decode.FULL


def _by_view(wanted: Sequence[Candidate]) -> dict[Preprocessing, list[Candidate]]:
    """Candidates by what is done to an image until it is pixels; what is done to these comes later."""
    found: dict[Preprocessing, list[Candidate]] = defaultdict(list)
    for one in wanted:
        found[replace(one.preprocessing, scaling=None, channels=ChannelOrder.RGB)].append(one)
    return found


def _scalings(model: Model) -> Iterator[tuple[str, dict[str, Any]]]:
    tensor = model.engine.signature.inputs[0]
    if not tensor.dtype.startswith("float"):
        scaling = model.spec.preprocessing.scaling
        yield "as now", {} if scaling is None else {"scaling": scaling}
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
        return replace(present, scaling=NAMED_SCALES["0..1"])
    return present


def _with_present(found: Sequence[Candidate], present: Preprocessing) -> list[Candidate]:
    """The candidates with the present one marked, and in front where it is none of them."""
    marked = [replace(one, is_present=one.preprocessing == present) for one in found]
    if any(one.is_present for one in marked):
        return marked
    return [Candidate("as now", present, is_present=True), *marked]
