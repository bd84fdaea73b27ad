"""The networks of keras.applications in each format: they load, and get the pixels they want.

They have random weights, which tell nothing of how they were trained: those that scale inside are right
without a word, and the others with the one line that names their mode of `preprocess_input`. With `-s` a row
is printed for each: the line, the difference from Keras with its own `preprocess_input`, and how far it would
be off with pixels of 0..1.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mlpredict.domain import EngineName
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Reason
from mlpredict.inference.model import load_model
from tests.make_applications import USUAL_SIDE, images

TOLERANCE = 1e-4

MODES = {
    "MobileNetV2": "tf",
    "MobileNetV3Small": None,
    "ResNet50": "caffe",
    "VGG16": "caffe",
    "EfficientNetB0": None,
    "DenseNet121": "torch",
    "InceptionV3": "tf",
    "NASNetMobile": "tf",
    "ConvNeXtTiny": None,
    "Xception": "tf",
}
"""The line that each needs; None for those that scale inside."""


UNREADABLE = {"ConvNeXtTiny": "needs LayerScale", "MobileNetV3Small": "passed as positional arguments"}
"""What Keras 3 writes as HDF5 and does not read itself, and what is said of it."""


@pytest.mark.slow
@pytest.mark.parametrize("name", MODES)
def test_a_network_in_each_format(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.make_applications", tmp_path, name], check=True, capture_output=True
    )
    expected, unscaled = np.load(tmp_path / "expected.npy"), np.load(tmp_path / "unscaled.npy")
    # Else a wrong preprocessing would not be seen.
    assert np.abs(expected - unscaled).max() > 10 * TOLERANCE
    for suffix in (".keras", ".h5", ""):
        path = tmp_path / f"{name}{suffix}"
        if (mode := MODES[name]) is not None:
            place = tmp_path / f"{name}.mlpredict.toml" if suffix else path / "assets.extra/mlpredict.toml"
            place.parent.mkdir(exist_ok=True)
            place.write_text(f'preprocess = "{mode}"\n')
        if suffix == ".h5" and name in UNREADABLE:
            with pytest.raises(ModelError, match=UNREADABLE[name]):
                load_model(path, engine=EngineName.AUTO, cache=tmp_path / "cache")
            continue
        started = time.monotonic()
        model = load_model(path, engine=EngineName.AUTO, cache=tmp_path / "cache")
        seconds = time.monotonic() - started
        scale = next(one for one in model.choices if one.what == "scale")
        assert scale.reason is (Reason.LAYER if mode is None else Reason.FILE)
        pixels = images(model.spec.height or USUAL_SIDE)
        outputs = np.concatenate([model.outputs(image[None]) for image in pixels])
        difference = np.abs(outputs - expected).max()
        wrong = np.abs(unscaled - expected).max()
        kind, line = suffix or "SavedModel", "none" if mode is None else f'preprocess = "{mode}"'
        row = [name, kind, model.engine.name, line, f"{difference:.1e}", f"{wrong:.1e}", f"{seconds:.0f} s"]
        with capsys.disabled():
            sys.stdout.write(f"\n| {' | '.join(row)} |")
        assert difference < TOLERANCE
        shutil.rmtree(path) if path.is_dir() else path.unlink()
