"""What a deletion takes away."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many rows are deleted, or would be.

    `inputs` are those that no prediction needs any more, `labels` those in force of images that are gone,
    `failures` are names of files that gave no prediction.
    """

    predictions: int = 0
    inputs: int = 0
    labels: int = 0
    failures: int = 0

    def __add__(self, other: Deleted) -> Deleted:
        return Deleted(*(mine + its for mine, its in zip(self.counts(), other.counts(), strict=True)))

    def __bool__(self) -> bool:
        return any(self.counts())

    def __str__(self) -> str:
        counted = zip(DELETED, self.counts(), strict=True)
        parts = [_several(count, name) for name, count in counted if count or name == "predictions"]
        return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

    def counts(self) -> tuple[int, ...]:
        """The numbers, in the order of `DELETED`."""
        return self.predictions, self.inputs, self.labels, self.failures


DELETED = tuple(one.name for one in fields(Deleted))
"""The public names of what is printed of a deletion, in their order."""


def _several(count: int, name: str) -> str:
    return f"{count:,} {name.removesuffix('s') if count == 1 else name}"
