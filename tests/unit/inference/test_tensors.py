"""Pixels → the tensor a model takes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpredict.domain import Preprocessing, Scaling
from mlpredict.inference.preprocessing_entries import NAMED_SCALES
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
    tensor = to_tensor(LEVELS, taking(), Preprocessing(scaling))
    assert tensor.dtype == np.float32
    assert tensor.shape == LEVELS.shape
    np.testing.assert_allclose(tensor, expected, atol=1e-6)


def test_white_is_exactly_one_and_black_exactly_zero() -> None:
    tensor = to_tensor(LEVELS, taking(), Preprocessing())
    assert (tensor.min(), tensor.max()) == (0.0, 1.0)


def test_every_channel_has_its_own_mean_and_std() -> None:
    pixels = np.full((1, 2, 2, 3), 255, np.uint8)
    tensor = to_tensor(pixels, taking(), Preprocessing(Scaling(255.0, (0.0, 0.5, 1.0), (1.0, 0.5, 2.0))))
    np.testing.assert_array_equal(tensor[0, 0, 0], [1.0, 1.0, 0.0])


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_integers_are_the_pixels_themselves(dtype: str) -> None:
    tensor = to_tensor(LEVELS, taking(dtype), Preprocessing())
    assert tensor.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(tensor, LEVELS)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_are_scaled_too(dtype: str) -> None:
    tensor = to_tensor(LEVELS, taking(dtype), Preprocessing())
    assert tensor.dtype == np.dtype(dtype)
    np.testing.assert_allclose(tensor, LEVELS / 255, atol=1e-3)


def test_a_model_without_channels_gets_none() -> None:
    tensor = to_tensor(LEVELS, taking(rank=3), Preprocessing())
    assert tensor.shape == (2, 8, 16)
    assert tensor.flags.c_contiguous


def test_the_pixels_themselves_are_not_changed() -> None:
    pixels = LEVELS.copy()
    to_tensor(pixels, taking(), Preprocessing(Scaling(255.0, (0.5,), (0.5,))))
    np.testing.assert_array_equal(pixels, LEVELS)


def test_noise_is_the_same_every_time() -> None:
    first, second = random_pixels((2, 3, 4, 1)), random_pixels((2, 3, 4, 1))
    assert first.shape == (2, 3, 4, 1)
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) > 10
