"""Graphs of a few nodes, as TensorFlow's and those of `.tflite` files are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpredict.inference.input_map import Node, layer_of


class SmallGraph:
    """Operations put behind one another; `image` is the input."""

    input = "image"

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._constants: dict[str, NDArray[Any]] = {}

    def number(self, value: ArrayLike) -> str:
        """A constant; its name."""
        name = f"constant_{len(self._constants)}"
        self._constants[name] = np.asarray(value, np.float32)
        return name

    def put(self, op: str, *inputs: str, layer: str = "") -> str:
        """An operation; its name."""
        name = f"{layer or op.lower()}/{op}_{len(self._nodes)}"
        self._nodes[name] = Node(name, op, inputs, layer_of(name))
        return name

    def node(self, name: str) -> Node | None:
        return self._nodes.get(name)

    def consumers(self, name: str) -> Sequence[Node]:
        return [node for node in self._nodes.values() if name in node.inputs]

    def constant(self, name: str) -> NDArray[Any] | None:
        return self._constants.get(name)
