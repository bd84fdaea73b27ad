"""What runs a model: LiteRT, or TensorFlow where LiteRT cannot."""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mlpredict.domain import EngineName
from mlpredict.errors import ModelError
from mlpredict.inference.fixed_batch import fixed_batch, row_shape, run_at_most, run_fixed
from mlpredict.inference.signature import Quantisation, Signature, TensorSpec, natural_order
from mlpredict.settings import available_cores
from mlpredict.support.quiet import quiet_stderr

if TYPE_CHECKING:
    from numpy.typing import NDArray


CALL_IMAGES = 64
"""LiteRT keeps the numbers between two layers for all images of a call: with so many of 28×28 they stay in a
core's cache, and 256 take a tenth longer."""

TRIAL_IMAGES = 16
"""With fewer it costs more to find out whether they could be run at once than that would save."""

DELEGATE = "DELEGATE"
"""What a node of the graph is called that stands for those which a delegate runs."""

PLACE = re.compile(r"Node number \d+ \([^)]*\) failed to \w+|Tensor \d+ has invalid quantization parameters")
"""Where in the graph LiteRT failed."""


class Engine(Protocol):
    """Runs one model."""

    @property
    def name(self) -> EngineName: ...

    @property
    def signature(self) -> Signature: ...

    @property
    def workers(self) -> int:
        """How many threads may call `run` at once."""
        ...

    def facts(self) -> dict[str, Any]:
        """What runs the model, by name: the engine and its version first."""
        ...

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs, in the signature's order, for a tensor of the input's dtype and rank."""
        ...


def litert_is_installed() -> bool:
    """Whether there is a LiteRT for this platform."""
    return importlib.util.find_spec("ai_edge_litert") is not None


def tensorflow_is_installed() -> bool:
    """Whether there is a TensorFlow."""
    return importlib.util.find_spec("tensorflow") is not None


def require_tensorflow(where: str) -> None:
    """Make sure that TensorFlow is there for the model at a place.

    Raises:
        ModelError: it is not installed; models that are prepared already do without it.
    """
    if not tensorflow_is_installed():
        raise ModelError(
            f"{where}: only TensorFlow can load it or prepare it for LiteRT, and it is not installed",
            hint="install tensorflow; prepare the model elsewhere and copy the folder of prepared models;"
            " or convert it to a .tflite file",
        )


class LiteRtEngine:
    """A flatbuffer on LiteRT with XNNPACK: an interpreter of one thread for every thread that calls.

    That way all cores work where batches are many, and no core waits for another within a batch.
    """

    name = EngineName.LITERT

    def __init__(self, flatbuffer: bytes, where: str, made: Mapping[str, Any] | None = None) -> None:
        """Load a flatbuffer; `where` names it in messages, `made` is what is known of how it was compiled.

        Raises:
            ModelError: LiteRT cannot run it.
        """
        self._flatbuffer = flatbuffer
        self._where = where
        self._made = made or {}
        self._idle: SimpleQueue[_Interpreter] = SimpleQueue()
        first = self._interpreter()
        self.signature = first.signature
        self._batch = fixed_batch(self.signature)
        self._delegated = first.is_delegated()
        self._tried = self._batch is None
        self._trial = threading.Lock()
        self._idle.put(first)

    @property
    def workers(self) -> int:
        return available_cores()

    def facts(self) -> dict[str, Any]:
        import ai_edge_litert

        found = {"engine": str(self.name), "litert": ai_edge_litert.__version__}
        return {**found, "xnnpack": self._delegated, **self._made}

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs for one batch; those of a quantised model are float32 here."""
        if not self._tried and len(tensor) >= TRIAL_IMAGES:
            self._try_larger_batches(tensor)
        try:
            interpreter = self._idle.get_nowait()
        except Empty:
            interpreter = self._interpreter()
        try:
            outputs = self._run(interpreter, tensor)
        except (ValueError, RuntimeError) as error:
            # What failed once fails again, whatever it is given.
            self._idle.put(self._interpreter())
            raise ModelError(f"{self._where}: LiteRT failed: {_reason(error)}") from error
        self._idle.put(interpreter)
        return outputs

    def _run(self, interpreter: _Interpreter, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        if self._batch is None:
            return run_at_most(interpreter.call, tensor, CALL_IMAGES)
        return run_fixed(interpreter.call, tensor, self._batch)

    def _try_larger_batches(self, tensor: NDArray[Any]) -> None:
        """See whether a batch that is said to be fixed may be larger, with the very same answers.

        Many converters wrote a batch of 1 into models that take any.
        """
        with self._trial:
            if self._tried or self._batch is None:
                return
            sample = tensor[: max(TRIAL_IMAGES, 2 * self._batch)]
            try:
                one_by_one = run_fixed(self._interpreter().call, sample, self._batch)
                at_once = self._interpreter().call(sample)
            except (ValueError, RuntimeError):
                at_once = one_by_one = []
            if at_once and all(map(_identical, one_by_one, at_once)):
                self._batch = None
            self._tried = True

    def _interpreter(self) -> _Interpreter:
        try:
            return _Interpreter(self._flatbuffer)
        except (ValueError, RuntimeError) as error:
            if "edgetpu-custom-op" in str(error):
                from mlpredict.inference.not_models import EDGE_TPU

                raise ModelError(f"{self._where}: {EDGE_TPU.what}", hint=EDGE_TPU.instead) from error
            raise ModelError(f"{self._where}: LiteRT cannot run it: {_reason(error)}") from error


def _identical(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


class _Interpreter:
    """LiteRT's interpreter, for one thread at a time."""

    def __init__(self, flatbuffer: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with quiet_stderr():
            self._interpreter = Interpreter(model_content=flatbuffer, num_threads=1)
            inputs, outputs = self._tensors()
            self._inputs, self._outputs = list(inputs.values()), list(outputs.values())
            inputs_of_batch = _specs(inputs)
            batch = fixed_batch(Signature(inputs_of_batch, ()))
            self.signature = Signature(inputs_of_batch, tuple(map(_as_real, _specs(outputs, batch))))
            # Here LiteRT hands the graph to XNNPACK, and says so on descriptor 2. A size that is left
            # open stands at 1 until it is known, which may be too small for the first layer.
            self._is_allocated = None not in self.signature.inputs[0].shape[1:]
            if self._is_allocated:
                self._interpreter.allocate_tensors()
        self._shape: tuple[int, ...] = ()

    def call(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs for a tensor of any batch, whether the model takes that many or not."""
        entry = self._inputs[0]
        if tensor.shape != self._shape:
            self._shape = ()
            self._interpreter.resize_tensor_input(entry["index"], tensor.shape)
            with quiet_stderr():
                self._interpreter.allocate_tensors()
            self._shape = tensor.shape
        # What a recurrent layer remembers is of other images.
        self._interpreter.reset_all_variables()
        self._interpreter.set_tensor(entry["index"], tensor)
        self._interpreter.invoke()
        return [
            _dequantised(self._interpreter.get_tensor(detail["index"]), detail) for detail in self._outputs
        ]

    def is_delegated(self) -> bool | None:
        """Whether XNNPACK runs some of it, the only delegate that is ever there; None where nobody can tell.

        A graph whose size is left open is handed over when that is known.
        """
        graph: Any = getattr(self._interpreter, "_interpreter", None)
        try:
            nodes = range(graph.NumNodes()) if self._is_allocated else ()
            return any(graph.NodeName(node) == DELEGATE for node in reversed(nodes)) if nodes else None
        except AttributeError:
            # What of LiteRT says so is not promised to stay.
            return None

    def _tensors(self) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """Input and output details by the names of the serving signature, where there is one."""
        signatures = list(self._interpreter.get_signature_list())
        if signatures:
            key = "serving_default" if "serving_default" in signatures else signatures[0]
            runner = self._interpreter.get_signature_runner(key)
            outputs = runner.get_output_details()
            return runner.get_input_details(), {name: outputs[name] for name in natural_order(list(outputs))}
        return (
            {detail["name"]: detail for detail in self._interpreter.get_input_details()},
            {detail["name"]: detail for detail in self._interpreter.get_output_details()},
        )


def _specs(details: dict[str, dict[str, Any]], batch: int | None = None) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name,
            row_shape(_shape(detail), batch),
            np.dtype(detail["dtype"]).name,
            _quantisation(detail),
        )
        for name, detail in details.items()
    )


def _as_real(spec: TensorSpec) -> TensorSpec:
    """What `run` gives in the place of a quantised output."""
    return TensorSpec(spec.name, spec.shape, "float32") if spec.quantisation else spec


def _shape(detail: dict[str, Any]) -> tuple[int | None, ...]:
    shape = detail.get("shape_signature")
    known = detail["shape"] if shape is None or not len(shape) else shape
    return tuple(None if n < 0 else int(n) for n in known)


def _quantisation(detail: dict[str, Any]) -> Quantisation | None:
    scale, zero_point = detail["quantization"]
    if not scale or np.dtype(detail["dtype"]).kind not in "iu":
        return None
    return Quantisation(float(scale), int(zero_point))


def _dequantised(tensor: NDArray[Any], detail: dict[str, Any]) -> NDArray[Any]:
    quantisation = _quantisation(detail)
    if quantisation is None:
        return tensor
    whole = tensor.astype(np.float32) - quantisation.zero_point
    return np.asarray(whole * quantisation.scale, np.float32)


class TensorFlowEngine:
    """A model on TensorFlow itself, which other engines are measured by: four seconds to start."""

    name = EngineName.TENSORFLOW

    def __init__(self, path: Path, where: str, *, trusted: bool = False) -> None:
        """Load a SavedModel folder, a `.keras` or a `.h5` file.

        Raises:
            ModelError: TensorFlow cannot load it, or it would do more than compute and is not trusted.
        """
        from mlpredict.inference.tensorflow_model import load_tensorflow_model

        with quiet_stderr():
            self._model = load_tensorflow_model(path, where, trusted=trusted)
        self.signature = self._model.signature
        self.danger = self._model.danger
        self.evidence = self._model.evidence

    @property
    def workers(self) -> int:
        # It spreads one batch over all cores by itself.
        return 1

    def facts(self) -> dict[str, Any]:
        from mlpredict.inference.tensorflow_model import tensorflow_facts

        return {"engine": str(self.name), **tensorflow_facts()}

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs for one batch."""
        with quiet_stderr():
            return self._model.run(tensor)


def _reason(error: BaseException) -> str:
    """What LiteRT complains of first: it says so once for each tensor or node, without a space between."""
    first = str(error).strip().partition("\n")[0]
    if not (place := PLACE.search(first)):
        return first.rstrip(".") or "it does not say why"
    what = first[: place.start()].rstrip(". ")
    return f"{what} ({place[0]})" if what else place[0]
