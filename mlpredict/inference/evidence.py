"""What a model's own file tells of the pixels it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlpredict.inference.batch_statistics import Statistics, statistics
from mlpredict.inference.input_map import Graph, InputMap, arrivals

COUNTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul")
"""The operations that tell one family of networks from another by their number."""


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
            value["gain"],
        )

    def to_json(self) -> dict[str, Any]:
        """The evidence as JSON takes it."""
        return {**asdict(self), "operations": dict(self.operations)}


def evidence_of(graph: Graph, operations: Mapping[str, int]) -> Evidence:
    """What TensorFlow's graph of a model tells."""
    found = arrivals(graph)
    remembered = next((s for one in found if (s := statistics(graph, one)) is not None), None)
    return Evidence(
        maps=tuple(dict.fromkeys(one.map for one in found)),
        statistics=remembered,
        operations={name: operations[name] for name in COUNTED if operations.get(name)},
    )
