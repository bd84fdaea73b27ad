"""The operations of a `.tflite` file, and what they tell of the pixels it takes.

The places of fields are those of the public schema, tensorflow/lite/schema/schema.fbs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.inference.evidence import Evidence
from mlpredict.inference.flatbuffer import Damaged, Table
from mlpredict.inference.graph_evidence import COUNTED, counted, ending
from mlpredict.inference.input_map import Arrival, LinkedNodes, Node, arrivals, layer_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Fields of Model, SubGraph, Tensor, QuantizationParameters, Operator, OperatorCode, Buffer and Metadata.
OPERATOR_CODES, SUBGRAPHS, BUFFERS, METADATA = 1, 2, 4, 6
TENSORS, INPUTS, OUTPUTS, OPERATORS = 0, 1, 2, 3
SHAPE, TYPE, BUFFER, NAME, QUANTIZATION = 0, 1, 2, 3, 4
SCALE, ZERO_POINT, DIMENSION = 2, 3, 6
CODE, TAKES, GIVES = 0, 1, 2
OLD_CODE, NEW_CODE = 0, 3
DATA = 0
METADATA_NAME, METADATA_BUFFER = 0, 1

TYPES = {0: "<f4", 1: "<f2", 2: "<i4", 3: "u1", 4: "<i8", 7: "<i2", 9: "i1", 10: "<f8"}
"""Numpy's dtypes of `TensorType`, without those that no image and no weight has."""

OPERATIONS = {
    0: "Add", 1: "AvgPool", 2: "ConcatV2", 3: "Conv2D", 4: "DepthwiseConv2dNative", 6: "Dequantize",
    9: "MatMul", 14: "Sigmoid", 17: "MaxPool", 18: "Mul", 22: "Reshape", 23: "ResizeBilinear",
    25: "Softmax", 26: "SpaceToDepth",
    34: "Pad", 36: "GatherV2", 39: "Transpose", 41: "Sub", 42: "RealDiv", 43: "Squeeze",
    45: "StridedSlice", 49: "Split", 53: "Cast", 59: "Neg", 60: "PadV2", 64: "Select", 65: "Slice",
    69: "Tile", 70: "ExpandDims", 77: "Shape", 83: "Pack", 88: "Unpack", 97: "ResizeNearestNeighbor",
    100: "MirrorPad", 102: "SplitV", 105: "ReverseV2", 114: "Quantize", 123: "SelectV2",
}  # fmt: skip
"""TensorFlow's names of `BuiltinOperator`, of those that stand before first layers or are counted."""

MAX_VALUES = 1 << 22


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor as the file describes it."""

    table: Table

    @property
    def name(self) -> str:
        return self.table.text(NAME)

    @property
    def quantisation(self) -> tuple[NDArray[np.float32], NDArray[np.int64], int] | None:
        """Scales, zero points, and the axis that has one of each where there are several."""
        table = self.table.table(QUANTIZATION)
        scales = table.numbers(SCALE, "f") if table else ()
        if table is None or not scales or not all(map(math.isfinite, scales)):
            return None
        zeros = table.numbers(ZERO_POINT, "q") or (0,)
        return np.array(scales, np.float32), np.array(zeros, np.int64), int(table.number(DIMENSION, "i"))


class TfliteGraph(LinkedNodes):
    """The first subgraph of a `.tflite` file as `input_map.Graph`."""

    def __init__(self, content: bytes) -> None:
        """Read a file's tables.

        Raises:
            Damaged: it is not what a `.tflite` file is.
        """
        super().__init__()
        model = Table.root(content)
        graph = next(model.tables(SUBGRAPHS), None)
        if graph is None:
            raise Damaged("it has no graph")
        self._tensors = [_Tensor(table) for table in graph.tables(TENSORS)]
        self._buffers = list(model.tables(BUFFERS))
        codes = [_operation(code) for code in model.tables(OPERATOR_CODES)]
        inputs = graph.numbers(INPUTS, "i")
        if not inputs:
            raise Damaged("it takes nothing")
        self.input = str(inputs[0])
        made_by: dict[int, str] = {}
        for operator in graph.tables(OPERATORS):
            self._add(operator, codes, made_by)
        self.outputs = tuple(made_by.get(tensor, "") for tensor in graph.numbers(OUTPUTS, "i"))

    def _add(self, operator: Table, codes: Sequence[str], made_by: dict[int, str]) -> None:
        code = operator.number(CODE, "I")
        takes, gives = operator.numbers(TAKES, "i"), operator.numbers(GIVES, "i")
        if code >= len(codes) or not gives:
            raise Damaged("an operation is none that it lists")
        inputs = tuple(made_by.get(tensor, str(tensor)) for tensor in takes if tensor >= 0)
        node = Node(str(gives[0]), codes[code], inputs, layer_of(self._tensor(gives[0]).name) or codes[code])
        self._link(node)
        made_by.update(dict.fromkeys(gives, node.name))

    def constant(self, name: str) -> NDArray[Any] | None:
        if (node := self._nodes.get(name)) is not None:
            return self.constant(node.inputs[0]) if node.op == "Dequantize" and node.inputs else None
        try:
            return self._held(self._tensor(int(name)))
        except (Damaged, ValueError, TypeError):
            return None

    def quantised_range(self, name: str) -> tuple[float, float] | None:
        """The least and the greatest number that a tensor of 8 bits can stand for."""
        tensor = self._tensor(int(name))
        dtype, quantisation = TYPES.get(tensor.table.number(TYPE, "b")), tensor.quantisation
        if quantisation is None or dtype not in ("u1", "i1"):
            return None
        scales, zeros, _ = quantisation
        ends = np.iinfo(np.dtype(dtype))
        low, high = ((end - int(zeros[0])) * float(scales[0]) for end in (ends.min, ends.max))
        return low, high

    def _tensor(self, index: int) -> _Tensor:
        if not 0 <= index < len(self._tensors):
            raise Damaged(f"there is no tensor {index}")
        return self._tensors[index]

    def _held(self, tensor: _Tensor) -> NDArray[Any] | None:
        """The numbers of a constant, real ones where they are quantised."""
        place, dtype = tensor.table.number(BUFFER, "I"), TYPES.get(tensor.table.number(TYPE, "b"))
        if dtype is None or not 0 < place < len(self._buffers):
            return None
        content = self._buffers[place].content(DATA)
        if not content or len(content) > MAX_VALUES * np.dtype(dtype).itemsize:
            return None
        held = np.frombuffer(content, dtype).reshape(tensor.table.numbers(SHAPE, "i"))
        if (quantisation := tensor.quantisation) is None:
            return held
        scales, zeros, axis = quantisation
        shape = [-1 if place == axis and len(scales) > 1 else 1 for place in range(held.ndim)]
        return np.asarray((held.astype(np.float32) - zeros.reshape(shape)) * scales.reshape(shape))


def tflite_evidence(graph: TfliteGraph) -> Evidence:
    """What the graph of a `.tflite` file tells."""
    found = arrivals(graph)
    quantising = next((node for node in graph.consumers(graph.input) if node.op == "Quantize"), None)
    return Evidence(
        maps=tuple(dict.fromkeys(one.map for one in found)),
        operations=counted(graph.operations),
        calibrated=graph.quantised_range(quantising.name) if quantising else None,
        # Signatures may have several in another order.
        endings=(ending(graph, graph.outputs[0]),) if len(graph.outputs) == 1 else (),
        gain=_gain(graph, found[0]) if len(found) == 1 and found[0].map.is_identity else None,
    )


def _gain(graph: TfliteGraph, arrival: Arrival) -> float | None:
    node = arrival.node
    if node.op not in COUNTED or len(node.inputs) < 2:
        return None
    weights = graph.constant(node.inputs[1])
    if weights is None or weights.dtype.kind != "f" or weights.ndim < 2 or not weights.size:
        return None
    # Kernels are (filters, height, width, channels), depthwise ones (1, height, width, channels).
    depthwise = node.op == "DepthwiseConv2dNative"
    summands = math.prod(weights.shape[1:3] if depthwise else weights.shape[1:])
    size = math.sqrt(float(np.square(weights, dtype=np.float64).mean()))
    return size * math.sqrt(summands) if size > 0 and math.isfinite(size) else None


def _operation(code: Table) -> str:
    # The old field has one byte, and stands still at 127 for the codes that came later.
    number = max(code.number(OLD_CODE, "b"), code.number(NEW_CODE, "i"))
    return OPERATIONS.get(number, f"builtin {number}")
