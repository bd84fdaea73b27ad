"""Photos, which are decoded at a reduced scale: hardly a pixel may tell."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mlpredict.domain import Fit, ImageSpec, Preprocessing
from mlpredict.inputs import image as decoding
from tests.unit.images import decoded, file_of

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


def differences(wanted: ImageSpec, content: bytes, patch: pytest.MonkeyPatch) -> NDArray[np.int64]:
    reduced = decoded(content, wanted).pixels.astype(np.int64)
    patch.setattr(decoding, "_decode_at_reduced_scale", lambda _image, _spec: None)
    return np.asarray(np.abs(reduced - decoded(content, wanted).pixels))


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_reduced_scale_hardly_moves_a_pixel(
    channels: int, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ImageSpec(96, 64, channels, Preprocessing(fit=fit))
    apart = differences(wanted, file_of(photo(), "JPEG", quality=90), monkeypatch)
    assert 0 < apart.max() <= LARGEST_DIFFERENCE
    assert apart.mean() <= MEAN_DIFFERENCE


def test_a_photo_much_larger_than_the_input_is_not_reduced_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Image.new("L", (WIDTH, HEIGHT), "white")
    ImageDraw.Draw(drawn).ellipse((400, 150, 1000, 800), outline="black", width=90)
    apart = differences(ImageSpec(28, 28, 1), file_of(drawn, "JPEG", quality=90), monkeypatch)
    assert apart.max() <= LARGEST_DIFFERENCE


def test_a_turned_photo_is_large_enough_after_it_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wanted = ImageSpec(200, 30, 3)
    apart = differences(wanted, file_of(photo(), "JPEG", quality=90, exif=exif), monkeypatch)
    assert apart.max() <= LARGEST_DIFFERENCE


def test_the_size_that_is_told_is_the_file_s_own() -> None:
    sample = decoded(file_of(photo(), "JPEG"), ImageSpec(28, 28, 1))
    assert (sample.width, sample.height) == (WIDTH, HEIGHT)
