"""What a model's own file tells of the pixels it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlpredict.inference.batch_statistics import Statistics, statistics
from mlpredict.inference.input_map import Graph, InputMap, arrivals

COUNTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "BiasAdd")
"""The operations that tell one family of networks from another by their number."""

HANDING_ON = frozenset({"Identity", "IdentityN", "Cast", "Reshape", "Quantize", "Dequantize"})
MAX_HANDS = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found in a model's graph; it is kept with the compiled model."""

    maps: tuple[InputMap, ...] = ()
    """What becomes of the input before each of the first layers."""
    statistics: Statistics | None = None
    """What a batch normalisation behind the first layer remembers."""
    operations: Mapping[str, int] = field(default_factory=dict)
    """How many there are of those that are counted."""
    calibrated: tuple[float, float] | None = None
    """The least and the greatest number that the input was quantised for."""
    endings: tuple[str, ...] = ()
    """The operation that each output comes from, as `Softmax`, in the order of the outputs."""
    gain: float | None = None
    """How strongly the first layer reacts to its input: the weights' root mean square times the square
    root of their number for one output. Known where no normalisation follows that would make up for it."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Evidence:
        """What `to_json` made of one."""
        maps = tuple(
            InputMap(tuple(m["scale"]), tuple(m["offset"]), tuple(m["layers"])) for m in value["maps"]
        )
        kept, calibrated = value["statistics"], value["calibrated"]
        return cls(
            maps,
            None if kept is None else Statistics(tuple(kept["mean"]), kept["deviation"], kept["fit"]),
            {str(name): int(count) for name, count in value["operations"].items()},
            None if calibrated is None else (float(calibrated[0]), float(calibrated[1])),
            tuple(value["endings"]),
            value["gain"],
        )

    def to_json(self) -> dict[str, Any]:
        """The evidence as JSON takes it."""
        return {**asdict(self), "operations": dict(self.operations)}


def evidence_of(graph: Graph, operations: Mapping[str, int], outputs: Iterable[str] = ()) -> Evidence:
    """What TensorFlow's graph of a model tells; `outputs` are the nodes that its outputs come from."""
    found = arrivals(graph)
    remembered = next((s for one in found if (s := statistics(graph, one)) is not None), None)
    return Evidence(
        maps=tuple(dict.fromkeys(one.map for one in found)),
        statistics=remembered,
        operations=counted(operations),
        endings=tuple(ending(graph, name) for name in outputs),
    )


def counted(operations: Mapping[str, int]) -> dict[str, int]:
    """Those of a graph's operations that are counted."""
    return {name: operations[name] for name in COUNTED if operations.get(name)}


def ending(graph: Graph, name: str) -> str:
    """The operation that makes an output, behind what only hands it on; empty where that is unknown."""
    for _ in range(MAX_HANDS):
        node = graph.node(name)
        if node is None:
            break
        if node.op not in HANDING_ON or not node.inputs:
            return node.op
        name = node.inputs[0]
    return ""
