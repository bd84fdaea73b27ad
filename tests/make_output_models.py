"""Models that say more than one class of an image: `python -m tests.make_output_models FOLDER`.

A process of its own, like `tests.make_models`. All take 8×8 grey pixels. What they answer is the same for
every image, but for the maps, in which dark pixels are of class 0 and bright ones of class 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.make_models import flatbuffer

SHAPE = (8, 8, 1)
TAGS = (2.0, -2.0, 1.0)
LOGITS = (0.2, 0.9, 0.5)
AGE = 0.3125


def main(folder: Path) -> None:
    """Write all models."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    from keras import layers

    single: dict[str, Callable[[Any], Any]] = {
        "tags": lambda x: constant(x, TAGS, "sigmoid"),
        "logits": lambda x: constant(x, LOGITS),
        "age": lambda x: constant(x, [AGE]),
        "ill": lambda x: constant(x, TAGS[:1], "sigmoid"),
        "scene": lambda x: pixelwise(x, [-20.0, 20.0, 0.0], [10.0, -10.0, -5.0], "softmax"),
        "mask": lambda x: pixelwise(x, [20.0], [-10.0], "sigmoid"),
        "huge": lambda x: layers.Conv2D(4, 1)(layers.UpSampling2D(32)(x)),
    }
    for name, head in single.items():
        entrance = keras.Input(SHAPE)
        flatbuffer(keras.Model(entrance, head(entrance)), folder / f"{name}.tflite")
    entrance = keras.Input(SHAPE)
    outputs = [
        constant(entrance, [AGE], name="age"),
        constant(entrance, np.log([0.25, 0.75]).tolist(), "softmax", name="gender"),
    ]
    keras.Model(entrance, outputs).save(folder / "people.keras")
    keras.Model(entrance, {"years": outputs[0], "kind": outputs[1]}).save(folder / "named.keras")


def constant(entrance: Any, values: Sequence[float], activation: str | None = None, name: str = "") -> Any:
    """A dense layer that gives these values before its activation, whatever it is given."""
    from keras import layers

    layer = layers.Dense(len(values), activation, name=name or None)
    answer = layer(layers.Flatten()(entrance))
    layer.set_weights([np.zeros(layer.kernel.shape), np.asarray(values)])
    return answer


def pixelwise(entrance: Any, weights: Sequence[float], biases: Sequence[float], activation: str) -> Any:
    """The same of every pixel: a number for each class."""
    from keras import layers

    layer = layers.Conv2D(len(weights), 1, activation=activation)
    answer = layer(entrance)
    layer.set_weights([np.reshape(weights, (1, 1, 1, -1)), np.asarray(biases)])
    return answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
