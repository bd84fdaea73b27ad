"""Models that scale their input themselves: `python -m tests.make_scaling_models FOLDER`.

A process of its own, like `tests.make_models`. TensorFlow's answers to the pixels of `make_models.pixels` go
to `expected.npz`, by the model's file name; what the graphs of larger models tell goes to `evidence.json`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.make_models import SEED, flatbuffer, pixels

SHAPE = (16, 16, 3)
APPLICATIONS = ("EfficientNetB0", "MobileNetV3Small", "ConvNeXtTiny", "MobileNetV2")
MEAN, DEVIATION = (124.0, 116.0, 104.0), (58.0, 57.0, 57.0)


def main(folder: Path) -> None:
    """Write all models, their answers, and the evidence of those that take long to compile."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    keras.utils.set_random_seed(SEED)
    expected: dict[str, NDArray[Any]] = {}
    keras_files(folder, expected)
    saved_model(folder, expected)
    flatbuffers(folder, expected)
    np.savez(folder / "expected.npz", **expected)  # type: ignore[arg-type]
    (folder / "evidence.json").write_text(json.dumps(applications(folder)))


def head(layers: Any) -> list[Any]:
    """A small classifier."""
    return [layers.Conv2D(8, 3, 2, "same", activation="relu"), layers.Flatten(), layers.Dense(4, "softmax")]


def keras_files(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    import keras
    from keras import layers

    raw = pixels(*SHAPE).astype(np.float32)
    normalised = layers.Normalization(mean=MEAN, variance=np.square(DEVIATION))
    inner = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1.0), normalised, *head(layers)])
    nested = keras.Sequential([keras.Input(SHAPE), layers.RandomFlip(), inner])
    adapted, to_unit = layers.Normalization(), layers.Normalization()
    adapted.adapt(raw)
    to_unit.adapt(raw / np.float32(255))
    remembering = keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(16, 3), layers.BatchNormalization(), *head(layers)]
    )
    seen = np.asarray(remembering.layers[0](raw))
    gamma, beta = np.ones(16), np.zeros(16)
    remembering.layers[1].set_weights([gamma, beta, seen.mean((0, 1, 2)), seen.var((0, 1, 2))])
    models = {
        "nested.keras": nested,
        "adapted.h5": keras.Sequential([keras.Input(SHAPE), adapted, *head(layers)]),
        "remembering.keras": remembering,
    }
    for name, model in models.items():
        model.save(folder / name)
        expected[name] = model(raw, training=False).numpy()
    unit = keras.Sequential([keras.Input(SHAPE), to_unit, *head(layers)])
    unit.save(folder / "unit.keras")
    expected["unit.keras"] = unit(raw / np.float32(255), training=False).numpy()


def saved_model(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    """As TensorFlow 2.x saved it, with Keras' own function for what Caffe's networks took."""
    import tf_keras

    entrance = tf_keras.Input(SHAPE)
    layers = tf_keras.layers
    made = tf_keras.applications.resnet50.preprocess_input(entrance)
    for layer in head(layers):
        made = layer(made)
    model = tf_keras.Model(entrance, made)
    model.save(folder / "caffe", save_format="tf")
    expected["caffe"] = model(pixels(*SHAPE).astype(np.float32), training=False).numpy()


def flatbuffers(folder: Path, expected: dict[str, NDArray[Any]]) -> None:
    import keras
    import tensorflow as tf
    from keras import layers

    raw = pixels(*SHAPE).astype(np.float32)
    kept = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 127.5, -1), *head(layers)])
    folded = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255), *head(layers)])
    plain = keras.Sequential([keras.Input(SHAPE), *head(layers)])
    for name, model in {"kept.tflite": kept, "folded.tflite": folded, "plain.tflite": plain}.items():
        flatbuffer(model, folder / name)
        expected[name] = model(raw if name != "plain.tflite" else raw / np.float32(255)).numpy()
    unit = raw / np.float32(127.5) - 1
    for name, dtype in {
        "calibrated.tflite": tf.float32,
        "minus_128.tflite": tf.int8,
        "pixel.tflite": tf.uint8,
    }.items():
        (folder / name).write_bytes(quantised(plain, unit, dtype))
        expected[name] = plain(unit).numpy()


def quantised(model: Any, calibration: NDArray[np.float32], dtype: Any) -> bytes:
    """A model in 8 bits, calibrated with such inputs, that takes and gives a dtype."""
    import tensorflow as tf

    with TemporaryDirectory() as saved:
        model.export(saved, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = dtype
        flatbuffer_of_8_bits: bytes = converter.convert()
    return flatbuffer_of_8_bits


def applications(folder: Path) -> dict[str, Any]:
    import keras
    import tensorflow as tf
    import tf_keras

    from mlpredict.inference.tensorflow_graph import function_evidence

    found = {}
    for name in APPLICATIONS:
        made = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=5)
        found[name] = made
        found[f"{name} within another"] = keras.Sequential([keras.Input((64, 64, 3)), made])
    evidence = {name: _traced(tf, model, function_evidence) for name, model in found.items()}
    old = tf_keras.applications.MobileNetV3Small(weights=None, input_shape=(64, 64, 3), classes=5)
    old.save(folder / "mobilenet_v3", save_format="tf")
    served = tf.saved_model.load(str(folder / "mobilenet_v3")).signatures["serving_default"]
    evidence["MobileNetV3Small of Keras 2, saved"] = function_evidence(served, ["predictions"]).to_json()
    return evidence


def _traced(tf: Any, model: Any, evidence_of: Any) -> Any:
    serve = tf.function(
        lambda image: {"output_0": model(image, training=False)},
        input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)],
    )
    return evidence_of(serve.get_concrete_function(), ["output_0"]).to_json()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
