"""LiteRT's interpreter: what it says of a model's tensors, and the tensors that it takes and gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.inference.fixed_batch import fixed_batch, row_shape
from mlpredict.inference.signature import Quantisation, Signature, TensorSpec, natural_order
from mlpredict.support.quiet import quiet_stderr

if TYPE_CHECKING:
    from numpy.typing import NDArray


DELEGATE = "DELEGATE"
"""What a node of the graph is called that stands for those which a delegate runs."""

PLACE = re.compile(r"Node number \d+ \([^)]*\) failed to \w+|Tensor \d+ has invalid quantization parameters")
"""Where in the graph LiteRT failed."""


class Interpreter:
    """LiteRT's interpreter, for one thread at a time."""

    def __init__(self, flatbuffer: bytes) -> None:
        from ai_edge_litert import interpreter

        with quiet_stderr():
            self._interpreter = interpreter.Interpreter(model_content=flatbuffer, num_threads=1)
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


def reason_of(error: BaseException) -> str:
    """What LiteRT complains of first: it says so once for each tensor or node, without a space between."""
    first = str(error).strip().partition("\n")[0]
    if not (place := PLACE.search(first)):
        return first.rstrip(".") or "it does not say why"
    what = first[: place.start()].rstrip(". ")
    return f"{what} ({place[0]})" if what else place[0]
