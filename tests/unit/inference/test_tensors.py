"""Pixels → the tensor a model takes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpredict.domain import Scaling
from mlpredict.inference.sidecar import NAMED_SCALES
from mlpredict.inference.signature import TensorSpec, random_pixels, to_tensor

LEVELS = np.arange(256, dtype=np.uint8).reshape(2, 8, 16, 1)


def taking(dtype: str = "float32", rank: int = 4) -> TensorSpec:
    return TensorSpec("image", (None,) * rank, dtype)


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        pytest.param(None, LEVELS / 255, id="none"),
        pytest.param(NAMED_SCALES["0..1"], LEVELS / 255, id="0..1"),
        pytest.param(NAMED_SCALES["-1..1"], LEVELS / 127.5 - 1, id="-1..1"),
        pytest.param(NAMED_SCALES["0..255"], LEVELS.astype(float), id="0..255"),
        pytest.param(Scaling(255.0, (0.5,), (0.25,)), (LEVELS / 255 - 0.5) / 0.25, id="mean and std"),
    ],
)
def test_floats_are_scaled(scaling: Scaling | None, expected: NDArray[np.float64]) -> None:
    tensor = to_tensor(LEVELS, taking(), scaling)
    assert tensor.dtype == np.float32
    assert tensor.shape == LEVELS.shape
    np.testing.assert_allclose(tensor, expected, atol=1e-6)


def test_white_is_exactly_one_and_black_exactly_zero() -> None:
    tensor = to_tensor(LEVELS, taking(), None)
    assert (tensor.min(), tensor.max()) == (0.0, 1.0)


def test_every_channel_has_its_own_mean_and_std() -> None:
    pixels = np.full((1, 2, 2, 3), 255, np.uint8)
    tensor = to_tensor(pixels, taking(), Scaling(255.0, (0.0, 0.5, 1.0), (1.0, 0.5, 2.0)))
    np.testing.assert_array_equal(tensor[0, 0, 0], [1.0, 1.0, 0.0])


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_integers_are_the_pixels_themselves(dtype: str) -> None:
    tensor = to_tensor(LEVELS, taking(dtype), None)
    assert tensor.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(tensor, LEVELS)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_are_scaled_too(dtype: str) -> None:
    tensor = to_tensor(LEVELS, taking(dtype), None)
    assert tensor.dtype == np.dtype(dtype)
    np.testing.assert_allclose(tensor, LEVELS / 255, atol=1e-3)


def test_a_model_without_channels_gets_none() -> None:
    tensor = to_tensor(LEVELS, taking(rank=3), None)
    assert tensor.shape == (2, 8, 16)
    assert tensor.flags.c_contiguous


def test_channels_come_first_where_the_model_has_them_first() -> None:
    pixels = np.arange(2 * 3 * 5 * 3, dtype=np.uint8).reshape(2, 3, 5, 3)
    tensor = to_tensor(pixels, TensorSpec("image", (None, 3, 3, 5), "uint8"), None)
    assert tensor.shape == (2, 3, 3, 5)
    assert tensor.flags.c_contiguous
    np.testing.assert_array_equal(tensor[1, 2], pixels[1, :, :, 2])


@pytest.mark.parametrize(("shape", "channels"), [((None, 192), 3), ((None, 64), 1), ((None, 64, 1), 1)])
def test_a_flat_input_has_row_after_row_and_a_pixel_s_channels_side_by_side(
    shape: tuple[int | None, ...], channels: int
) -> None:
    pixels = np.arange(2 * 64 * channels, dtype=np.uint8).reshape(2, 8, 8, channels)
    tensor = to_tensor(pixels, TensorSpec("image", shape, "uint8"), None)
    assert tensor.shape == (2, *shape[1:])
    np.testing.assert_array_equal(tensor.ravel(), pixels.ravel())


def test_the_pixels_themselves_are_not_changed() -> None:
    pixels = LEVELS.copy()
    to_tensor(pixels, taking(), Scaling(255.0, (0.5,), (0.5,)))
    np.testing.assert_array_equal(pixels, LEVELS)


def test_noise_is_the_same_every_time() -> None:
    first, second = random_pixels((2, 3, 4, 1)), random_pixels((2, 3, 4, 1))
    assert first.shape == (2, 3, 4, 1)
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) > 10
