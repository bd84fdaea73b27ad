"""What a model does to its input before its first learned layer, followed through its graph.

A graph is TensorFlow's or that of a `.tflite`, whose operations go by TensorFlow's names here.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mlpredict.inference.evidence import InputMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

# They move values, or pick some, and change none.
MOVING = frozenset(
    {"Identity", "IdentityN", "StopGradient", "PreventGradient", "Snapshot", "EnsureShape", "CheckNumerics"}
    | {"Cast", "Quantize", "Dequantize", "Reshape", "Transpose", "ExpandDims", "Squeeze", "Unpack", "Tile"}
    | {"Pad", "PadV2", "MirrorPad", "Slice", "StridedSlice", "ReverseV2", "GatherV2", "SpaceToDepth"}
    | {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea", "MaxPool", "AvgPool"}
    | {"ImageProjectiveTransformV2", "ImageProjectiveTransformV3"}
)
SPLITTING = frozenset({"Split", "SplitV"})
JOINING = frozenset({"ConcatV2", "Pack"})

CHOOSING = frozenset({"Select", "SelectV2"})
"""An exported augmentation chooses between the image and what it has made of it."""

# They ask for a tensor's shape alone.
SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank", "NoOp"})
ADDING = frozenset({"Add", "AddV2", "BiasAdd"})
DIVIDING = frozenset({"RealDiv", "Div", "DivNoNan"})
MAX_CHANNELS = 4
TINY = 1e-30

MAX_STEPS = 1000
"""More steps than any model takes before its first layer."""


@dataclass(frozen=True, slots=True)
class Node:
    """An operation, by TensorFlow's name, the names of the nodes it takes, and the layer it belongs to."""

    name: str
    op: str
    inputs: tuple[str, ...]
    layer: str


def layer_of(name: str) -> str:
    """The layer that an operation's name tells: `rescaling` of `model/rescaling/mul`; else nothing."""
    scopes = name.split("/")
    return scopes[-2] if len(scopes) > 1 else ""


class Graph(Protocol):
    """The operations of a model."""

    @property
    def input(self) -> str:
        """The node that is the image."""
        ...

    def node(self, name: str) -> Node | None:
        """The node of a name."""
        ...

    def consumers(self, name: str) -> Sequence[Node]:
        """The nodes that take what a node gives."""
        ...

    def constant(self, name: str) -> NDArray[Any] | None:
        """What a node gives, where that does not depend on the input and is not large."""
        ...


class LinkedNodes:
    """What all graphs have in common: their nodes by name, and who takes what they give."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._consumers: dict[str, list[Node]] = {}

    @property
    def operations(self) -> Counter[str]:
        """How many operations of each kind there are."""
        return Counter(node.op for node in self._nodes.values())

    def node(self, name: str) -> Node | None:
        """The node of a name."""
        return self._nodes.get(name)

    def consumers(self, name: str) -> Sequence[Node]:
        """The nodes that take what a node gives."""
        return self._consumers.get(name, ())

    def _link(self, node: Node) -> None:
        self._nodes[node.name] = node
        for name in dict.fromkeys(node.inputs):
            self._consumers.setdefault(name, []).append(node)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where the input comes to something else than moving and scaling, and what it is by then."""

    map: InputMap
    node: Node


def arrivals(graph: Graph) -> list[Arrival]:
    """All the places where a model begins to compute."""
    known: dict[str, InputMap] = {graph.input: InputMap()}
    found: list[Arrival] = []
    pending = deque([graph.input])
    for _ in range(MAX_STEPS):
        if not pending:
            break
        for node in graph.consumers(pending.popleft()):
            if node.name in known or node.op in SHAPES:
                continue
            step = _step(node, known, graph)
            if isinstance(step, InputMap):
                known[node.name] = step
                pending.append(node.name)
            elif step is not None:
                found.append(step)
    return found


def _step(node: Node, known: dict[str, InputMap], graph: Graph) -> InputMap | Arrival | None:
    """What a node makes of values; None while some of what it joins is not known yet, or never will be."""
    if node.op in JOINING | CHOOSING:
        data = node.inputs[1:] if node.op in CHOOSING else node.inputs
        parts = [known.get(name) for name in data if graph.constant(name) is None]
        return _joined([part for part in parts if part is not None]) if None not in parts else None
    (first, *others) = node.inputs[::-1] if node.op == "Split" else node.inputs
    if node.op in MOVING | SPLITTING:
        return known.get(first)
    arrived = next(known[name] for name in node.inputs if name in known)
    return _scaled(node, first, others, known, graph) or Arrival(arrived, node)


def _joined(parts: Sequence[InputMap]) -> InputMap | None:
    """Channels put together, as RGB made BGR is: alike where they are alike, else one after the other."""
    if not parts:
        return None
    if all(part == parts[0] for part in parts):
        return parts[0]
    layers = tuple(dict.fromkeys(layer for part in parts for layer in part.layers))
    scale = tuple(number for part in parts for number in part.scale)
    offset = tuple(number for part in parts for number in part.offset)
    return InputMap(scale, offset, layers) if len(scale) <= MAX_CHANNELS else None


def _scaled(
    node: Node, data: str, others: Sequence[str], known: dict[str, InputMap], graph: Graph
) -> InputMap | None:
    if node.op == "FusedBatchNormV3":
        return _normalised(node, known, graph)
    if node.op == "Neg":
        return _then(known[data], np.array(-1.0), np.array(0.0), node.layer)
    if len(others) != 1 or (data in known) == (others[0] in known):
        return None
    number = _channels(graph.constant(others[0] if data in known else data))
    if number is None:
        return None
    value, one, zero = known[data if data in known else others[0]], np.array(1.0), np.array(0.0)
    match node.op:
        case "Mul":
            return _then(value, number, zero, node.layer)
        case op if op in ADDING:
            return _then(value, one, number, node.layer)
        case "Sub" if data in known:
            return _then(value, one, -number, node.layer)
        case "Sub":
            return _then(value, -one, number, node.layer)
        case op if op in DIVIDING and data in known and np.abs(number).min() > TINY:
            return _then(value, 1 / number, zero, node.layer)
    return None


def _normalised(node: Node, known: dict[str, InputMap], graph: Graph) -> InputMap | None:
    """A batch normalisation that the input comes to first."""
    numbers = [_channels(graph.constant(name)) for name in node.inputs[1:5]]
    if node.inputs[0] not in known or len(numbers) != 4:
        return None
    gamma, beta, mean, variance = numbers
    if gamma is None or beta is None or mean is None or variance is None:
        return None
    with np.errstate(all="ignore"):
        factor = gamma / np.sqrt(variance + 1e-3)
    return _then(known[node.inputs[0]], factor, beta - mean * factor, node.layer)


def _then(done: InputMap, factor: NDArray[Any], summand: NDArray[Any], layer: str) -> InputMap | None:
    """What was done, then `factor * value + summand`; None where channels do not match, or overflow."""
    try:
        with np.errstate(all="ignore"):
            scale, offset = np.broadcast_arrays(
                np.multiply(done.scale, factor), np.multiply(done.offset, factor) + summand
            )
    except ValueError:
        return None
    if not (np.isfinite(scale).all() and np.isfinite(offset).all()):
        return None
    scales, offsets = (tuple(np.atleast_1d(one).tolist()) for one in (scale, offset))
    layers = done.layers if layer in done.layers else (*done.layers, layer)
    return InputMap(scales, offsets, layers)


def _channels(constant: NDArray[Any] | None) -> NDArray[np.float64] | None:
    """A number, or one for each channel; of an image that is subtracted or divided by, the median."""
    if constant is None or not constant.size or constant.dtype.kind not in "iuf":
        return None
    values = np.asarray(constant, np.float64)
    if values.size == 1:
        return values.reshape(())
    if values.size == values.shape[-1] <= MAX_CHANNELS:
        return values.reshape(-1)
    return np.asarray(np.median(values)) if values.ndim > 1 and values.shape[-1] <= MAX_CHANNELS else None
