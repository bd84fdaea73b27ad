"""Models that scale inside, or remember what they were trained on, get the pixels they want."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpredict.domain import EngineName
from mlpredict.inference.choices import Reason
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.model import Model, load_model
from mlpredict.inference.pixel_range import found_range
from tests.make_models import pixels
from tests.make_scaling_models import SHAPE
from tests.notices import heard

TOLERANCE = 1e-5
# One step of an output of 8 bits is 1/256; a few are lost within the network.
TOLERANCE_OF_8_BITS = 0.05


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models of `tests.make_scaling_models`."""
    folder = tmp_path_factory.mktemp("scaling")
    command = [sys.executable, "-m", "tests.make_scaling_models", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def expected(models: Path) -> Mapping[str, NDArray[Any]]:
    """TensorFlow's own answers, by the model's file name."""
    with np.load(models / "expected.npz") as answers:
        return dict(answers)


def load(path: Path, cache: Path) -> tuple[Model, list[str]]:
    with heard() as notices:
        return load_model(path, engine=EngineName.AUTO, cache=cache), notices


@pytest.mark.parametrize(
    ("name", "scale", "reason", "tolerance"),
    [
        ("nested.keras", "0..255", Reason.LAYER, TOLERANCE),
        ("adapted.h5", "0..255", Reason.LAYER, TOLERANCE),
        ("remembering.keras", "0..255", Reason.LAYER, TOLERANCE),
        ("unit.keras", "0..1", Reason.LAYER, TOLERANCE),
        ("caffe", "0..255", Reason.LAYER, TOLERANCE),
        ("kept.tflite", "0..255", Reason.LAYER, TOLERANCE),
        ("folded.tflite", "0..255", Reason.LAYER, TOLERANCE),
        ("plain.tflite", "0..1", Reason.DEFAULT, TOLERANCE),
        ("calibrated.tflite", "-1..1", Reason.LAYER, TOLERANCE_OF_8_BITS),
        ("minus_128.tflite", "minus 128", Reason.CONVENTION, TOLERANCE_OF_8_BITS),
        ("pixel.tflite", "as they are", Reason.CONVENTION, TOLERANCE_OF_8_BITS),
    ],
)
def test_a_model_gets_the_pixels_it_wants_without_a_word(
    models: Path,
    expected: Mapping[str, NDArray[Any]],
    tmp_path: Path,
    name: str,
    scale: str,
    reason: Reason,
    tolerance: float,
) -> None:
    model, notices = load(models / name, tmp_path)
    choice = next(one for one in model.choices if one.what == "scale")
    assert (choice.value, choice.reason) == (scale, reason)
    np.testing.assert_allclose(model.outputs(pixels(*SHAPE)), expected[name], rtol=0, atol=tolerance)
    assert notices[-1].startswith(f"{name}: pixels {scale} (")
    recorded = model.identity.description["choices"]
    assert {"what", "value", "reason", "detail"} == set(recorded[0])
    again, said = load(models / name, tmp_path)
    assert (said, again.choices, again.identity) == ([], model.choices, model.identity)


def test_what_larger_models_do_inside_is_found_at_any_depth(models: Path) -> None:
    ranges = {
        name: found.scale if (found := found_range(Evidence.from_json(one), 5)) else None
        for name, one in json.loads((models / "evidence.json").read_text()).items()
    }
    inside = ("EfficientNetB0", "MobileNetV3Small", "ConvNeXtTiny")
    assert ranges == {
        **dict.fromkeys(inside, "0..255"),
        **dict.fromkeys((f"{name} within another" for name in inside), "0..255"),
        "MobileNetV3Small of Keras 2, saved": "0..255",
        "MobileNetV2": None,
        "MobileNetV2 within another": None,
    }
