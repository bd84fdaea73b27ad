"""How far two engines are apart."""

from __future__ import annotations

import numpy as np
import pytest

from mlpredict.inference.compilation import TOLERANCE
from mlpredict.inference.compiler_process import largest_difference


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        ([0.5, 0.5], [0.5, 0.25], 0.25),
        ([100.0, 0.0], [99.0, 0.0], 0.01),
        ([1.0, 2.0], [1.0, 2.0], 0.0),
    ],
    ids=["absolute up to one", "relative above", "none"],
)
def test_a_difference_is_absolute_up_to_one_and_relative_above(
    expected: list[float], actual: list[float], difference: float
) -> None:
    assert largest_difference([np.array(expected)], [np.array(actual)]) == pytest.approx(difference)


@pytest.mark.parametrize("actual", [[np.nan, 0.0], [0.0], [np.inf, 0.0]], ids=["nan", "shape", "infinity"])
def test_what_cannot_be_compared_does_not_pass(actual: list[float]) -> None:
    difference = largest_difference([np.zeros(2)], [np.array(actual)])
    assert not difference <= TOLERANCE


def test_every_output_counts() -> None:
    same, other = np.zeros(2), np.full(3, 0.5)
    assert largest_difference([same, other], [same, other + 0.25]) == pytest.approx(0.25)
