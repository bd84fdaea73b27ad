"""Files that Keras 3 reads, and which of its classes they may name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlpredict.errors import ModelError
from mlpredict.inference.keras_file import configs, objects_in
from mlpredict.inference.trust import EXPORT_THERE

PUBLIC = ("layers", "models", "initializers", "regularizers", "constraints", "dtype_policies", "quantizers")
"""The modules of Keras whose classes a model is made of; `keras` itself has some of them as well."""

FUNCTIONS_OF = frozenset({"builtins", "keras.activations", "keras.src.activations.activations"})
"""Where the functions are that a configuration may name: builtins stands for Keras' own."""

_VALUES = """
__bytes__ __complex__ __ellipsis__ __keras_tensor__ __lambda__ __numpy__ __slice__ __tensor__
__tuple__ __typespec__
"""
STANDING_FOR_VALUES = frozenset(_VALUES.split())
"""What stands for a class in a configuration and is none; a lambda is looked for elsewhere."""

OLDER_NAMES = frozenset(
    {"BatchNormalizationV1", "BatchNormalizationV2", "Functional", "GRUV2", "LSTMV2", "Policy"}
)
"""What files without modules call classes that have other names by now, or are not exported."""


def load_with_keras_3(path: Path, where: str, *, trusted: bool) -> Any:
    """A Keras 3 model, not compiled; `path` ends in `.keras` or `.h5`, whichever it is.

    Raises:
        ModelError: it names what is no part of Keras.
        Exception: whatever Keras raises on a file that it cannot read.
    """
    import keras

    if not trusted:
        for described in (one for config in configs(path) for one in objects_in(config)):
            _check(described, where)
    return keras.models.load_model(str(path), compile=False, safe_mode=not trusted)


def _check(described: Mapping[str, Any], where: str) -> None:
    """Raise ModelError for what Keras does not export, or exports for other purposes than models.

    Keras looks a name up below its module, dots and all: `layers.Lambda` of `keras` is a Lambda layer
    that its own check has never seen.
    """
    name, module = str(described["class_name"]), described.get("module")
    if name == "function":
        if module not in FUNCTIONS_OF or not str(described.get("config")).isidentifier():
            function = f"the function {described.get('config')} of {module}"
            raise ModelError(f"{where}: needs {function}, which is no part of Keras", hint=EXPORT_THERE)
        return
    if name in STANDING_FOR_VALUES:
        return
    if not name.isidentifier() or not _is_part_of_models(name, module):
        whole = name if module in (None, "builtins") else f"{module}.{name}"
        raise ModelError(f"{where}: needs {whole}, which is no part of Keras", hint=EXPORT_THERE)


def _is_part_of_models(name: str, module: object) -> bool:
    import keras

    if module is None:
        return name in OLDER_NAMES or any(hasattr(getattr(keras, public), name) for public in PUBLIC)
    if module in ("keras", *(f"keras.{public}" for public in PUBLIC)):
        found = getattr(importlib.import_module(str(module)), name, None)
    elif isinstance(module, str) and module.startswith("keras.src."):
        try:
            found = vars(importlib.import_module(module)).get(name)
        except ModuleNotFoundError:
            return False
    else:
        return False
    return isinstance(found, type) and issubclass(found, _kinds())


def _kinds() -> tuple[type, ...]:
    """What a model consists of."""
    import keras

    kinds = [keras.Operation, keras.Initializer, keras.Regularizer, keras.KerasTensor, keras.Quantizer]
    return (*kinds, keras.constraints.Constraint, keras.DTypePolicy, keras.dtype_policies.DTypePolicyMap)
