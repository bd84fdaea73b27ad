"""Photos that may be decoded at a reduced scale: where they are smooth, hardly a pixel may tell."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from mlpredict.domain import Decode, Fit, ImageSpec, Preprocessing, Resize
from tests.unit.images import array, decoded, file_of

WIDTH, HEIGHT = 1500, 1000
# Of 255.
LARGEST_DIFFERENCE = 3
MEAN_DIFFERENCE = 0.3


def photo() -> Image.Image:
    """Smooth shapes of all sizes with a little grain, as a photograph has them."""
    random = np.random.default_rng(5)
    layers = [
        np.asarray(
            Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).resize((WIDTH, HEIGHT)),
            np.float64,
        )
        for side in (3, 9, 40)
    ]
    grain = random.normal(0, 4, (HEIGHT, WIDTH, 3))
    return Image.fromarray(np.clip(np.mean(layers, axis=0) + grain, 0, 255).astype(np.uint8))


def differences(height: int, width: int, channels: int, fit: Fit, content: bytes) -> NDArray[np.int64]:
    full, reduced = (
        decoded(content, ImageSpec(height, width, channels, Preprocessing(fit=fit, decode=decode))).pixels
        for decode in (Decode.FULL, Decode.REDUCED)
    )
    return np.asarray(np.abs(full.astype(np.int64) - reduced))


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_reduced_scale_hardly_moves_a_pixel_of_a_smooth_photo(channels: int, fit: Fit) -> None:
    apart = differences(96, 64, channels, fit, file_of(photo(), "JPEG", quality=90))
    assert 0 < apart.max() <= LARGEST_DIFFERENCE
    assert apart.mean() <= MEAN_DIFFERENCE


def test_a_photo_much_larger_than_the_input_is_not_reduced_too_far() -> None:
    drawn = Image.new("L", (WIDTH, HEIGHT), "white")
    ImageDraw.Draw(drawn).ellipse((400, 150, 1000, 800), outline="black", width=90)
    apart = differences(28, 28, 1, Fit.STRETCH, file_of(drawn, "JPEG", quality=90))
    assert 0 < apart.max() <= LARGEST_DIFFERENCE


def test_a_turned_photo_is_large_enough_after_it_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    apart = differences(200, 30, 3, Fit.STRETCH, file_of(photo(), "JPEG", quality=90, exif=exif))
    assert 0 < apart.max() <= LARGEST_DIFFERENCE


@pytest.mark.parametrize(
    "cut", [Preprocessing(fit=Fit.CROP, resize_to=240), Preprocessing(central_crop=0.25)]
)
def test_what_is_cut_out_is_large_enough_too(cut: Preprocessing) -> None:
    content = file_of(photo(), "JPEG", quality=90)
    full, reduced = (
        decoded(content, ImageSpec(60, 60, 3, cut._replace(decode=decode))).pixels.astype(np.int64)
        for decode in (Decode.FULL, Decode.REDUCED)
    )
    # It would be 13 if the photo were decoded at a quarter of its size.
    assert 0 < np.abs(full - reduced).max() <= 2 * LARGEST_DIFFERENCE


@pytest.mark.parametrize("fit", Fit)
def test_without_a_word_all_of_a_photo_is_decoded(fit: Fit) -> None:
    wanted = ImageSpec(96, 64, 3, Preprocessing(fit=fit, resize=Resize.LANCZOS))
    content = file_of(photo(), "JPEG", quality=90)
    whole = Image.open(io.BytesIO(content))
    assert whole.size == (WIDTH, HEIGHT)
    fitted = {
        Fit.STRETCH: lambda: whole.resize((64, 96), Image.Resampling.LANCZOS),
        Fit.CROP: lambda: ImageOps.fit(whole, (64, 96), Image.Resampling.LANCZOS),
        Fit.PAD: lambda: ImageOps.pad(whole, (64, 96), Image.Resampling.LANCZOS),
    }[fit]()
    np.testing.assert_array_equal(decoded(content, wanted).pixels, array(fitted))


def test_the_size_that_is_told_is_the_file_s_own() -> None:
    sample = decoded(file_of(photo(), "JPEG"), ImageSpec(28, 28, 1))
    assert (sample.width, sample.height) == (WIDTH, HEIGHT)
