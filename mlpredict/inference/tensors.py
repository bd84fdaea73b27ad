"""Pixels → the tensor a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.domain import Scaling
from mlpredict.inference.signature import TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIT_INTERVAL = Scaling(255.0)
AS_THEY_ARE = Scaling(1.0)


def to_tensor(pixels: NDArray[np.uint8], spec: TensorSpec, scaling: Scaling | None) -> NDArray[Any]:
    """Scale pixels of shape (batch, height, width, channels) to the dtype and rank of an input.

    Floats are `(pixel / divisor - mean) / std` in float32; without a scaling they are 0..1 for an
    input of floats and 0..255 for one of integers.
    """
    dtype = np.dtype(spec.dtype)
    if scaling is None:
        scaling = UNIT_INTERVAL if dtype.kind == "f" else AS_THEY_ARE
    tensor: NDArray[Any] = pixels if scaling == AS_THEY_ARE else _scaled(pixels, scaling)
    if len(spec.shape) == 3:
        tensor = tensor[..., 0]
    return np.ascontiguousarray(tensor, dtype=dtype)


def _scaled(pixels: NDArray[np.uint8], scaling: Scaling) -> NDArray[np.float32]:
    tensor = np.divide(pixels, np.float32(scaling.divisor), dtype=np.float32)
    if any(scaling.mean):
        tensor -= np.asarray(scaling.mean, np.float32)
    if any(std != 1 for std in scaling.std):
        tensor /= np.asarray(scaling.std, np.float32)
    return tensor


def random_pixels(shape: tuple[int, int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Noise to try a model on: uint8 of shape (batch, height, width, channels)."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
