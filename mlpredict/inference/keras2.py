"""Files of Keras 1 and 2, read by tf-keras: the Keras 2 that is still kept up beside Keras 3.

Keras 3 reads about half of them. Where both do, they answer alike to 1e-4.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from mlpredict.errors import ModelError
from mlpredict.inference.keras_file import configs, kind_of, links_out_of, objects_in
from mlpredict.inference.keras_operations import GRAPH_LAYER, SYMBOL_LAYERS
from mlpredict.inference.trust import EXPORT_THERE

WEIGHTS = "model.weights.h5"
# What stands for a class in a configuration and is none, and what Keras 2 saves without exporting it.
_OTHER_KINDS = """
AddLoss AddMetric BatchNormalizationV1 BatchNormalizationV2 CompositeTensor CustomScaleLayer Functional
GRUCellV1 GRUCellV2 GRUV1 GRUV2 LSTMCellV1 LSTMCellV2 LSTMV1 LSTMV2 Model Policy PolicyV1 Sequential
TensorShape TypeSpec __bytes__ __ellipsis__ __lambda__ __numpy__ __tensor__ __tuple__ __typespec__
function
"""
OTHER_KINDS = frozenset(_OTHER_KINDS.split()) | {GRAPH_LAYER, *SYMBOL_LAYERS}

FUNCTIONS_OF = frozenset({"builtins", "keras.activations", "keras.src.activations", "tf_keras.activations"})
"""Where the functions are that a configuration may name: builtins stands for Keras' own."""

NOT_FOR_MODELS = frozenset({"DenseFeatures", "deserialize", "get", "serialize"})
"""Exported, and not for a model of images."""


def load_with_tf_keras(path: Path, where: str, *, trusted: bool) -> Any:
    """A Keras 2 model, not compiled; `path` ends in `.keras` or `.h5`, whichever it is.

    Raises:
        ModelError: it has classes that are no part of Keras 2.
        Exception: whatever tf-keras raises on a file that it cannot read.
    """
    import tf_keras

    if not trusted:
        _check_classes(path, where, tf_keras)
    with tf_keras.utils.custom_object_scope(_known_objects(tf_keras, trusted=trusted)):
        if path.suffix == ".keras":
            return _load_archive(path, where, trusted=trusted)
        return tf_keras.models.load_model(str(path), compile=False)


def _check_classes(path: Path, where: str, tf_keras: Any) -> None:
    """Raise ModelError for a class that Keras 2 does not export.

    Keras 2 looks a class up among everything that its own modules hold, which is more than classes,
    and calls what it finds with what the file says.
    """
    exported = {*vars(tf_keras.layers), *vars(tf_keras.initializers), *vars(tf_keras.regularizers)}
    exported |= {*vars(tf_keras.constraints), *_known_objects(tf_keras, trusted=False)}
    allowed = {name for name in exported if not name.startswith("_")} - NOT_FOR_MODELS | OTHER_KINDS
    for described in (one for config in configs(path) for one in objects_in(config)):
        kind = kind_of(described)
        if kind not in allowed:
            raise ModelError(
                f"{where}: needs {described['class_name']}, which is no part of Keras", hint=EXPORT_THERE
            )
        module = str(described.get("module") or "builtins")
        if kind == "function" and module not in FUNCTIONS_OF:
            function = f"the function {described.get('config')} of {module}"
            raise ModelError(f"{where}: needs {function}, which is no part of Keras", hint=EXPORT_THERE)


def _known_objects(tf_keras: Any, *, trusted: bool) -> dict[str, Any]:
    """What widespread models name beside Keras' own classes; it has one meaning wherever it is found."""
    import numpy as np
    import tensorflow as tf

    known = {
        # keras.applications' MobileNet of Keras 2.0 and 2.1.
        "relu6": tf.nn.relu6,
        # What `activation=tf.nn.…` is saved as.
        "leaky_relu": tf.nn.leaky_relu,
        "log_softmax": tf.nn.log_softmax,
        "log_softmax_v2": tf.nn.log_softmax,
        "silu": tf.nn.silu,
        "softmax_v2": tf.nn.softmax,
        "swish": tf.nn.silu,
        # MobileNetV3 and EfficientNet outside of Keras; dropping out does nothing to an answer.
        "hard_swish": lambda x: x * tf.nn.relu6(x + 3) / 6,
        "FixedDropout": tf_keras.layers.Dropout,
    }
    if trusted:
        # What the code of Lambda layers calls these modules.
        modules = {"K": tf_keras.backend, "keras": tf_keras, "np": np, "numpy": np, "tf": tf}
        known |= {**modules, "tensorflow": tf, "backend": tf_keras.backend}
    return known


def _load_archive(path: Path, where: str, *, trusted: bool) -> Any:
    import tf_keras

    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if WEIGHTS not in names:
            # Keras 2 would take pickled weights instead, which are a program.
            raise ModelError(f"{where}: has no {WEIGHTS}", hint="save the whole model: model.save(…)")
        with archive.open(WEIGHTS) as weights:
            if (other := links_out_of(weights)) and not trusted:
                raise ModelError(f"{where}: takes weights from another file, {other}")
        from mlpredict.inference.keras2_archive import is_of_2_12_to_2_14, load_2_12_to_2_14

        if is_of_2_12_to_2_14(archive):
            return load_2_12_to_2_14(archive, trusted=trusted)
    return tf_keras.models.load_model(str(path), compile=False, safe_mode=not trusted)
