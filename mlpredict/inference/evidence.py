"""What a model's own file tells of the pixels it takes, as it is kept with the compiled model."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

SLIGHT = 0.01


class InputMap(NamedTuple):
    """`scale * value + offset`, by channel or for all: what becomes of an input's values on their way.

    Example: `InputMap((1 / 255,), (0.0,), ("rescaling",))`, where a layer of that name divides by 255.
    """

    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    layers: tuple[str, ...] = ()

    @property
    def is_identity(self) -> bool:
        """Whether values stay about what they are: a normalisation that was never trained adds an epsilon."""
        return all(abs(scale - 1) < SLIGHT for scale in self.scale) and all(
            abs(offset) < SLIGHT for offset in self.offset
        )

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Where values of `low` to `high` end up: the least and the greatest, over all channels."""
        pairs = list(zip(self.scale, self.offset, strict=True))
        ends = [scale * end + offset for scale, offset in pairs for end in (low, high)]
        return min(ends), max(ends)


class Statistics(NamedTuple):
    """The inputs that a model was trained on: their mean by channel, and roughly their deviation.

    `fit` is the share of the remembered means that the inputs' mean explains, at most 1.
    """

    mean: tuple[float, ...]
    deviation: float
    fit: float


class Evidence(NamedTuple):
    """What was found in a model's graph; it is kept with the compiled model."""

    maps: tuple[InputMap, ...] = ()
    """What becomes of the input before each of the first layers."""
    statistics: Statistics | None = None
    """What a batch normalisation behind the first layer remembers."""
    operations: Mapping[str, int] = MappingProxyType({})
    """How many there are of those that are counted."""
    calibrated: tuple[float, float] | None = None
    """The least and the greatest number that the input was quantised for."""
    endings: tuple[str, ...] = ()
    """The operation that each output comes from, as `Softmax`, in the order of the outputs."""
    gain: float | None = None
    """How strongly the first layer reacts to its input: the weights' root mean square times the square
    root of their number for one output. Known where no normalisation follows that would make up for it."""
    output_names: tuple[str, ...] = ()
    """What Keras calls each output, in the order of the outputs; none where the signature has their names."""

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
            tuple(map(str, value["output_names"])),
        )

    def to_json(self) -> dict[str, Any]:
        """The evidence as JSON takes it."""
        return {
            **self._asdict(),
            "maps": [one._asdict() for one in self.maps],
            "statistics": None if self.statistics is None else self.statistics._asdict(),
            "operations": dict(self.operations),
        }
