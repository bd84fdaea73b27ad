"""Filters of OpenCV and TensorFlow, against OpenCV and TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mlpredict.domain import Preprocessing, Resize
from mlpredict.inputs import opencv_filters
from mlpredict.inputs.resizing import passes
from tests.unit.images import decoded, file_of, spec

Bytes = NDArray[np.uint8]

# From (height, width) to (height, width): up, down, odd, one pixel, other proportions, whole scales.
SIZES = [
    ((1, 1), (1, 1)),
    ((1, 1), (5, 6)),
    ((1, 9), (4, 3)),
    ((9, 1), (3, 4)),
    ((2, 2), (1, 1)),
    ((5, 7), (9, 4)),
    ((28, 28), (28, 28)),
    ((28, 28), (28, 30)),
    ((37, 53), (36, 52)),
    ((50, 50), (100, 100)),
    ((3, 3), (224, 224)),
    ((64, 64), (32, 32)),
    ((96, 96), (32, 48)),
    ((56, 84), (28, 28)),
    ((97, 64), (31, 32)),
    ((98, 98), (2, 49)),
    ((100, 130), (28, 28)),
    ((101, 201), (17, 40)),
    ((48, 48), (197, 197)),
    ((300, 200), (299, 299)),
    ((480, 640), (224, 224)),
    ((640, 480), (48, 48)),
    ((600, 800), (64, 64)),
]
OPENCV = {
    Resize.OPENCV_NEAREST: cv2.INTER_NEAREST,
    Resize.OPENCV_LINEAR: cv2.INTER_LINEAR,
    Resize.OPENCV_AREA: cv2.INTER_AREA,
    Resize.OPENCV_CUBIC: cv2.INTER_CUBIC,
}


def noise(height: int, width: int, channels: int) -> Bytes:
    """Every value for itself, at its worst."""
    random = np.random.default_rng(height * 1009 + width * 7 + channels)
    return random.integers(0, 256, (height, width, channels), np.uint8)


def photo(height: int, width: int, channels: int) -> Bytes:
    """Soft shapes with hard edges between them, and grain."""
    down, across = np.mgrid[:height, :width] / max(height, width)
    soft = 128 + 100 * np.sin(9 * down + 3 * across)[..., None] * np.linspace(0.5, 1, channels)
    soft[(across - 0.4) ** 2 + (down - 0.3) ** 2 < 0.05] = 240
    grain = np.random.default_rng(1).normal(0, 5, (height, width, channels))
    return np.asarray(np.clip(soft + grain, 0, 255), np.uint8)


def black_and_white(height: int, width: int, channels: int) -> Bytes:
    """Nothing but 0 and 255, where cubic filters overshoot."""
    return np.where(noise(height, width, channels) > 127, 255, 0).astype(np.uint8)


MAKERS: list[Callable[[int, int, int], Bytes]] = [noise, photo, black_and_white]


def resized(image: Bytes, target: tuple[int, int], preprocessing: Preprocessing) -> NDArray[Any]:
    across, down = passes(preprocessing, (image.shape[1], image.shape[0]), (target[1], target[0]))
    return down(across(image))


def by_opencv(image: Bytes, target: tuple[int, int], resize: Resize) -> Bytes:
    made = cv2.resize(image, (target[1], target[0]), interpolation=OPENCV[resize])
    return np.asarray(made, np.uint8).reshape(*target, image.shape[2])


@pytest.mark.parametrize("resize", [Resize.OPENCV_NEAREST, Resize.OPENCV_LINEAR, Resize.OPENCV_AREA])
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("source", "target"), SIZES)
def test_opencv_s_filters_are_the_same_to_the_last_bit(
    source: tuple[int, int],
    target: tuple[int, int],
    channels: int,
    make: Callable[[int, int, int], Bytes],
    resize: Resize,
) -> None:
    image = make(*source, channels)
    made = resized(image, target, Preprocessing(resize=resize))
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, by_opencv(image, target, resize))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("source", "target"), SIZES)
def test_opencv_s_cubic_is_never_two_levels_apart(
    source: tuple[int, int], target: tuple[int, int], channels: int, make: Callable[[int, int, int], Bytes]
) -> None:
    image = make(*source, channels)
    made = resized(image, target, Preprocessing(resize=Resize.OPENCV_CUBIC))
    apart = np.abs(made.astype(int) - by_opencv(image, target, Resize.OPENCV_CUBIC))
    assert made.dtype == np.uint8
    assert apart.max() <= 1
    if min(source) >= 4 and cv2.ipp.useIPP():
        # Elsewhere OpenCV computes with integers, as it does everywhere for the smallest images.
        assert apart.mean() < (5e-3 if make is black_and_white else 1e-3)


def test_any_sizes_come_out_as_opencv_s() -> None:
    random = np.random.default_rng(2020)
    for _ in range(300):
        (height, width, *target), channels = random.integers(1, 150, 4).tolist(), int(random.choice([1, 3]))
        image = noise(height, width, channels)
        for resize in (Resize.OPENCV_NEAREST, Resize.OPENCV_LINEAR, Resize.OPENCV_AREA):
            made = resized(image, (target[0], target[1]), Preprocessing(resize=resize))
            same = by_opencv(image, (target[0], target[1]), resize)
            assert (made == same).all(), (resize, image.shape, target)


def test_whole_scales_come_out_as_opencv_s() -> None:
    random = np.random.default_rng(2021)
    for _ in range(200):
        height, width, down, across = random.integers(1, 30, 4).tolist()
        image = photo(height * down, width * across, 3)
        for resize in (Resize.OPENCV_LINEAR, Resize.OPENCV_AREA):
            made = resized(image, (height, width), Preprocessing(resize=resize))
            same = by_opencv(image, (height, width), resize)
            assert (made == same).all(), (resize, image.shape, height, width)


def test_opencv_s_grey_is_the_same_to_the_last_bit() -> None:
    levels = np.arange(0, 256, 3)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).astype(np.uint8).reshape(-1, len(levels), 3)
    same = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    np.testing.assert_array_equal(opencv_filters.grey(colours), same)
    apart = np.abs(np.asarray(Image.fromarray(colours).convert("L")).astype(int) - same)
    # What there would be without it.
    assert apart.max() == 1
    assert 0 < apart.mean() < 0.002


@pytest.mark.parametrize("resize", OPENCV)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_comes_out_as_from_opencv_itself(channels: int, resize: Resize) -> None:
    content = file_of(Image.fromarray(photo(90, 70, 3)))
    read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    wanted = read[..., ::-1] if channels == 3 else cv2.cvtColor(read, cv2.COLOR_BGR2GRAY)[..., None]
    made = decoded(content, spec(channels, 28, 32, Preprocessing(resize=resize))).pixels
    apart = np.abs(made.astype(int) - by_opencv(np.ascontiguousarray(wanted), (28, 32), resize))
    assert apart.max() <= (1 if resize is Resize.OPENCV_CUBIC else 0)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("source", "target"), SIZES)
def test_tensorflow_s_filters_are_the_same(
    source: tuple[int, int], target: tuple[int, int], channels: int, make: Callable[[int, int, int], Bytes]
) -> None:
    import tensorflow as tf

    image = make(*source, channels)
    for resize, dtype in (
        (Resize.NEAREST, np.uint8),
        (Resize.BILINEAR, np.float32),
        (Resize.BICUBIC, np.float32),
    ):
        made = resized(image, target, Preprocessing(resize=resize, antialias=False))
        same = tf.image.resize(image, target, method=resize.value).numpy()
        assert made.dtype == dtype
        if resize is Resize.BICUBIC:
            # A cubic filter adds values of 255 that cancel: the last bits of those are left.
            np.testing.assert_allclose(made, same, rtol=1e-6, atol=255e-6)
        else:
            np.testing.assert_array_equal(made, same)


def test_float_pixels_come_out_of_a_file_as_they_are() -> None:
    import tensorflow as tf

    image = photo(90, 70, 3)
    wanted = spec(3, 28, 32, Preprocessing(resize=Resize.BILINEAR, antialias=False))
    sample = decoded(file_of(Image.fromarray(image)), wanted)
    assert sample.pixels.dtype == np.float32
    np.testing.assert_array_equal(sample.pixels, tf.image.resize(image, (28, 32)).numpy())


def test_filters_that_always_antialias_are_refused() -> None:
    with pytest.raises(ValueError, match="lanczos always antialiases"):
        passes(Preprocessing(resize=Resize.LANCZOS, antialias=False), (9, 9), (3, 3))
