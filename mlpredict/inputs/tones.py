"""Levels of grey or colour changed one by one: a threshold and the negative, as curves of 256 levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image

from mlpredict.domain import OTSU, Preprocessing

WHITE = 255
LEVELS = range(WHITE + 1)
# Shares of pixels closer than this to none or all leave one class empty: the epsilon of float32.
EMPTY = 2.0**-23


def tone_curve(preprocessing: Preprocessing, histogram: Callable[[], Sequence[int]]) -> list[int] | None:
    """What becomes of each level from 0 to 255; None where they stay what they are.

    `histogram` gives the number of pixels of each level; it is asked for Otsu's threshold alone.
    """
    threshold = preprocessing.threshold
    if threshold is None and not preprocessing.invert:
        return None
    curve = list(LEVELS)
    if threshold is not None:
        limit = otsu(histogram()) if threshold == OTSU else int(threshold)
        curve = [WHITE if level > limit else 0 for level in LEVELS]
    return [WHITE - level for level in curve] if preprocessing.invert else curve


def toned(image: Image.Image, curve: Sequence[int]) -> Image.Image:
    """The image with its levels changed, alpha excepted."""
    bands = image.getbands()
    return image.point([level for band in bands for level in (LEVELS if band == "A" else curve)])


def otsu(histogram: Sequence[int]) -> int:
    """The level that parts dark from light pixels best, by Otsu (1979).

    It is the first that makes the variance between both classes largest; dark is up to and including it.
    The arithmetic is that of `cv2.threshold`, whose answer it gives: float64 in this order.
    """
    share = 1.0 / sum(histogram)
    mean = sum(level * float(count) for level, count in enumerate(histogram)) * share
    best, largest = 0, 0.0
    dark, dark_mean = 0.0, 0.0
    for level, count in enumerate(histogram):
        dark_mean *= dark
        dark += count * share
        light = 1.0 - dark
        if min(dark, light) < EMPTY or max(dark, light) > 1.0 - EMPTY:
            continue
        dark_mean = (dark_mean + level * (count * share)) / dark
        light_mean = (mean - dark * dark_mean) / light
        variance = dark * light * (dark_mean - light_mean) * (dark_mean - light_mean)
        if variance > largest:
            best, largest = level, variance
    return best
