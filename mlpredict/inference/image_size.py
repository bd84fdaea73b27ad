"""Why a model that takes images of any size refused one: found by giving it others."""

from __future__ import annotations

from collections.abc import Callable

from mlpredict.errors import ModelError

PROBE_SIDE = 96
"""The side in pixels of the images that a model which takes any size is tried on."""

STEPS = (2, 4, 8, 16, 32)
"""Networks that halve an image and double it again want sides that can be halved so often."""


def why_refused(height: int, width: int, runs: Callable[[int, int], bool]) -> str | None:
    """What is wrong with an image of this size, where another size would do; else None.

    `runs` says whether the model takes an image of a height and width.
    """
    # As divisible as it was, so that nothing but its size differs.
    if runs(height + PROBE_SIDE, width + PROBE_SIDE):
        return f"the image of {width}×{height} pixels is too small for this model"
    for step in STEPS:
        if runs(_odd_multiple(height, step), _odd_multiple(width, step)):
            return (
                f"this model takes no image of {width}×{height} pixels: "
                f"height and width have to be multiples of {step}"
            )
    return None


def runs(attempt: Callable[[], object]) -> bool:
    """Whether an attempt to run a model ends without an error."""
    try:
        attempt()
    except ModelError:
        return False
    return True


def divisible(side: int) -> int:
    """The largest side of that kind that fits; 0 where none does."""
    return side // STEPS[-1] * STEPS[-1]


def _odd_multiple(side: int, step: int) -> int:
    """The next multiple that is none of twice the step."""
    times = -(-side // step)
    return (times + (times % 2 == 0)) * step
