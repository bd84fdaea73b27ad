"""A model in TensorFlow: loaded from any format, run, and exported for conversion."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpredict.errors import ModelError
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.fixed_batch import fixed_batch, run_fixed
from mlpredict.inference.graph_trust import danger_in_saved_model
from mlpredict.inference.keras_loading import KerasLibrary, load_keras_model
from mlpredict.inference.signature import Signature, TensorSpec, natural_order
from mlpredict.inference.tensorflow_errors import why
from mlpredict.inference.tensorflow_graph import function_evidence
from mlpredict.inference.trust import danger_in_keras, require_trust

if TYPE_CHECKING:
    from numpy.typing import NDArray


SIGNATURE_KEYS = ("serving_default", "serve")
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
"""The variable by which oneDNN's loops are taken or not, which add in another order."""


@dataclass(frozen=True, slots=True)
class TensorFlowModel:
    """What TensorFlow makes of a model; its outputs are what every other engine is measured by."""

    where: str
    signature: Signature
    danger: str | None
    """What it does beside computing, where it is trusted with that."""
    call: Callable[[Any], list[Any]]
    write: Callable[[Path], tuple[Path, str]]
    evidence: Evidence
    """What its graph tells of the pixels it takes."""

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs for one batch, in the signature's order.

        Raises:
            ModelError: TensorFlow cannot run it.
        """
        images = fixed_batch(self.signature)
        try:
            return self._outputs(tensor) if images is None else run_fixed(self._outputs, tensor, images)
        except Exception as error:
            raise ModelError(f"{self.where}: TensorFlow cannot run it: {why(error)}") from error

    def _outputs(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        return [_as_numpy(output) for output in self.call(tensor)]

    def export(self, folder: Path) -> tuple[Path, str]:
        """The model as a SavedModel and its signature's key; written below `folder` if need be."""
        return self.write(folder)


def load_tensorflow_model(path: Path, where: str, *, trusted: bool) -> TensorFlowModel:
    """Load a SavedModel folder, or a `.keras` or `.h5` file.

    One that would do more than compute is loaded only if it is `trusted`.

    Raises:
        ModelError: TensorFlow cannot load it, it has no signature to serve, or it is not trusted.
    """
    _choose_quiet_tensorflow()
    try:
        with _no_settings_written():
            return _load(path, where, trusted=trusted)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{where}: TensorFlow cannot load it: {why(error)}") from error


def tensorflow_facts() -> dict[str, Any]:
    """The version of TensorFlow, what it may compute on, and whether oneDNN was chosen or not."""
    import tensorflow as tf

    devices = sorted({device.device_type for device in tf.config.list_physical_devices()})
    chosen = os.environ.get(ONEDNN)
    facts = {"tensorflow": tf.__version__, "devices": devices}
    return facts if chosen is None else {**facts, "onednn": chosen}


def _load(path: Path, where: str, *, trusted: bool) -> TensorFlowModel:
    danger = _danger_in_saved_model(path) if path.is_dir() else danger_in_keras(path, trusted=trusted)
    require_trust(danger, where, trusted=trusted)
    return _load_saved_model(path, where, danger) if path.is_dir() else _load_keras(path, where, danger)


@contextmanager
def _no_settings_written() -> Iterator[None]:
    """Keras writes `~/.keras/keras.json` when it is imported, where there is none: not for our sake."""
    settings = os.path.join(os.path.expanduser("~"), ".keras", "keras.json")
    if "KERAS_HOME" in os.environ or os.path.exists(settings):
        yield
        return
    os.environ["KERAS_HOME"] = os.devnull
    try:
        yield
    finally:
        del os.environ["KERAS_HOME"]


def _choose_quiet_tensorflow() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Whatever else it is used with on this machine.
    os.environ["KERAS_BACKEND"] = "tensorflow"


def _danger_in_saved_model(folder: Path) -> str | None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    if (folder / "saved_model.cpb").exists():
        # Some of TensorFlow's loaders may take it instead.
        return "has a second graph in saved_model.cpb, which is not looked at"
    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    return danger_in_saved_model(folder, saved.meta_graphs)


def _load_saved_model(path: Path, where: str, danger: str | None) -> TensorFlowModel:
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
        computed = loaded.signatures[key](**{inputs[0].name: tf.constant(tensor)})
        return [computed[name] for name in names]

    evidence = function_evidence(function, names)
    return TensorFlowModel(
        where, Signature(inputs, outputs), danger, call, lambda _folder: (path, key), evidence
    )


def _load_keras(path: Path, where: str, danger: str | None) -> TensorFlowModel:
    import tensorflow as tf

    model, library = load_keras_model(path, where, trusted=danger is not None)
    if not model.inputs:
        raise ModelError(f"{where}: does not say what it takes", hint="call it once, and save it again")
    inputs = tuple(_tensor_spec(tensor.name, tensor) for tensor in model.inputs)
    outputs = tuple(_tensor_spec(f"output_{n}", tensor) for n, tensor in enumerate(model.outputs))
    input_signature = [tf.TensorSpec(spec.shape, spec.dtype, name=spec.name) for spec in inputs]

    def outputs_by_name(*tensors: Any) -> Any:
        # Augmentation layers such as RandomFlip act at inference too, unless they are told not to.
        computed = model(tensors[0] if len(tensors) == 1 else list(tensors), training=False)
        return {f"output_{n}": tensor for n, tensor in enumerate(tf.nest.flatten(computed))}

    serve = tf.function(outputs_by_name, input_signature=input_signature)

    def call(tensor: Any) -> list[Any]:
        computed = serve(tf.constant(tensor))
        return [computed[spec.name] for spec in outputs]

    def export(folder: Path) -> tuple[Path, str]:
        target = folder / "saved_model"
        if library is KerasLibrary.KERAS_3:
            _export_keras_3(model, outputs_by_name, input_signature, target)
        else:
            _export_keras_2(model, serve, target)
        return target, SIGNATURE_KEYS[0]

    evidence = function_evidence(serve.get_concrete_function(), [spec.name for spec in outputs])
    evidence = evidence._replace(output_names=_output_names(model))
    return TensorFlowModel(where, Signature(inputs, outputs), danger, call, export, evidence)


def _output_names(model: Any) -> tuple[str, ...]:
    """What the outputs are called: by the keys of a dictionary, else by their layers; none where unknown."""
    structure = getattr(model, "output", None) if len(model.outputs) > 1 else None
    # Keras flattens dictionaries in the order of their keys.
    if isinstance(structure, dict) and len(structure) == len(model.outputs):
        return tuple(sorted(map(str, structure)))
    return tuple(map(str, getattr(model, "output_names", None) or ()))


def _export_keras_3(
    model: Any, function: Callable[..., Any], input_signature: list[Any], target: Path
) -> None:
    from keras.export import ExportArchive

    archive = ExportArchive()
    archive.track(model)
    archive.add_endpoint(SIGNATURE_KEYS[1], function, input_signature=input_signature)
    archive.write_out(str(target), verbose=False)


def _export_keras_2(model: Any, serve: Any, target: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    # The variables alone: with the model itself Keras would trace every layer once more.
    module.variables_of_model = model.variables
    try:
        tf.saved_model.save(module, str(target), signatures={SIGNATURE_KEYS[0]: serve})
    except AssertionError:
        # It has something else to keep, such as a table of words.
        module.model = model
        tf.saved_model.save(module, str(target), signatures={SIGNATURE_KEYS[0]: serve})


def _as_numpy(tensor: Any) -> NDArray[Any]:
    import tensorflow as tf

    # numpy has no such numbers of its own, and nothing that takes them.
    array: NDArray[Any] = (tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor).numpy()
    return array


def _tensor_spec(name: str, tensor: Any) -> TensorSpec:
    shape = _known_shape(tensor.shape)
    dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
    return TensorSpec(name, shape, dtype)


def _known_shape(shape: Any) -> tuple[int | None, ...]:
    """TensorFlow's shape as a tuple; empty where not even the rank is known."""
    return () if getattr(shape, "rank", 0) is None else tuple(shape)
