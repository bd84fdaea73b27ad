"""Whether loading or running a `.keras` or `.h5` file does more than compute, before it is loaded.

Keras refuses most of this itself. It is looked for all the same: what Keras minds has changed from one
version to the next. Which classes may be named at all, `keras2` and `keras3` decide; SavedModels are looked
through in `graph_trust`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from mlpredict.errors import ModelError
from mlpredict.inference.keras_file import configs, kind_of, links_out_of, objects_in
from mlpredict.inference.keras_operations import forbidden_operation
from mlpredict.inference.lambda_code import codes_in, is_ours, looks_like_ours, this_python

HINT = "--unsafe-model runs it all the same"
EXPORT = "export it as a SavedModel: model.export(…)"
EXPORT_THERE = (
    "in the environment that it was made in, export it as a SavedModel: "
    "model.export(…), or tf.saved_model.save(model, …)"
)
CODE_IN_KERAS = {
    "Lambda": "has a Lambda layer, which would run code from the file",
    "__lambda__": "has a Python lambda, which would run code from the file",
    "TorchModuleWrapper": "has a pickled Torch module, which would run code from the file",
    "TFSMLayer": "has a TFSMLayer, which would load another model",
    "ClassMethod": "has a layer that would call any method of TensorFlow",
    "InstanceMethod": "has a layer that would call any method of a tensor",
    "InstanceProperty": "has a layer that would read any property of a tensor",
}
KERAS_PACKAGES = frozenset(
    {"builtins", "keras", "keras_cv", "keras_hub", "keras_nlp", "tensorflow", "tf_keras"}
)


def danger_in_keras(path: Path, *, trusted: bool = False) -> str | None:
    """What a `.keras` or `.h5` file would do beside computing, in words that follow its name.

    None stands for nothing. What cannot be read is no danger: it cannot be loaded either.
    Of a `trusted` file, code is looked into more closely.

    Raises:
        ModelError: its description is too large to be one, asks for what is no part of Keras, or has
            code that this Python cannot run.
    """
    described = chain.from_iterable(map(objects_in, configs(path)))
    dangers = [found for one in described if (found := _in_object(one, path, trusted=trusted))]
    if other := links_out_of(path):
        dangers.append(f"takes weights from another file, {other}")
    return dangers[0] if dangers else None


class Untrusted(ModelError):
    """The model would do more than compute, and nobody has said that it is trusted."""


def require_trust(found: str | None, where: str, *, trusted: bool) -> None:
    """Refuse a dangerous model that nobody has said to be trusted.

    Raises:
        Untrusted: the model is one.
    """
    if found is not None and not trusted:
        raise Untrusted(f"{where}: {found}", hint=HINT)


def _in_object(described: Mapping[str, Any], path: Path, *, trusted: bool) -> str | None:
    # Keras looks up what is behind a dot as well.
    kind, module = kind_of(described).rpartition(".")[2], described.get("module")
    if isinstance(module, str) and module.partition(".")[0] not in KERAS_PACKAGES:
        raise ModelError(f"{path}: needs {module} for its {kind}, which is no part of Keras", hint=EXPORT)
    _check_code(described, kind, path, trusted=trusted)
    if operation := forbidden_operation(kind, described):
        return f"has the operation {operation}, which reaches beyond the model"
    config = described.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("vocabulary"), str):
        return f"has a {kind} layer that would read another file, {config['vocabulary']}"
    return CODE_IN_KERAS.get(kind)


def _check_code(described: Mapping[str, Any], kind: str, path: Path, *, trusted: bool) -> None:
    """Code in a file is worth trusting only if it can be run."""
    config = described.get("config")
    if kind == "Lambda" and isinstance(config, Mapping) and config.get("function_type") == "function":
        raise ModelError(
            f"{path}: has a Lambda layer with the function {config.get('function')}, "
            "which is not in the file",
            hint=EXPORT_THERE,
        )
    runs = is_ours if trusted else looks_like_ours
    if kind in ("Lambda", "__lambda__") and not all(map(runs, codes_in(described))):
        raise ModelError(
            f"{path}: has a Lambda layer whose code was saved by another Python, "
            f"and this one, {this_python()}, cannot run it",
            hint=EXPORT_THERE,
        )
