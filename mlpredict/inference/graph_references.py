"""Who refers to whom in a MetaGraphDef: nodes, the functions they call, and where a tensor comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

# Hand their inputs to a function's arguments in the order of both.
CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
# The scope of what stands in no function.
TOP = ""

Place = tuple[str, Any]
"""A node, and the function that it stands in: `TOP` for none."""


class Scopes:
    """The nodes of a graph and of its functions, each by its name within its scope."""

    def __init__(self, graph: Any) -> None:
        self._functions = {function.signature.name: function for function in graph.graph_def.library.function}
        self._nodes: dict[str, dict[str, Any]] = {TOP: {node.name: node for node in graph.graph_def.node}}
        for name, function in self._functions.items():
            self._nodes[name] = {node.name: node for node in function.node_def}
        self._objects = graph.object_graph_def
        self._graph = graph

    def node(self, name: str) -> Any | None:
        """A node that stands outside of functions."""
        return self._nodes[TOP].get(name)

    def everything(self) -> Iterator[Any]:
        """All nodes, run or not; of two with one name both."""
        inside = (function.node_def for function in self._graph.graph_def.library.function)
        return chain(self._graph.graph_def.node, chain.from_iterable(inside))

    def reached(self, names: Iterable[str], functions: Iterable[str]) -> Iterator[Place]:
        """What must be run for these tensors and operations, and when these functions are called."""
        pending = [(TOP, node_name(name)) for name in names]
        called, seen = list(functions), set[tuple[str, str]]()
        entered = set[str]()
        while pending or called:
            if called:
                function = called.pop()
                if function not in entered and function in self._functions:
                    entered.add(function)
                    # All of it: what has an effect is run whether or not an output needs it.
                    pending += [(function, name) for name in self._nodes[function]]
                continue
            place = pending.pop()
            if place in seen:
                continue
            seen.add(place)
            scope, name = place
            if (node := self._nodes[scope].get(name)) is not None:
                yield scope, node
                pending += [(scope, node_name(one)) for one in node.input]
                called += functions_of(node)

    def comes_from(self, node: Any, number: int, scope: str, names: set[str], *, assets: bool) -> bool:
        """Whether an input of a node is one of these nodes outside of functions, handed on and not changed.

        With `assets`, or one of the files that the objects of the model hold.
        """
        if number >= len(node.input):
            return False
        pending, seen = [(scope, node.input[number])], set[tuple[str, str]]()
        while pending:
            place = pending.pop()
            if place in seen:
                continue
            seen.add(place)
            scope, reference = place
            sources = self._sources(scope, node_name(reference), names, assets=assets)
            if sources is None:
                return False
            pending += sources
        return True

    def _sources(
        self, scope: str, name: str, names: set[str], *, assets: bool
    ) -> list[tuple[str, str]] | None:
        """What a tensor is handed on from; empty where that is one of `names`, None where it is not known."""
        if scope == TOP and name in names:
            return []
        node = self._nodes[scope].get(name)
        if scope != TOP and node is None:
            return self._given(scope, name, assets=assets)
        if scope == TOP and node is not None and node.op == "ReadVariableOp":
            return self._kept(node_name(node.input[0]))
        if node is None or node.op != "Identity" or not node.input:
            return None
        return [(scope, node.input[0])]

    def _kept(self, handle: str) -> list[tuple[str, str]] | None:
        """What a variable outside of functions is given, where nothing else knows the variable."""
        variable = self._nodes[TOP].get(handle)
        if variable is None or variable.op != "VarHandleOp":
            return None
        alike = [node for node in self.everything() if node.op == "VarHandleOp"]
        if sum(_shared_name(node) == _shared_name(variable) for node in alike) > 1:
            return None
        found = []
        for node in self._nodes[TOP].values():
            if handle in map(node_name, node.input):
                if node.op == "AssignVariableOp":
                    found.append((TOP, node.input[1]))
                elif node.op not in ("ReadVariableOp", "VarIsInitializedOp"):
                    return None
        return found

    def _given(self, function: str, argument: str, *, assets: bool) -> list[tuple[str, str]] | None:
        """What a function is given for an argument, by all who call it."""
        arguments = [one.name for one in self._functions[function].signature.input_arg]
        if argument not in arguments:
            return None
        number = arguments.index(argument)
        if function in self._objects.concrete_functions:
            bound = self._objects.concrete_functions[function].bound_inputs
            captured = number - (len(arguments) - len(bound))
            if not assets or captured < 0:
                return None
            if self._objects.nodes[bound[captured]].WhichOneof("kind") != "asset":
                return None
        found = []
        for scope, nodes in self._nodes.items():
            for node in nodes.values():
                if function not in functions_of(node):
                    continue
                if (node.op not in CALLS and node.op != function) or number >= len(node.input):
                    return None
                found.append((scope, node.input[number]))
        return found


def _shared_name(variable: Any) -> str:
    """What a variable is kept under: nodes of one name are one variable."""
    return variable.attr["shared_name"].s.decode("utf-8", "replace") or str(variable.name)


def node_name(reference: str) -> str:
    """The node's name in `name`, `name:1`, `name:output:0` and `^name`."""
    return reference.removeprefix("^").partition(":")[0]


def functions_of(node: Any) -> list[str]:
    """The functions that a node calls; one may also stand for an operation."""
    attributes = node.attr.values()
    listed = (function.name for attribute in attributes for function in attribute.list.func)
    return [node.op, *(attribute.func.name for attribute in attributes), *listed]
