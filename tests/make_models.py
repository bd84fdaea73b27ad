"""Small models in every format, with TensorFlow's own answers: `python -m tests.make_models FOLDER`.

A process of its own, as TensorFlow is slow to import and would stay in the tests' memory. The
answers go to `expected.npz`, by the model's file name, for the pixels that `pixels` gives.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = 7
IMAGES = 5


def pixels(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """The same noise every time: uint8 of shape (images, height, width, channels)."""
    return np.random.default_rng(SEED).integers(0, 256, (IMAGES, height, width, channels), np.uint8)


def main(folder: Path) -> None:
    """Write all models and their answers."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    keras.utils.set_random_seed(SEED)
    expected: dict[str, NDArray[Any]] = {}
    for make in (grey, colour, heads, odd_ones, no_images, refused, published, flatbuffers):
        make(folder, expected)
    np.savez(folder / "expected.npz", **expected)  # type: ignore[arg-type]


def grey(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    import keras
    from keras import layers

    model = keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10, "softmax")]
    )
    model.export(folder / "grey", verbose=False)
    model.save(folder / "grey.keras")
    model.save(folder / "grey.h5")
    for name in ("grey", "grey.keras", "grey.h5"):
        expected[name] = model(pixels(28, 28, 1) / np.float32(255), training=False).numpy()


def colour(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((16, 24, 3)),
            layers.RandomFlip(),
            layers.Rescaling(2.0, offset=-1),
            layers.Conv2D(4, 3, 2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    model.save(folder / "logits.keras")
    expected["logits.keras"] = model(pixels(16, 24, 3) / np.float32(255), training=False).numpy()
    sidecar = 'name = "pets"\nlabels = "labels.txt"\nactivation = "none"\n'
    (folder / "logits.mlpredict.toml").write_text(sidecar)
    (folder / "labels.txt").write_text("cat\ndog\nmouse\n")


def heads(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    import keras
    from keras import layers

    kinds: dict[str, Callable[[Any], Any]] = {
        "binary.tflite": lambda x: layers.Dense(1, "sigmoid")(layers.Flatten()(x)),
        "regression.tflite": lambda x: layers.Dense(1)(layers.Flatten()(x)),
        "raw.tflite": lambda x: layers.Conv2D(2, 3)(x),
        "two_outputs.tflite": lambda x: [layers.Dense(n, "softmax")(layers.Flatten()(x)) for n in (2, 5)],
    }
    for name, head in kinds.items():
        entrance = keras.Input((8, 8, 1))
        model = keras.Model(entrance, head(entrance))
        flatbuffer(model, folder / name)
        answer = model(pixels(8, 8, 1) / np.float32(255), training=False)
        expected[name] = (answer[0] if isinstance(answer, list) else answer).numpy()
    (folder / "binary.mlpredict.toml").write_text('labels = ["healthy", "ill"]\n')


def odd_ones(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    import keras
    from keras import layers

    any_size = keras.Sequential(
        [keras.Input((None, None, 3)), layers.Resizing(12, 12), layers.Flatten(), layers.Dense(4, "softmax")]
    )
    flatbuffer(any_size, folder / "any_size.tflite")
    expected["any_size.tflite"] = any_size(pixels(20, 30, 3) / np.float32(255), training=False).numpy()
    sizeless = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Conv2D(4, 5, padding="valid"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, "softmax"),
        ]
    )
    sizeless.save(folder / "sizeless.keras")
    integers = keras.Sequential(
        [
            keras.Input((8, 8, 3), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(4, "softmax"),
        ]
    )
    flatbuffer(integers, folder / "uint8.tflite")
    expected["uint8.tflite"] = integers(pixels(8, 8, 3), training=False).numpy()
    broken = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
    broken.layers[-1].set_weights([np.full((64, 3), np.nan), np.zeros(3)])
    flatbuffer(broken, folder / "nan.tflite")


def no_images(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    import keras
    from keras import layers

    vector = keras.Sequential([keras.Input((10,)), layers.Dense(2, "softmax")])
    vector.save(folder / "vector.keras")
    entrances = [keras.Input((8, 8, 1), name=name) for name in ("left", "right")]
    both = layers.Concatenate()([layers.Flatten()(entrance) for entrance in entrances])
    flatbuffer(keras.Model(entrances, layers.Dense(2, "softmax")(both)), folder / "two_inputs.tflite")


def refused(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    """LiteRT does not convert an LSTM whose batch is not fixed, and nothing can agree with chance."""
    import keras
    import tensorflow as tf
    from keras import layers

    module = tf.Module()
    serve = tf.function(
        lambda image: {"noise": tf.random.normal((tf.shape(image)[0], 3))},
        input_signature=[tf.TensorSpec((None, 8, 8, 1), tf.float32, name="image")],
    )
    tf.saved_model.save(module, folder / "random", signatures={"serving_default": serve})

    model = keras.Sequential([keras.Input((28, 28)), layers.LSTM(4), layers.Dense(10, "softmax")])
    model.save(folder / "lstm.keras")
    expected["lstm.keras"] = model(pixels(28, 28, 1)[..., 0] / np.float32(255), training=False).numpy()


def published(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    """What `model.save(folder)` of TensorFlow 2.x wrote."""
    import tf_keras

    model = tf_keras.Sequential(
        [
            tf_keras.layers.Conv2D(4, 3, input_shape=(28, 28, 1)),
            tf_keras.layers.Flatten(),
            tf_keras.layers.Dropout(0.5),
            tf_keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.save(folder / "tf2_save", save_format="tf")
    expected["tf2_save"] = model(pixels(28, 28, 1) / np.float32(255), training=False).numpy()


def flatbuffer(model: Any, path: Path) -> None:
    """Save a Keras model as LiteRT takes it, so that a test need not compile it."""
    import tensorflow as tf

    with TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def flatbuffers(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    import tensorflow as tf

    def samples() -> Any:
        for image in pixels(28, 28, 1):
            yield [image[None] / np.float32(255)]

    plain = tf.lite.TFLiteConverter.from_saved_model(str(folder / "grey")).convert()
    (folder / "plain.tflite").write_bytes(plain)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "grey"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (folder / "int8.tflite").write_bytes(converter.convert())
    expected["plain.tflite"] = expected["int8.tflite"] = expected["grey"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
