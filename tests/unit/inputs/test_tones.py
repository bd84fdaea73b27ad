"""Thresholds and negatives, against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mlpredict.domain import OTSU, Fit, Preprocessing, Resize
from mlpredict.inputs.tones import otsu
from tests.unit.images import decoded, file_of, spec

Bytes = NDArray[np.uint8]


def made(image: Bytes, preprocessing: Preprocessing, side: int | None = None) -> Bytes:
    channels = image.shape[2] if image.ndim == 3 else 1
    pixels = decoded(file_of(Image.fromarray(image)), spec(channels, side, side, preprocessing)).pixels
    return np.asarray(pixels.reshape(-1, *pixels.shape[1:2], channels), np.uint8)


def by_opencv(image: Bytes, level: float, kind: int) -> Bytes:
    return np.asarray(cv2.threshold(image, level, 255, kind)[1], np.uint8)


def pictures() -> list[Bytes]:
    """Levels of all kinds: noise, ink on paper, uneven light, two levels, one."""
    random = np.random.default_rng(8)
    paper = random.normal(200, 20, (60, 50))
    paper[20:40, 20:30] = random.normal(60, 30, (20, 10))
    light = np.linspace(0, 120, 50) + random.normal(60, 10, (40, 50))
    return [
        random.integers(0, 256, (33, 47), np.uint8),
        np.clip(paper, 0, 255).astype(np.uint8),
        np.clip(light, 0, 255).astype(np.uint8),
        np.where(random.random((9, 9)) < 0.3, 10, 20).astype(np.uint8),
        np.full((5, 5), 130, np.uint8),
        np.array([[0, 255]], np.uint8),
        *(random.integers(0, high, (8, 8), np.uint8) for high in range(2, 256, 9)),
    ]


@pytest.mark.parametrize("image", pictures())
def test_otsu_s_threshold_is_opencv_s(image: Bytes) -> None:
    level, _ = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    assert otsu(np.bincount(image.ravel(), minlength=256).tolist()) == level


@pytest.mark.parametrize("image", pictures()[:6])
def test_what_is_above_a_threshold_is_white(image: Bytes) -> None:
    for invert, kind in ((False, cv2.THRESH_BINARY), (True, cv2.THRESH_BINARY_INV)):
        found = made(image, Preprocessing(threshold=OTSU, invert=invert))
        np.testing.assert_array_equal(found[..., 0], by_opencv(image, 0, kind | cv2.THRESH_OTSU))
        for level in (0, 127, 128, 254, 255):
            found = made(image, Preprocessing(threshold=level, invert=invert))
            np.testing.assert_array_equal(found[..., 0], by_opencv(image, level, kind))


def test_colours_have_a_threshold_each() -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    found = made(image, Preprocessing(threshold=100))
    np.testing.assert_array_equal(found, by_opencv(image, 100, cv2.THRESH_BINARY))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_negative_is_255_minus_the_level_and_alpha_stays(channels: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 30, channels), np.uint8)
    expected = 255 - image
    if channels == 4:
        expected[..., 3] = image[..., 3]
    found = made(image.squeeze(2) if channels == 1 else image, Preprocessing(invert=True))
    np.testing.assert_array_equal(found, expected)


def test_the_threshold_comes_before_the_size_and_strokes_stay_soft() -> None:
    image = pictures()[1]
    wanted = Preprocessing(threshold=OTSU, invert=True, resize=Resize.OPENCV_AREA)
    expected = by_opencv(image, 0, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    expected = np.asarray(cv2.resize(expected, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)
    found = made(image, wanted, 28)[..., 0]
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 2


@pytest.mark.parametrize(
    ("preprocessing", "margin", "middle"),
    [
        (Preprocessing(), 0, 200),
        (Preprocessing(invert=True), 0, 55),
        (Preprocessing(background="white"), 255, 200),
        (Preprocessing(background="white", invert=True), 0, 55),
        (Preprocessing(background="black", invert=True), 255, 55),
        (Preprocessing(background="#646464", threshold=128), 0, 255),
        (Preprocessing(background="#c8c8c8", threshold=128, invert=True), 0, 0),
    ],
)
@pytest.mark.parametrize("resize", [Resize.BICUBIC, Resize.OPENCV_LINEAR])
def test_the_margin_has_the_tones_of_the_background_and_is_black_without(
    preprocessing: Preprocessing, margin: int, middle: int, resize: Resize
) -> None:
    wide = np.full((10, 40), 200, np.uint8)
    found = made(wide, preprocessing._replace(fit=Fit.PAD, resize=resize), 20)[..., 0]
    assert (found[0, 0], found[-1, -1], found[10, 10]) == (margin, margin, middle)


def test_the_background_shows_through_before_the_negative() -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    content = file_of(Image.fromarray(clear))
    wanted = Preprocessing(background="white", invert=True)
    assert decoded(content, spec(1, preprocessing=wanted)).pixels.max() == 0
