"""How like two pictures are: the structural similarity of small grey versions of them.

    (2 m n + C) (2 v + D) / ((m² + n² + C) (s² + t² + D))

of means m and n, deviations s and t, and the covariance v (Wang et al., 2004), of the whole picture at once.
C and D keep pictures of one colour apart from those that show something: two of one grey are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

SIDE = 16
"""Pixels of the small version, both ways: more tell a picture from itself in another size."""

C, D = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""As in the paper, for 255 levels."""


def likenesses(one: Grey, others: Sequence[Grey]) -> list[float]:
    """How like others are to one, all of shape (SIDE, SIDE): 1 is the same, 0 nothing alike.

    Example:
        >>> import numpy as np
        >>> black, white = np.zeros((16, 16), np.uint8), np.full((16, 16), 255, np.uint8)
        >>> [round(like, 2) for like in likenesses(black, [black, white])]
        [1.0, 0.0]
    """
    import numpy as np

    if not others:
        return []
    a = one.ravel().astype(np.float64)
    b = np.stack(others).reshape(len(others), -1).astype(np.float64)
    m, n = a.mean(), b.mean(1)
    covariance = ((a - m) * (b - n[:, None])).mean(1)
    light = (2 * m * n + C) / (m * m + n * n + C)
    return list((light * (2 * covariance + D) / (a.var() + b.var(1) + D)).tolist())
