"""How sure a share is that was counted: by `math` alone, as scipy takes four seconds to be imported."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054
"""The standard normal distribution has 95 % of its mass within so many deviations."""


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927); from 0 to 1 where nothing was counted.

    Example:
        >>> [round(bound, 3) for bound in wilson(9, 10)]
        [0.596, 0.982]
    """
    if of == 0:
        return 0.0, 1.0
    share, spread = right / of, Z_95 * Z_95 / of
    centre = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """How likely so unequal a share of the images that one of two alone has right is by chance.

    The exact two-sided p of McNemar's test (1947): the binomial one for a half.

    Example:
        >>> mcnemar(0, 5)
        0.0625
    """
    changed = only_first + only_second
    if changed == 0:
        return 1.0
    fewer = min(only_first, only_second)
    # By logarithms: a binomial coefficient of a thousand has three hundred digits.
    tail = sum(math.exp(_log_binomial(changed, k) - changed * math.log(2)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
