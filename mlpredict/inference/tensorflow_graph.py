"""The operations of a TensorFlow function, with those of the functions that it calls put in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.inference.evidence import Evidence
from mlpredict.inference.graph_evidence import evidence_of
from mlpredict.inference.input_map import LinkedNodes, Node, layer_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
MAX_NODES = 500_000
MAX_CALLS = 50
# Of a constant that is worked out.
MAX_VALUES = 1 << 22
MAX_DEPTH = 20

COMPUTED: Mapping[str, Callable[..., NDArray[Any]]] = {
    "Identity": lambda x: x,
    "Cast": lambda x: x,
    "Sqrt": np.sqrt,
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Square": np.square,
    "Neg": np.negative,
    "Reciprocal": np.reciprocal,
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Reshape": np.reshape,
    "ExpandDims": lambda x, axis: np.expand_dims(x, int(axis)),
    "Squeeze": np.squeeze,
    "Pack": lambda *parts: np.stack(parts),
}
"""How constants come about of others, by operation. Casts are left out: the numbers stay what they are."""

# A tensor: a node's name, and which of its outputs.
Reference = tuple[str, int]


class TensorFlowGraph(LinkedNodes):
    """A concrete function as `input_map.Graph`."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        graph = function.graph.as_graph_def()
        self.input: str = function.inputs[0].op.name
        self._library = {one.signature.name: one for one in graph.library.function}
        self._captured = {inside.op.name: outside for outside, inside in function.graph.captures}
        self._definitions: dict[str, Any] = {}
        self._references: dict[str, list[Reference]] = {}
        self._aliases: dict[Reference, Reference] = {}
        self._add(graph.node, "", frozenset(), MAX_CALLS)
        nodes = [self._finished(name) for name in self._definitions]
        self.outputs = [self._followed((one.op.name, one.value_index)) for one in function.outputs]
        for node in nodes:
            self._link(node)

    def constant(self, name: str) -> NDArray[Any] | None:
        try:
            return self._constant(name, MAX_DEPTH)
        except (ValueError, TypeError, ArithmeticError, np.exceptions.AxisError):
            return None

    def _constant(self, name: str, depth: int) -> NDArray[Any] | None:
        node = self._nodes.get(name)
        if node is None or depth == 0:
            return None
        if node.op == "Const":
            return _numbers(self._definitions[name].attr["value"].tensor)
        if node.op == "Placeholder":
            return _held(self._captured.get(name))
        if node.op == "ReadVariableOp":
            return _read(self._captured.get(node.inputs[0]), self._definitions[name].attr["dtype"].type)
        compute = COMPUTED.get(node.op)
        operands = [self._constant(one, depth - 1) for one in node.inputs] if compute else []
        known = [one for one in operands if one is not None]
        if compute is None or len(known) < len(operands) or sum(one.size for one in known) > MAX_VALUES:
            return None
        with np.errstate(all="ignore"):
            return np.asarray(compute(*known))

    def _add(self, nodes: Iterable[Any], prefix: str, arguments: frozenset[str], calls: int) -> None:
        for definition in nodes:
            name = prefix + definition.name
            references = [
                _reference(one, prefix, arguments) for one in definition.input if not one.startswith("^")
            ]
            called = self._called(definition)
            if called is not None and calls > 0 and len(self._definitions) < MAX_NODES:
                self._inline(called, name, references, calls - 1)
            else:
                self._definitions[name], self._references[name] = definition, references

    def _called(self, definition: Any) -> Any:
        name = definition.attr["f"].func.name if definition.op in CALLS else definition.op
        return self._library.get(name)

    def _inline(self, function: Any, call: str, given: Sequence[Reference], calls: int) -> None:
        prefix = f"{call}/"
        names = [argument.name for argument in function.signature.input_arg]
        for name, reference in zip(names, given, strict=False):
            self._aliases[f"{prefix}{name}:", 0] = reference
        arguments = frozenset(names)
        self._add(function.node_def, prefix, arguments, calls)
        for number, result in enumerate(function.signature.output_arg):
            self._aliases[call, number] = _reference(function.ret[result.name], prefix, arguments)

    def _finished(self, name: str) -> Node:
        inputs = tuple(map(self._followed, self._references[name]))
        operation = self._definitions[name].op
        return Node(name, operation, inputs, layer_of(name) or operation)

    def _followed(self, reference: Reference) -> str:
        """The node that a reference leads to, through calls and arguments."""
        for _ in range(2 * MAX_CALLS + 2):
            if reference not in self._aliases:
                break
            reference = self._aliases[reference]
        return reference[0]


def function_evidence(function: Any, names: Sequence[str]) -> Evidence:
    """What a concrete function tells; `names` are the keys of its outputs, in the order of the signature."""
    graph = TensorFlowGraph(function)
    # TensorFlow has flattened its outputs in the order of their keys.
    outputs = dict(zip(sorted(names), graph.outputs, strict=False))
    return evidence_of(graph, graph.operations, [outputs.get(name, "") for name in names])


def _reference(text: str, prefix: str, arguments: frozenset[str]) -> Reference:
    """`node`, `node:1`, `node:output:1`, or the name of a function's argument, which may be a node's too."""
    name, *rest = text.split(":")
    if name in arguments and not rest:
        return f"{prefix}{name}:", 0
    return prefix + name, int(rest[-1]) if rest else 0


def _numbers(tensor: Any) -> NDArray[Any]:
    import tensorflow as tf

    numbers: NDArray[Any] = tf.make_ndarray(tensor)
    return numbers


def _read(handle: Any, dtype: int) -> NDArray[Any] | None:
    """What a variable holds."""
    import tensorflow as tf

    if handle is None or handle.dtype != tf.resource:
        return None
    numbers: NDArray[Any] = tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.DType(dtype)).numpy()
    return numbers


def _held(captured: Any) -> NDArray[Any] | None:
    """The numbers of a captured tensor."""
    import tensorflow as tf

    if captured is None or captured.dtype == tf.resource:
        return None
    numbers: NDArray[Any] = captured.numpy()
    return numbers
