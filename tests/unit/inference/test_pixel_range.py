"""The range of pixels that evidence speaks for."""

from __future__ import annotations

import numpy as np
import pytest

from mlpredict.inference.evidence import Evidence, InputMap, Statistics
from mlpredict.inference.pixel_range import (
    by_calibration,
    by_gain,
    by_layers,
    by_statistics,
    doubt,
    found_range,
)

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> InputMap:
    scale = 1 / np.array(std)
    return InputMap(tuple(scale.tolist()), tuple((-np.array(mean) * scale).tolist()), ("normalization",))


@pytest.mark.parametrize(
    ("done", "scale"),
    [
        pytest.param(InputMap(), None, id="nothing"),
        pytest.param(InputMap((0.9995,), (0.0,)), None, id="a normalisation that was never trained"),
        pytest.param(InputMap((1 / 255,), (0.0,)), "0..255", id="1/255"),
        pytest.param(InputMap((1 / 256,), (0.0,)), "0..255", id="1/256"),
        pytest.param(InputMap((1 / 255,) * 3, (0.0,) * 3), "0..255", id="1/255 by channel"),
        pytest.param(InputMap((1 / 127.5,), (-1.0,)), "0..255", id="to -1..1"),
        pytest.param(InputMap((1 / 128,), (-1.0,)), "0..255", id="to -1..1 by 128"),
        pytest.param(InputMap((-1 / 255,), (1.0,)), "0..255", id="inverted"),
        pytest.param(InputMap((1 / 255,), (-0.5,)), "0..255", id="to -0.5..0.5"),
        pytest.param(InputMap((2.0,), (-1.0,)), "0..1", id="0..1 to -1..1"),
        pytest.param(InputMap((0.5,), (0.5,)), "-1..1", id="-1..1 to 0..1"),
        pytest.param(InputMap((255.0,), (0.0,)), None, id="times 255"),
        pytest.param(normalisation(*IMAGENET), "0..1", id="ImageNet's, of 0..1"),
        pytest.param(
            normalisation((123.7, 116.3, 103.5), (58.4, 57.1, 57.4)), "0..255", id="ImageNet's, of 0..255"
        ),
        pytest.param(normalisation((33.3,), (78.6,)), "0..255", id="digits of 0..255"),
        pytest.param(normalisation((0.1307,), (0.3081,)), "0..1", id="digits of 0..1"),
        pytest.param(normalisation((0.0,), (0.5,)), None, id="around zero, which tells nothing"),
        pytest.param(InputMap((1.0,) * 3, (-103.9, -116.8, -123.7)), "0..255", id="caffe inside"),
        pytest.param(InputMap((1e-9,), (0.0,)), None, id="next to nothing"),
        pytest.param(InputMap((0.0,), (0.0,)), None, id="nothing left"),
        pytest.param(InputMap((1e30,), (0.0,)), None, id="out of all bounds"),
    ],
)
def test_a_scaling_inside_expects_what_it_brings_to_usual_numbers(done: InputMap, scale: str | None) -> None:
    found = by_layers(Evidence(maps=(done,)))
    assert (None if found is None else found.scale) == scale


def test_branches_that_disagree_tell_nothing() -> None:
    assert by_layers(Evidence(maps=(InputMap((1 / 255,), (0.0,)), InputMap()))) is None
    assert by_layers(Evidence()) is None


def test_the_layers_are_named() -> None:
    found = by_layers(Evidence(maps=(InputMap((1 / 255,), (0.0,), ("rescaling",)),)))
    assert found is not None
    assert found.because == "rescaling inside the model: 0..1 from there on"


@pytest.mark.parametrize(
    ("ends", "scale"),
    [
        ((0.0, 1.0), "0..1"),
        ((0.0, 0.9), "0..1"),
        ((-1.0, 0.99), "-1..1"),
        ((0.0, 255.0), "0..255"),
        ((-2.1, 2.6), None),
        ((0.0, 6.0), None),
        (None, None),
    ],
)
def test_what_an_input_was_quantised_for(ends: tuple[float, float] | None, scale: str | None) -> None:
    found = by_calibration(Evidence(calibrated=ends))
    assert (None if found is None else found.scale) == scale


# What least squares find in real models, and in weights that Keras ships.
WASTE = Statistics((-0.04, -0.089, -0.194), 0.54, 0.99)
EMOTION = Statistics((0.025,), 0.52, 0.99)
CIFAR = Statistics((117.5, 117.7, 108.3), 87.0, 0.99)
DIGITS = Statistics((0.127,), 0.35, 0.99)
PHOTOS = Statistics((0.47, 0.45, 0.40), 0.26, 0.99)
TORCH = Statistics((0.0, 0.01, -0.02), 1.05, 0.99)
CAFFE = Statistics((0.4, -0.2, 0.1), 64.0, 0.99)


@pytest.mark.parametrize(
    ("known", "classes", "scale"),
    [
        pytest.param(EMOTION, 7, "-1..1", id="faces"),
        pytest.param(CIFAR, 10, "0..255", id="photos of 0..255"),
        pytest.param(PHOTOS, 10, "0..1", id="photos of 0..1"),
        pytest.param(DIGITS, 10, None, id="digits, which may be either"),
        pytest.param(WASTE, 4, None, id="ImageNet's weights under another head"),
        pytest.param(WASTE, 1000, "-1..1", id="ImageNet's weights and classes"),
        pytest.param(TORCH, 10, None, id="standardised"),
        pytest.param(CAFFE, 10, None, id="without a mean"),
        pytest.param(Statistics(CIFAR.mean, CIFAR.deviation, 0.5), 10, None, id="a bad fit"),
        pytest.param(None, 10, None, id="nothing remembered"),
    ],
)
def test_what_a_model_was_trained_on(known: Statistics | None, classes: int, scale: str | None) -> None:
    found = by_statistics(known, classes)
    assert (None if found is None else found.scale) == scale


@pytest.mark.parametrize(
    ("known", "word"),
    [(WASTE, '"tf"'), (TORCH, '"torch"'), (CAFFE, '"caffe"'), (DIGITS, None), (PHOTOS, None), (None, None)],
)
def test_what_speaks_against_the_default_is_told(known: Statistics | None, word: str | None) -> None:
    text = doubt(Evidence(statistics=known))
    assert (text is None) if word is None else (text is not None and f"say preprocess = {word}" in text)


@pytest.mark.parametrize(
    ("gain", "scale"), [(0.003, "0..255"), (0.024, "0..255"), (0.4, None), (4.0, None), (None, None)]
)
def test_weights_that_are_made_for_more(gain: float | None, scale: str | None) -> None:
    found = by_gain(Evidence(gain=gain))
    assert (None if found is None else found.scale) == scale


def test_the_strongest_evidence_counts() -> None:
    both = Evidence(maps=(InputMap((2.0,), (-1.0,)),), statistics=CIFAR, gain=0.001)
    found = found_range(both, 10)
    assert found is not None
    assert found.scale == "0..1"


def test_evidence_survives_its_journey_as_json() -> None:
    whole = Evidence(
        (InputMap((2.0,), (-1.0,), ("a",)),), CIFAR, {"Conv2D": 3}, (0.0, 1.0), ("Softmax",), 0.5
    )
    for evidence in (whole, Evidence()):
        assert Evidence.from_json(evidence.to_json()) == evidence
