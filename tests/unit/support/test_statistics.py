"""Intervals and tests of counted shares, against their definitions and published values."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.support.statistics import Z_95, mcnemar, wilson


@given(st.integers(1, 2000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_shares_that_the_count_does_not_contradict(counted: tuple[int, int]) -> None:
    right, of = counted
    for bound in wilson(right, of):
        # Wilson's interval is where the score test just does not reject.
        if 1e-9 < bound < 1 - 1e-9:
            assert abs(right / of - bound) / math.sqrt(bound * (1 - bound) / of) == pytest.approx(Z_95)


@pytest.mark.parametrize(
    ("right", "of", "expected"),
    [
        (0, 0, (0.0, 1.0)),
        (0, 10, (0.0, 0.2775327998628892)),
        (10, 10, (0.7224672001371107, 1.0)),
        (81, 263, (0.2553, 0.3662)),
    ],
)
def test_the_interval_is_the_published_one(right: int, of: int, expected: tuple[float, float]) -> None:
    assert wilson(right, of) == pytest.approx(expected, abs=5e-5)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_p_is_that_of_the_exact_binomial_test(one: int, other: int) -> None:
    changed = one + other
    tail = sum(math.comb(changed, k) for k in range(min(one, other) + 1))
    exact = min(Fraction(1), Fraction(2 * tail, 2**changed))
    assert mcnemar(one, other) == pytest.approx(float(exact), rel=1e-9)
