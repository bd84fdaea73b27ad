"""A model in TensorFlow: loaded from any format, run, and exported for conversion."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpredict.errors import ModelError
from mlpredict.inference.signature import Signature, TensorSpec, natural_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNATURE_KEYS = ("serving_default", "serve")


class ReferenceModel:
    """What TensorFlow makes of a model; its answers are what every other engine is measured by."""

    def __init__(
        self,
        signature: Signature,
        call: Callable[[Any], list[Any]],
        export: Callable[[Path], tuple[Path, str]],
    ) -> None:
        self.signature = signature
        self._call = call
        self._export = export

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs for one batch, in the signature's order."""
        return [output.numpy() for output in self._call(tensor)]

    def export(self, folder: Path) -> tuple[Path, str]:
        """The model as a SavedModel and its signature's key; written below `folder` if need be."""
        return self._export(folder)


def load_reference(path: Path, where: str) -> ReferenceModel:
    """Load a SavedModel folder, or a `.keras` or `.h5` file.

    Raises:
        ModelError: TensorFlow cannot load it, or it has no signature to serve.
    """
    _choose_quiet_tensorflow()
    try:
        return _load_saved_model(path, where) if path.is_dir() else _load_keras(path)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{where}: TensorFlow cannot load it: {_reason(error)}") from error


def _choose_quiet_tensorflow() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _load_saved_model(path: Path, where: str) -> ReferenceModel:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    keys = list(loaded.signatures)
    if not keys:
        raise ModelError(f"{where}: the SavedModel has no signatures", hint="save it with model.export(…)")
    key = next((known for known in SIGNATURE_KEYS if known in keys), keys[0])
    function = loaded.signatures[key]
    inputs = tuple(
        _tensor_spec(name, tensor) for name, tensor in function.structured_input_signature[1].items()
    )
    names = natural_order(list(function.structured_outputs))
    outputs = tuple(_tensor_spec(name, function.structured_outputs[name]) for name in names)

    def call(tensor: Any) -> list[Any]:
        # `loaded` owns the variables: the function alone would let them be collected.
        answer = loaded.signatures[key](**{inputs[0].name: tf.constant(tensor)})
        return [answer[name] for name in names]

    return ReferenceModel(Signature(inputs, outputs), call, lambda _folder: (path, key))


def _load_keras(path: Path) -> ReferenceModel:
    import tensorflow as tf

    model: Any = tf.keras.models.load_model(str(path), compile=False)
    inputs = tuple(_tensor_spec(tensor.name, tensor) for tensor in model.inputs)
    outputs = tuple(_tensor_spec(f"output_{n}", tensor) for n, tensor in enumerate(model.outputs))
    input_signature = [tf.TensorSpec(spec.shape, spec.dtype, name=spec.name) for spec in inputs]

    def answer_by_name(*tensors: Any) -> Any:
        # Augmentation layers such as RandomFlip act at inference too, unless they are told not to.
        answer = model(tensors[0] if len(tensors) == 1 else list(tensors), training=False)
        return {f"output_{n}": tensor for n, tensor in enumerate(tf.nest.flatten(answer))}

    serve = tf.function(answer_by_name, input_signature=input_signature)

    def call(tensor: Any) -> list[Any]:
        answer = serve(tf.constant(tensor))
        return [answer[spec.name] for spec in outputs]

    def export(folder: Path) -> tuple[Path, str]:
        target = folder / "saved_model"
        archive = tf.keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(SIGNATURE_KEYS[1], answer_by_name, input_signature=input_signature)
        archive.write_out(str(target), verbose=False)
        return target, SIGNATURE_KEYS[0]

    return ReferenceModel(Signature(inputs, outputs), call, export)


def _tensor_spec(name: str, tensor: Any) -> TensorSpec:
    shape = _known_shape(tensor.shape)
    dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
    return TensorSpec(name, shape, dtype)


def _known_shape(shape: Any) -> tuple[int | None, ...]:
    """TensorFlow's shape as a tuple; empty where not even the rank is known."""
    return () if getattr(shape, "rank", 0) is None else tuple(shape)


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())
    if "Lambda" in words and "unsafe" in words.lower():
        return "it has a Lambda layer, which would run code from the file"
    if "tf_keras" in words or "from keras.src.legacy" in words or "Could not deserialize class" in words:
        return "it was saved by Keras 2 or needs custom code; save it as .h5 or SavedModel"
    sentence = words.partition(". ")[0]
    return sentence[:300] or type(error).__name__
