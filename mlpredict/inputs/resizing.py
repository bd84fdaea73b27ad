"""Filters that Pillow has not: those of OpenCV and of TensorFlow, in numpy.

All of them go through the rows first, one by one, and then through the columns. So the rows of a large
image may come in bands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from mlpredict.domain import Preprocessing, Resize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.uint8]


class Passes(NamedTuple):
    """A filter made for one size of image and one of model input.

    `across` takes rows of shape (any number, width, channels) to whatever `down` takes when there are
    all of them; `down` gives pixels of shape (height, width, channels) of the model's input.
    """

    across: Callable[[Rows], NDArray[Any]]
    down: Callable[[NDArray[Any]], NDArray[Any]]


def passes(preprocessing: Preprocessing, source: tuple[int, int], target: tuple[int, int]) -> Passes:
    """The filter that a preprocessing asks for; sizes are width and height."""
    from mlpredict.inputs import opencv_filters, tensorflow_filters

    match preprocessing.resize:
        case Resize.OPENCV_NEAREST:
            return opencv_filters.nearest(source, target)
        case Resize.OPENCV_LINEAR:
            return opencv_filters.linear(source, target)
        case Resize.OPENCV_CUBIC:
            return opencv_filters.cubic(source, target)
        case Resize.OPENCV_AREA:
            return opencv_filters.area(source, target)
        case Resize.NEAREST:
            return tensorflow_filters.nearest(source, target)
        case Resize.BILINEAR:
            return tensorflow_filters.bilinear(source, target)
        case Resize.BICUBIC:
            return tensorflow_filters.bicubic(source, target)
    raise ValueError(f"{preprocessing.resize} always antialiases")
