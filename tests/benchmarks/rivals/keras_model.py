"""Loading a model into Keras, be it a SavedModel folder or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

DIGIT = (28, 28, 1)


def load(path: str) -> Any:
    """A Keras model; Keras 3 takes a SavedModel (here the bundled digit model) only as a layer."""
    if not Path(path).is_dir():
        return keras.models.load_model(path)
    image = keras.Input(DIGIT)
    outputs = keras.layers.TFSMLayer(path, call_endpoint="serving_default")(image)
    return keras.Model(image, next(iter(outputs.values())))
