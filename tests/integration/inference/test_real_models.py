"""Models that people have published, with the numbers that an independent reference gives for an image.

The models lie outside the checkout, with their sources and licences: in `../shared/data/models`, or in
the folder `models` of `MLPREDICT_TEST_DATA`.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpredict.domain import EngineName
from mlpredict.errors import ModelError
from mlpredict.inference.model import load_model
from mlpredict.pipeline.predicting import examples

DATA = Path(os.environ.get("MLPREDICT_TEST_DATA") or Path(__file__).parents[3] / "../shared/data") / "models"
pytestmark = pytest.mark.skipif(
    not (DATA / "expected.json").is_file(),
    reason=f"no real models in {DATA}: set MLPREDICT_TEST_DATA to the folder around them",
)

# What each model is told by a mlpredict.toml, where its own file does not tell enough.
PREPROCESSING = {
    "tm_waste_keras240.h5": "",
    "mnist_resnet_tfoplambda.h5": "",
    "cifar10_resnet_keras240.h5": "",
    "cifar10_resnet_int8.tflite": "",
    "age_regression.tflite": 'resize = "bilinear"',
    "lstm_mnist_fixedbatch_u8.tflite": 'resize = "lanczos"',
    "mobilenet_v1_025_fixedbatch_u8.tflite": 'resize = "lanczos"',
    "inat_bird_u8.tflite": 'resize = "lanczos"',
    "emotion_keras205.hdf5": 'resize = "opencv-linear"',
}
# What lies beside a model in the export that it comes from, and has another name in the folder.
LABELS = {"tm_waste_keras240.h5": "tm_waste_labels.txt"}
TOLERANCE = 1e-5
REFUSED = {
    "car_keras121_lambda.h5": "has a Lambda layer whose code was saved by another Python, and this one, ",
    "person_detect_quantdim.tflite": "LiteRT cannot run it: quantized_dimension must be in range [0, 1)."
    " Was 3 (Tensor 33 has invalid quantization parameters)",
}


def expectations() -> dict[str, list[dict[str, Any]]]:
    if not (DATA / "expected.json").is_file():
        return {}
    expected: dict[str, list[dict[str, Any]]] = json.loads((DATA / "expected.json").read_text())
    return expected


def test_every_model_is_in_the_table() -> None:
    models = {path.name for path in DATA.iterdir() if path.suffix in (".h5", ".hdf5", ".keras", ".tflite")}
    assert models == {*PREPROCESSING, *REFUSED}


@pytest.mark.parametrize("name", PREPROCESSING)
def test_the_model_gives_the_reference_s_numbers(cache_home: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(DATA / name, tmp_path)
    if PREPROCESSING[name]:
        (tmp_path / name).with_suffix(".mlpredict.toml").write_text(PREPROCESSING[name])
    if name in LABELS:
        shutil.copy(DATA / LABELS[name], tmp_path / "labels.txt")
    model = load_model(tmp_path / name, engine=EngineName.LITERT, cache=cache_home)
    for expected in expectations()[name]:
        (output,) = model.outputs(examples([str(DATA / expected["image"])], model.spec))
        assert output.shape == (expected["size"],)
        assert output.argmax() == expected["argmax"]
        assert output.max() == pytest.approx(expected["max"], abs=TOLERANCE)
        if expected["prediction"] is not None:
            np.testing.assert_allclose(output, expected["prediction"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_says_why_on_one_line(cache_home: Path, name: str, trusted: bool) -> None:
    with pytest.raises(ModelError) as raised:
        load_model(DATA / name, engine=EngineName.AUTO, cache=cache_home, trusted=trusted)
    assert raised.value.message.startswith(f"{DATA / name}: {REFUSED[name]}")
    assert len(raised.value.message) < 300
