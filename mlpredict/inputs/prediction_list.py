"""The predictions whose images a replay has, in their order: a list of names that are ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from mlpredict.domain import Source
from mlpredict.domain.parts import NameBlock, Plan
from mlpredict.inputs.name_list import NameList


class PredictionList(NameList):
    """The ids of predictions, from position 0 on.

    Example:
        >>> PredictionList([7, 12, 4]).ids(1, 2)
        [12, 4]
    """

    def __init__(self, ids: Iterable[int]) -> None:
        super().__init__(Source(str(one)) for one in ids)

    @classmethod
    def stored(cls, plan: Plan, blocks: Sequence[NameBlock]) -> Self:
        """The list that a run was begun with."""
        made = cls(())
        made.images, made.sha256, made.blocks = plan.images, plan.sha256, list(blocks)
        return made

    def ids(self, first: int, last: int) -> list[int]:
        """Those from one position to another, both included."""
        return [int(item.filename) for item in self.items(first, last) if isinstance(item, Source)]

    def samples(self) -> dict[str, str]:
        """None: an id is the same prediction in every process."""
        return {}

    def other_samples(self, others: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """None, for the same reason."""
        return iter(())
