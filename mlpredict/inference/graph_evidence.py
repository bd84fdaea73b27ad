"""From a model's graph to what it tells of the pixels it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlpredict.inference.batch_statistics import statistics
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.input_map import Graph, arrivals

COUNTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "BiasAdd")
"""The operations that tell one family of networks from another by their number."""

HANDING_ON = frozenset({"Identity", "IdentityN", "Cast", "Reshape", "Quantize", "Dequantize"})
MAX_HANDS = 20


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
