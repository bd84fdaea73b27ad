"""Which part of an image comes to lie where in a model's input."""

from __future__ import annotations

import math
from typing import NamedTuple

from mlpredict.domain import Fit, ImageSpec

Size = tuple[int, int]
"""Width and height in pixels."""
Region = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels; right and bottom are outside."""


class Placement(NamedTuple):
    """The way of an upright image into a model's input.

    `region` is cut out of it; `box`, in pixels of the region and parts of them, is resized to `size`;
    this is laid with its upper left corner at `corner` on a canvas of the size `canvas`, where it may
    leave a margin or stand out.
    """

    region: Region
    box: tuple[float, float, float, float]
    size: Size
    corner: tuple[int, int]
    canvas: Size


def stretched_size(size: Size, spec: ImageSpec) -> Size | None:
    """The model's size for an upright image of which nothing is cut off and beside which there is no margin.

    None where it takes a `placement` to say what comes to lie where.
    """
    preprocessing = spec.preprocessing
    wanted = (spec.width or size[0], spec.height or size[1])
    if preprocessing.fit is not Fit.STRETCH and wanted != size:
        return None
    if preprocessing.resize_to is not None or preprocessing.central_crop is not None:
        return None
    return wanted


def placement(size: Size, spec: ImageSpec, *, whole_pixels: bool) -> Placement:
    """The placement of an upright image of this size.

    With `whole_pixels` the box of `fit = "crop"` is cut between pixels, as Keras' `smart_resize` does;
    else it is that of Pillow's `ImageOps.fit`.
    """
    preprocessing = spec.preprocessing
    region = _central(size, preprocessing.central_crop)
    left, top, right, bottom = region
    cut = (right - left, bottom - top)
    canvas = (spec.width or cut[0], spec.height or cut[1])
    box = (0.0, 0.0, float(cut[0]), float(cut[1]))
    if preprocessing.resize_to is not None:
        scaled = _shorter_side(cut, preprocessing.resize_to)
        return Placement(region, box, scaled, _middle(scaled, canvas), canvas)
    match preprocessing.fit:
        case Fit.CROP if whole_pixels:
            region = _smart_crop(region, canvas)
            box = (0.0, 0.0, float(region[2] - region[0]), float(region[3] - region[1]))
            return Placement(region, box, canvas, (0, 0), canvas)
        case Fit.CROP:
            return Placement(region, _fitting_box(cut, canvas), canvas, (0, 0), canvas)
        case Fit.PAD:
            scaled = _contained(cut, canvas)
            return Placement(region, box, scaled, _middle(scaled, canvas), canvas)
        case Fit.STRETCH:
            return Placement(region, box, canvas, (0, 0), canvas)


def least_side(spec: ImageSpec) -> int | None:
    """How many pixels both sides of an image need for none to be made up; None where the model takes any."""
    if spec.height is None or spec.width is None:
        return None
    side = spec.preprocessing.resize_to or max(spec.height, spec.width)
    return math.ceil(side / (spec.preprocessing.central_crop or 1))


def _central(size: Size, part: float | None) -> Region:
    """The middle of an image, as `tf.image.central_crop` rounds it."""
    left, top = (0 if part is None else int((side - side * part) / 2) for side in size)
    return left, top, size[0] - left, size[1] - top


def _shorter_side(size: Size, side: int) -> Size:
    """The size of an image whose shorter side is brought to so many pixels, as torchvision rounds it."""
    width, height = size
    if width <= height:
        return side, int(side * height / width)
    return int(side * width / height), side


def _smart_crop(region: Region, canvas: Size) -> Region:
    """The largest middle of a region with the canvas's proportions, as Keras' `smart_resize` rounds it."""
    left, top, right, bottom = region
    width, height = right - left, bottom - top
    cut_width = max(1, min(width, int(height * canvas[0] / canvas[1])))
    cut_height = max(1, min(height, int(width * canvas[1] / canvas[0])))
    left, top = left + (width - cut_width) // 2, top + (height - cut_height) // 2
    return left, top, left + cut_width, top + cut_height


def _fitting_box(size: Size, canvas: Size) -> tuple[float, float, float, float]:
    """The largest middle of an image with the canvas's proportions, in parts of pixels."""
    width, height = map(float, size)
    own, wanted = width / height, canvas[0] / canvas[1]
    if own > wanted:
        width = wanted * height
    elif own < wanted:
        height = width / wanted
    left, top = (size[0] - width) * 0.5, (size[1] - height) * 0.5
    return left, top, left + width, top + height


def _contained(size: Size, canvas: Size) -> Size:
    """The largest size with an image's proportions that the canvas has room for, as Pillow rounds it."""
    width, height = size
    own, wanted = width / height, canvas[0] / canvas[1]
    if own > wanted:
        return canvas[0], max(1, round(height / width * canvas[0]))
    if own < wanted:
        return max(1, round(width / height * canvas[1])), canvas[1]
    return canvas


def _middle(size: Size, canvas: Size) -> tuple[int, int]:
    """Where the upper left corner of something is in the middle of a canvas, larger or smaller."""
    across, down = (_half(room - side) for room, side in zip(canvas, size, strict=True))
    return across, down


def _half(pixels: int) -> int:
    return round(pixels * 0.5)
