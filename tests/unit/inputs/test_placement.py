"""Where an image comes to lie, against Pillow, Keras, TensorFlow and torchvision's formulas."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from mlpredict.domain import Fit, ImageSpec, Preprocessing, Resize
from mlpredict.inputs.placement import least_side, placement
from tests.unit.images import array, decoded, file_of, spec

SIZES = [(1, 1), (1, 40), (40, 1), (7, 5), (28, 28), (31, 29), (100, 37), (37, 100), (64, 32), (300, 200)]
TARGETS = [(1, 1), (5, 9), (28, 28), (40, 24), (24, 41)]


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    random = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(random.integers(0, 256, (height, width, 4), np.uint8)).convert(mode)


def made(image: Image.Image, target: tuple[int, int], preprocessing: Preprocessing) -> Image.Image:
    channels = len(image.getbands())
    wanted = spec(channels, target[1], target[0], preprocessing)
    return Image.fromarray(decoded(file_of(image), wanted).pixels.squeeze(2 if channels == 1 else ()))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_cropping_and_padding_are_pillow_s(size: tuple[int, int], target: tuple[int, int], mode: str) -> None:
    image, lanczos = picture(*size, mode), Image.Resampling.LANCZOS
    cropped = made(image, target, Preprocessing(resize=Resize.LANCZOS, fit=Fit.CROP))
    np.testing.assert_array_equal(array(cropped), array(ImageOps.fit(image, target, lanczos)))
    padded = made(image, target, Preprocessing(resize=Resize.LANCZOS, fit=Fit.PAD))
    if 0 in ImageOps.contain(image, target).size:
        # Of what is long and narrow Pillow leaves nothing.
        assert array(padded).any()
    else:
        expected = ImageOps.pad(image, target, lanczos, "black")
        np.testing.assert_array_equal(array(padded), array(expected))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_cropping_for_a_filter_without_antialiasing_is_keras_s(
    size: tuple[int, int], target: tuple[int, int]
) -> None:
    import keras

    image = picture(*size)
    wanted = Preprocessing(resize=Resize.BILINEAR, antialias=False, fit=Fit.CROP)
    pixels = decoded(file_of(image), spec(3, target[1], target[0], wanted)).pixels
    expected = keras.preprocessing.image.smart_resize(array(image), (target[1], target[0]), "bilinear")
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("part", [0.875, 0.5, 0.33, 1.0, 0.01])
def test_a_central_crop_is_tensorflow_s(size: tuple[int, int], part: float) -> None:
    import tensorflow as tf

    image = picture(*size)
    pixels = decoded(file_of(image), spec(3, preprocessing=Preprocessing(central_crop=part))).pixels
    np.testing.assert_array_equal(pixels, tf.image.central_crop(array(image), part).numpy())


def test_a_central_crop_comes_before_the_size() -> None:
    image = picture(100, 60)
    cropped = image.crop((6, 3, 94, 57))
    wanted = Preprocessing(resize=Resize.BILINEAR, central_crop=0.875)
    np.testing.assert_array_equal(
        array(made(image, (28, 28), wanted)), array(cropped.resize((28, 28), Image.Resampling.BILINEAR))
    )


def as_torchvision(image: Image.Image, side: int, target: tuple[int, int]) -> Image.Image:
    """`Resize(side)`, then `CenterCrop(target)`, of a Pillow image."""
    width, height = image.size
    short, long = sorted(image.size)
    scaled = (side, int(side * long / short)) if width <= height else (int(side * long / short), side)
    resized = image.resize(scaled, Image.Resampling.BILINEAR)
    left = round((scaled[0] - target[0]) / 2.0)
    top = round((scaled[1] - target[1]) / 2.0)
    return resized.crop((left, top, left + target[0], top + target[1]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("side", "target"), [(256, (224, 224)), (41, (24, 41)), (33, (28, 28)), (28, (28, 28))]
)
def test_the_shorter_side_is_resized_and_the_middle_cut_out_as_by_torchvision(
    size: tuple[int, int], side: int, target: tuple[int, int]
) -> None:
    image = picture(*size)
    wanted = Preprocessing(resize=Resize.BILINEAR, fit=Fit.CROP, resize_to=side)
    expected = as_torchvision(image, side, target)
    np.testing.assert_array_equal(array(made(image, target, wanted)), array(expected))


def test_an_image_of_the_model_s_size_is_still_resized_and_cut() -> None:
    image = picture(28, 28)
    wanted = Preprocessing(resize=Resize.BILINEAR, fit=Fit.CROP, resize_to=32)
    np.testing.assert_array_equal(
        array(made(image, (28, 28), wanted)), array(as_torchvision(image, 32, (28, 28)))
    )


@pytest.mark.parametrize("resize", [Resize.OPENCV_LINEAR, Resize.OPENCV_AREA])
@pytest.mark.parametrize("fit", [Fit.PAD, Fit.CROP])
@pytest.mark.parametrize("size", [(60, 30), (30, 60), (31, 29), (3, 200)])
def test_other_filters_lie_at_the_same_place(resize: Resize, fit: Fit, size: tuple[int, int]) -> None:
    flat = Image.new("RGB", size, (200, 100, 50))
    ours, pillow_s = (
        made(flat, (28, 20), Preprocessing(resize=one, fit=fit, background="blue"))
        for one in (resize, Resize.LANCZOS)
    )
    np.testing.assert_array_equal(array(ours), array(pillow_s))


def test_other_filters_are_cut_out_of_the_middle_too() -> None:
    import tensorflow as tf

    image = picture(50, 40)
    wanted = Preprocessing(resize=Resize.BILINEAR, antialias=False, fit=Fit.CROP, resize_to=32)
    pixels = decoded(file_of(image), spec(3, 28, 28, wanted)).pixels
    np.testing.assert_array_equal(pixels, tf.image.resize(array(image), (32, 40)).numpy()[2:30, 6:34])


@pytest.mark.parametrize(
    ("preprocessing", "side"),
    [
        (Preprocessing(), 32),
        (Preprocessing(fit=Fit.CROP, resize_to=40), 40),
        (Preprocessing(central_crop=0.5), 64),
        (Preprocessing(central_crop=0.3, fit=Fit.CROP, resize_to=40), 134),
    ],
)
def test_what_is_needed_of_an_image_is_known(preprocessing: Preprocessing, side: int) -> None:
    assert least_side(ImageSpec(28, 32, 3, preprocessing)) == side
    assert least_side(ImageSpec(28, None, 3, preprocessing)) is None


def test_nothing_is_ever_cut_out_of_what_is_not_there() -> None:
    for size in SIZES:
        for target in TARGETS:
            for fit in Fit:
                for part in (None, 0.01, 0.9):
                    for whole in (False, True):
                        wanted = spec(3, target[1], target[0], Preprocessing(fit=fit, central_crop=part))
                        placed = placement(size, wanted, whole_pixels=whole)
                        left, top, right, bottom = placed.region
                        assert 0 <= left < right <= size[0]
                        assert 0 <= top < bottom <= size[1]
                        assert min(placed.size) > 0
                        assert placed.canvas == target
