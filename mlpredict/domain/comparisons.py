"""What two models, or two runs, said of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Side:
    """What one side said of an image."""

    prediction_id: int
    label: str | None
    score: float | None


@dataclass(frozen=True, slots=True)
class Flip:
    """An image that only one side has right; where nothing is labelled, one that they disagree on."""

    input_id: int
    filename: str | None
    true_label: str | None
    a: Side
    b: Side
    a_right: bool | None


@dataclass(frozen=True, slots=True)
class ClassFlips:
    """The images of one truth that only one side has right."""

    label: str
    images: int
    only_a_right: int
    only_b_right: int


@dataclass(frozen=True, slots=True)
class NumbersCompared:
    """Regressions: how far each side is from the truth, and how often it is the nearer one."""

    count: int
    mae_a: float
    mae_b: float
    a_nearer: int
    b_nearer: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of the images that both sides have predicted; of each the last prediction counts."""

    a: str
    b: str
    both: int
    labelled: int
    """Those that each side has right or wrong."""
    agreed: int
    agreement: float | None
    """On which share both say the same; None of numbers."""
    both_right: int
    only_a_right: int
    only_b_right: int
    neither_right: int
    p_value: float | None
    """Of flips so unequal by chance (McNemar, exact); None where nothing is labelled."""
    by_label: Sequence[ClassFlips]
    flips: Sequence[Flip]
    numbers: NumbersCompared | None = None
    remarks: Sequence[str] = ()
    """What a reader should know of how this was measured."""

    @property
    def accuracy_a(self) -> float | None:
        """How many the first side has right."""
        return (self.both_right + self.only_a_right) / self.labelled if self.labelled else None

    @property
    def accuracy_b(self) -> float | None:
        """How many the second side has right."""
        return (self.both_right + self.only_b_right) / self.labelled if self.labelled else None

    @property
    def b_is_worse(self) -> bool | None:
        """Whether the second side is right less often, or farther from numbers; None where nobody knows."""
        if self.labelled:
            return self.only_b_right < self.only_a_right
        return None if self.numbers is None else self.numbers.mae_b > self.numbers.mae_a
