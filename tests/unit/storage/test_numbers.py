"""Numbers that PostgreSQL takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.storage.values import bigint, real

LARGEST, SMALLEST = (1 << 63) - 1, -(1 << 63)


@given(st.integers())
def test_a_number_of_64_bits_stays_what_it_is_and_others_stay_near(number: int) -> None:
    assert SMALLEST <= bigint(number) <= LARGEST
    assert bigint(number) == number or number > LARGEST or number < SMALLEST


@pytest.mark.parametrize(
    ("given_one", "taken"), [(10**30, LARGEST), (-(10**30), SMALLEST), (LARGEST + 1, LARGEST)]
)
def test_what_has_more_bits_is_the_last_that_has_64(given_one: int, taken: int) -> None:
    assert bigint(given_one) == taken


@given(st.floats(allow_nan=False))
def test_a_score_is_rounded_as_the_column_is(number: float) -> None:
    with np.errstate(over="ignore"):
        assert real(number) == float(np.float32(number))


@pytest.mark.parametrize(("given_one", "taken"), [(1e39, math.inf), (-1e400, -math.inf), (1e-50, 0.0)])
def test_what_has_no_digits_is_infinite_or_nothing(given_one: float, taken: float) -> None:
    assert real(given_one) == taken
