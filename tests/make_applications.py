"""One of `keras.applications` with random weights, in three formats.

`python -m tests.make_applications FOLDER NAME` is a process of its own, like `tests.make_models`. The answers
to the pixels of `images`, with Keras' own `preprocess_input` before it, go to `expected.npy`; those to pixels
of 0..1 to `unscaled.npy`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.make_models import SEED

IMAGES = 3
USUAL_SIDE = 224
"""Of the networks that take any."""
SPREAD = 2.0
"""How far the logits go apart, by their deviation, when the pixels are not prepared."""

MODULES = {
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Small": "mobilenet_v3",
    "ResNet50": "resnet",
    "VGG16": "vgg16",
    "EfficientNetB0": "efficientnet",
    "DenseNet121": "densenet",
    "InceptionV3": "inception_v3",
    "NASNetMobile": "nasnet",
    "ConvNeXtTiny": "convnext",
    "Xception": "xception",
}
"""Where the `preprocess_input` of each is."""


def images(side: int) -> NDArray[np.uint8]:
    """Images with something large in them, as photos have: uint8 of shape (images, side, side, 3)."""
    random = np.random.default_rng(SEED)
    coarse = random.integers(0, 256, (IMAGES, 7, 7, 3))
    fine = random.integers(-20, 21, (IMAGES, side, side, 3))
    places = np.arange(side) * 7 // side
    clipped: NDArray[np.uint8] = np.clip(coarse[:, places][:, :, places] + fine, 0, 255).astype(np.uint8)
    return clipped


def main(folder: Path, name: str) -> None:
    """Write the model in each format, and its answers."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    keras.utils.set_random_seed(SEED)
    model = getattr(keras.applications, name)(weights=None)
    preprocess = getattr(keras.applications, MODULES[name]).preprocess_input
    pixels = images(model.input_shape[1] or USUAL_SIDE).astype(np.float32)
    prepared, unscaled = preprocess(pixels.copy()), pixels / np.float32(255)
    _normalise(model, prepared)
    _spread(model, prepared, unscaled)
    np.save(folder / "expected.npy", model(prepared, training=False).numpy())
    np.save(folder / "unscaled.npy", model(unscaled, training=False).numpy())
    model.save(folder / f"{name}.keras")
    model.save(folder / f"{name}.h5")
    model.export(folder / name, verbose=False)


def _normalise(model: Any, prepared: NDArray[np.float32]) -> None:
    """Have normalisations know what they see: through random weights nothing would arrive at the end."""
    layers = [layer for layer in model.layers if hasattr(layer, "momentum")]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(prepared, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _spread(model: Any, prepared: NDArray[np.float32], unscaled: NDArray[np.float32]) -> None:
    """Have the last layer show how the pixels were prepared: random weights hardly do."""
    last = [layer for layer in model.layers if layer.get_weights()][-1]
    right, wrong = (_logits(model(one, training=False).numpy()) for one in (prepared, unscaled))
    kernel, bias = last.get_weights()
    factor = SPREAD / (right - wrong).std()
    last.set_weights([kernel * factor, (bias - right.mean(axis=0)) * factor])


def _logits(shares: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a softmax was made of, but for a number that is the same for all classes."""
    logarithms = np.log(shares.astype(np.float64))
    centred: NDArray[np.float64] = logarithms - logarithms.mean(axis=-1, keepdims=True)
    return centred


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
