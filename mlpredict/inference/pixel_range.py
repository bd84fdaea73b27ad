"""Which range of pixels a model takes, from the evidence in its file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlpredict.inference.evidence import Evidence, InputMap, Statistics

RANGES = {"0..255": (0.0, 255.0), "0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0)}
"""What `scale` may say, and what it means."""

NEARLY = 0.02
"""As part of a range's width: 1/256 is taken for 1/255, and 1/128 for 1/127.5."""

WELL_FITTING = 0.9
"""Of four real models the worst fit was 0.988, be they of photos, digits or faces."""

WEAK_GAIN = 0.05
"""First layers for 0..1 and -1..1 have gains of 0.4 to 4; one for 0..255, with its division in its weights or
in the normalisation that followed it, has at most 0.03."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""The mean of ImageNet's pixels by channel, in 0..1, as torchvision and Keras have it."""

IMAGENET_CLASSES = (1000, 1001)


@dataclass(frozen=True, slots=True)
class Finding:
    """A range of pixels, by the name that `scale` has for it, and why it is that."""

    scale: str
    because: str


def found_range(evidence: Evidence, classes: int | None) -> Finding | None:
    """The range that a model takes, by the strongest evidence there is; None where there is none.

    `classes` is the number of its outputs, where that is known.
    """
    return (
        by_layers(evidence)
        or by_calibration(evidence)
        or by_statistics(evidence.statistics, classes)
        or by_gain(evidence)
    )


def by_layers(evidence: Evidence) -> Finding | None:
    """The range that a model's own scaling expects; None where it has none, or leaves it open."""
    verdicts = {expected_range(one) for one in evidence.maps}
    if len(verdicts) != 1 or (scale := verdicts.pop()) is None:
        return None
    first = evidence.maps[0]
    low, high = first.range(*RANGES[scale])
    layers = " and ".join(first.layers)
    return Finding(scale, f"{layers} inside the model: {_number(low)}..{_number(high)} from there on")


def expected_range(done: InputMap) -> str | None:
    """Which pixels a map brings to what networks compute with: 0..1, -1..1 or about a mean of 0.

    Example: 1/255 expects 0..255; a `Normalization` that was adapted to 0..1 expects these.
    """
    if done.is_identity:
        return None
    images = {name: done.range(*ends) for name, ends in RANGES.items()}
    for name, image in images.items():
        if any(_alike(image, target) for target in ((0.0, 1.0), (-1.0, 1.0))):
            return name
    centre = _centre(done)
    if _is_standard(images["0..255"]) or (_keeps_width(done) and 20 < centre < 235):
        return "0..255"
    # Zero is the middle of -1..1, and is also left where nothing was subtracted: it tells nothing.
    return "0..1" if _is_standard(images["0..1"]) and 0.05 < centre <= 1 else None


def by_calibration(evidence: Evidence) -> Finding | None:
    """The range that the input was quantised for right behind the entrance."""
    if evidence.calibrated is None:
        return None
    low, high = evidence.calibrated
    because = f"quantised behind the input for {_number(low)}..{_number(high)}"
    for name, (least, greatest) in RANGES.items():
        # What it was calibrated with need not have had black and white.
        width = greatest - least
        if 0.75 * width <= high - low <= 1.05 * width and abs(low - least) <= 0.2 * width:
            return Finding(name, because)
    return None


def by_statistics(known: Statistics | None, classes: int | None) -> Finding | None:
    """The range of what a model was trained on, where a normalisation remembers it and it is clear.

    Weights that Keras ships remember ImageNet, whatever they were fine-tuned on: they count only in a model
    that still tells ImageNet's classes.
    """
    if known is None or known.fit < WELL_FITTING:
        return None
    mean, deviation = _mean(known), known.deviation
    because = f"trained on pixels of mean {mean:.3g} and deviation {deviation:.2g}, as its normalisation says"
    if mean > 2 and deviation > 2:
        return Finding("0..255", because)
    if not 0 < deviation < 1 or abs(mean) > 1:
        return None
    if _fits_unit_interval(mean, deviation):
        # A small mean beside the deviation may be that of -1..1, too.
        return Finding("0..1", because) if mean >= deviation else None
    if (
        abs(mean) <= 0.5
        and 0.2 <= deviation <= 0.8
        and (classes in IMAGENET_CLASSES or not _is_imagenet(known.mean))
    ):
        return Finding("-1..1", because)
    return None


def by_gain(evidence: Evidence) -> Finding | None:
    """0..255 where the first layer would hardly react to less."""
    if evidence.gain is None or evidence.gain >= WEAK_GAIN:
        return None
    return Finding("0..255", f"the first layer's weights are made for it: a gain of {evidence.gain:.2g}")


def doubt(evidence: Evidence) -> str | None:
    """What speaks against pixels of 0..1 where nothing has been found, and what to say instead."""
    known = evidence.statistics
    if known is None or known.fit < WELL_FITTING:
        return None
    mean, deviation = _mean(known), known.deviation
    if _fits_unit_interval(mean, deviation):
        return None
    seen = f"its first layers were trained on pixels of mean {mean:.3g} and deviation {deviation:.2g}"
    instead = '"caffe"' if deviation > 20 else '"tf"' if deviation < 0.8 else '"torch"'
    return f"{seen}; if it was trained on these alone, say preprocess = {instead} in its mlpredict.toml"


def _fits_unit_interval(mean: float, deviation: float) -> bool:
    """Whether numbers within 0..1 can have them: at most `mean * (1 - mean)` is their variance.

    A deviation is known to a third.
    """
    return 0 < mean < 1 and deviation <= 1.3 * math.sqrt(mean * (1 - mean))


def _is_imagenet(mean: tuple[float, ...]) -> bool:
    expected = [2 * one - 1 for one in IMAGENET_MEAN]
    return len(mean) == len(expected) and all(
        abs(one - other) < 0.03 for one, other in zip(mean, expected, strict=True)
    )


def _mean(known: Statistics) -> float:
    return sum(known.mean) / len(known.mean)


def _alike(image: tuple[float, float], target: tuple[float, float]) -> bool:
    slack = NEARLY * (target[1] - target[0])
    return all(abs(end - wanted) <= slack for end, wanted in zip(image, target, strict=True))


def _is_standard(image: tuple[float, float]) -> bool:
    low, high = image
    return 0.9 <= high - low <= 12 and -6 <= low < 0.5 and 0.3 < high <= 10


def _keeps_width(done: InputMap) -> bool:
    return all(abs(abs(scale) - 1) < NEARLY for scale in done.scale)


def _centre(done: InputMap) -> float:
    """The value that becomes zero, on average over the channels."""
    centres = [-offset / scale for scale, offset in zip(done.scale, done.offset, strict=True) if scale]
    return sum(centres) / len(centres) if centres else 0.0


def _number(value: float) -> str:
    return f"{value:.3g}"
