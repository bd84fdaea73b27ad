"""Pixels → the tensor a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpredict.domain import ChannelOrder, Preprocessing, Scaling
from mlpredict.inference.preprocessing_entries import NAMED_SCALES, preprocessing_of
from mlpredict.inference.signature import Quantisation, TensorSpec, random_pixels, to_tensor

if TYPE_CHECKING:
    from mlpredict.domain import Pixels

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


@pytest.mark.parametrize("mode", ["tf", "torch", "caffe"])
@pytest.mark.parametrize("floats", [False, True])
def test_presets_are_keras_s_to_the_last_bit(mode: str, floats: bool) -> None:
    from keras.applications import imagenet_utils

    pixels: Pixels = random_pixels((2, 40, 50, 3))
    if floats:
        pixels = np.random.default_rng(0).uniform(0, 255, pixels.shape).astype(np.float32)
    expected = imagenet_utils.preprocess_input(pixels.astype(np.float32), "channels_last", mode)
    tensor = to_tensor(pixels, taking(), preprocessing_of({"preprocess": mode}))
    np.testing.assert_array_equal(tensor, expected)


def test_teachable_machine_s_preset_is_its_own_formula() -> None:
    tensor = to_tensor(LEVELS, taking(), preprocessing_of({"preprocess": "teachable-machine"}))
    np.testing.assert_array_equal(tensor, (LEVELS.astype(np.float32) / 127.5) - 1)


def test_raw_is_the_pixel_itself() -> None:
    tensor = to_tensor(LEVELS, taking(), preprocessing_of({"preprocess": "raw"}))
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor, LEVELS)


@pytest.mark.parametrize(("channels", "order"), [(3, [2, 1, 0]), (4, [2, 1, 0, 3])])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_blue_may_come_first(channels: int, order: list[int], dtype: str) -> None:
    pixels = random_pixels((2, 3, 4, channels))
    tensor = to_tensor(pixels, taking(dtype), Preprocessing(Scaling(1.0), channels=ChannelOrder.BGR))
    np.testing.assert_array_equal(tensor, pixels[..., order])


def test_images_are_standardized_as_by_tensorflow() -> None:
    import tensorflow as tf

    pixels = random_pixels((4, 21, 30, 3))
    pixels[1] = pixels[1] // 8 + 90
    pixels[2] = 7
    pixels[3, ..., 1:] = 0
    expected = tf.image.per_image_standardization(pixels).numpy()
    tensor = to_tensor(pixels, taking(), preprocessing_of({"scale": "per-image-standardization"}))
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor, expected, rtol=2e-6, atol=1e-6)


def test_images_are_stretched_each_from_its_darkest_to_its_lightest() -> None:
    pixels = np.array([[10, 20, 60], [7, 7, 7]], np.uint8).reshape(2, 1, 3, 1)
    tensor = to_tensor(pixels, taking(), preprocessing_of({"scale": "min-max"}))
    np.testing.assert_array_equal(tensor.reshape(2, 3), np.array([[0, 0.2, 1], [0, 0, 0]], np.float32))


@pytest.mark.parametrize("scale", ["min-max", "per-image-standardization"])
def test_no_image_at_all_is_scaled_too(scale: str) -> None:
    none = np.empty((0, 4, 4, 1), np.uint8)
    assert to_tensor(none, taking(), preprocessing_of({"scale": scale})).shape == (0, 4, 4, 1)


def test_values_between_levels_are_rounded_for_integers_and_stay_within_them() -> None:
    pixels = np.array([-3.2, 0.4, 0.6, 254.6, 261.0], np.float32).reshape(1, 1, 5, 1)
    tensor = to_tensor(pixels, taking("uint8"), Preprocessing())
    assert tensor.ravel().tolist() == [0, 0, 1, 255, 255]


def test_channels_come_first_where_the_model_has_them_first() -> None:
    pixels = np.arange(2 * 3 * 5 * 3, dtype=np.uint8).reshape(2, 3, 5, 3)
    tensor = to_tensor(pixels, TensorSpec("image", (None, 3, 3, 5), "uint8"), Preprocessing())
    assert tensor.shape == (2, 3, 3, 5)
    assert tensor.flags.c_contiguous
    np.testing.assert_array_equal(tensor[1, 2], pixels[1, :, :, 2])


@pytest.mark.parametrize(("shape", "channels"), [((None, 192), 3), ((None, 64), 1), ((None, 64, 1), 1)])
def test_a_flat_input_has_row_after_row_and_a_pixel_s_channels_side_by_side(
    shape: tuple[int | None, ...], channels: int
) -> None:
    pixels = np.arange(2 * 64 * channels, dtype=np.uint8).reshape(2, 8, 8, channels)
    tensor = to_tensor(pixels, TensorSpec("image", shape, "uint8"), Preprocessing())
    assert tensor.shape == (2, *shape[1:])
    np.testing.assert_array_equal(tensor.ravel(), pixels.ravel())


def test_the_pixels_themselves_are_not_changed() -> None:
    pixels = LEVELS.copy()
    to_tensor(pixels, taking(), Preprocessing(Scaling(255.0, (0.5,), (0.5,))))
    np.testing.assert_array_equal(pixels, LEVELS)


def test_noise_is_the_same_every_time() -> None:
    first, second = random_pixels((2, 3, 4, 1)), random_pixels((2, 3, 4, 1))
    assert first.shape == (2, 3, 4, 1)
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) > 10


def quantised(dtype: str, scale: float, zero_point: int) -> TensorSpec:
    return TensorSpec("image", (None,) * 4, dtype, Quantisation(scale, zero_point))


@pytest.mark.parametrize(("scale", "zero_point"), [(1 / 255, 0), (0.0078125, 128), (0.0187, 114), (1.0, 0)])
def test_a_quantised_input_of_uint8_is_the_pixels_themselves(scale: float, zero_point: int) -> None:
    tensor = to_tensor(LEVELS, quantised("uint8", scale, zero_point), Preprocessing())
    assert tensor.dtype == np.uint8
    np.testing.assert_array_equal(tensor, LEVELS)


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(1 / 255, -128), (1.0, -128), (0.5, 0), (0.007843137718737125, -1)]
)
def test_a_quantised_input_of_int8_is_the_pixels_minus_128(scale: float, zero_point: int) -> None:
    tensor = to_tensor(LEVELS, quantised("int8", scale, zero_point), Preprocessing())
    assert tensor.dtype == np.int8
    np.testing.assert_array_equal(tensor, LEVELS.astype(int) - 128)


def test_int8_without_a_quantisation_is_the_pixels_minus_128_too() -> None:
    np.testing.assert_array_equal(
        to_tensor(LEVELS, taking("int8"), Preprocessing()), LEVELS.astype(int) - 128
    )


def test_pixels_between_the_levels_are_rounded() -> None:
    between = LEVELS.astype(np.float32) + np.float32(0.4)
    tensor = to_tensor(between, quantised("int8", 1.0, -128), Preprocessing())
    np.testing.assert_array_equal(tensor, LEVELS.astype(int) - 128)


@pytest.mark.parametrize(
    ("scaling", "quantisation", "expected"),
    [
        pytest.param(Scaling(255.0), ("int8", 1 / 255, -128), LEVELS.astype(int) - 128, id="0..1, of 1/255"),
        pytest.param(Scaling(255.0), ("uint8", 1 / 255, 0), LEVELS, id="0..1, of 1/255 without a sign"),
        pytest.param(
            Scaling(127.5, (1.0,)),
            ("uint8", 0.0078125, 128),
            np.rint((LEVELS / 127.5 - 1) * 128 + 128).clip(0, 255),
            id="-1..1",
        ),
        pytest.param(Scaling(1.0), ("int8", 1.0, -128), LEVELS.astype(int) - 128, id="0..255"),
        pytest.param(Scaling(1.0), ("uint8", 0.0078125, 128), LEVELS, id="0..255, with no room for them"),
        pytest.param(
            Scaling(0.5), ("uint8", 1.0, 0), (LEVELS.astype(int) * 2).clip(0, 255), id="out of range"
        ),
        pytest.param(
            None, ("int16", 1 / 32768, 0), np.rint(LEVELS / 255 * 32768).clip(0, 32767), id="16 bits"
        ),
    ],
)
def test_a_stated_scale_is_of_real_numbers_that_are_quantised(
    scaling: Scaling | None, quantisation: tuple[str, float, int], expected: NDArray[np.float64]
) -> None:
    tensor = to_tensor(LEVELS, quantised(*quantisation), Preprocessing(scaling=scaling))
    assert tensor.dtype == np.dtype(quantisation[0])
    np.testing.assert_array_equal(tensor, expected)
