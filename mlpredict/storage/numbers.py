"""Numbers that PostgreSQL's columns take, from numbers that they do not."""

from __future__ import annotations

import math
import struct

BIGINT = 1 << 63


def bigint(number: int) -> int:
    """The number, or the nearest that has 64 bits; no id is that far out."""
    return max(-BIGINT, min(number, BIGINT - 1))


def real(number: float) -> float:
    """The nearest float32: zero or infinity where PostgreSQL would complain of the number."""
    try:
        (rounded,) = struct.unpack("f", struct.pack("f", number))
    except OverflowError:
        return math.copysign(math.inf, number)
    return float(rounded)
