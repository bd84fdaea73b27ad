"""A decoded image → the pixels a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from mlpredict.domain import ImageSpec, Resize
from mlpredict.inputs.bands import Bands
from mlpredict.inputs.pixels import load, stated_white
from mlpredict.inputs.placement import Placement, placement

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLING = {
    Resize.NEAREST: Image.Resampling.NEAREST,
    Resize.BILINEAR: Image.Resampling.BILINEAR,
    Resize.BICUBIC: Image.Resampling.BICUBIC,
    Resize.LANCZOS: Image.Resampling.LANCZOS,
    Resize.BOX: Image.Resampling.BOX,
    Resize.HAMMING: Image.Resampling.HAMMING,
}


class View(NamedTuple):
    """Pixels as bytes of a shape (height, width, channels) and of a dtype by numpy's name."""

    pixels: bytes
    shape: tuple[int, int, int]
    dtype: str


def model_view(image: Image.Image, spec: ImageSpec) -> View:
    """Bring an opened image to the size and channels of `spec`.

    The same filter gives the same pixels whatever the size of the image: a large one goes through it in
    bands, as all filters go through the rows first, one by one.
    """
    white = stated_white(image, spec.preprocessing.white)
    load(image)
    bands = Bands(image, spec, white)
    if spec.preprocessing.resize in RESAMPLING and spec.preprocessing.antialias:
        laid = _by_pillow(bands, spec)
        return View(laid.tobytes(), (laid.height, laid.width, spec.channels), "uint8")
    pixels = _by_numpy(bands, spec)
    height, width, channels = pixels.shape
    return View(pixels.tobytes(), (height, width, channels), pixels.dtype.name)


def _by_pillow(bands: Bands, spec: ImageSpec) -> Image.Image:
    placed = placement(bands.size, spec, whole_pixels=False)
    resample = RESAMPLING[spec.preprocessing.resize]
    resized = (_resized_in_bands if bands.is_large else _resized)(bands, placed, resample)
    if resized.size == placed.canvas:
        return resized
    laid = Image.new(resized.mode, placed.canvas, bands.margin())
    laid.paste(resized, placed.corner)
    return laid


def _resized(bands: Bands, placed: Placement, resample: Image.Resampling) -> Image.Image:
    whole = bands.whole()
    part = whole if placed.is_whole(whole.size) else whole.crop(placed.region)
    if placed.keeps(part.size):
        return part
    return part.resize(placed.size, resample, placed.box)


def _resized_in_bands(bands: Bands, placed: Placement, resample: Image.Resampling) -> Image.Image:
    """The same pixels, without ever having all of the image in the model's channels."""
    (width, height), (left, upper, right, lower) = placed.size, placed.box
    _, top, _, bottom = placed.region
    # Pillow multiplies colours by alpha for the time that it resizes with anything but this.
    weighted = bands.mode == "RGBA" and resample != Image.Resampling.NEAREST
    narrow = Image.new("RGBa" if weighted else bands.mode, (width, bottom - top))
    reached = 0
    for band in bands.of(placed.region):
        box = (left, 0, right, band.height)
        narrow.paste(band.convert(narrow.mode).resize((width, band.height), resample, box), (0, reached))
        reached += band.height
    return narrow.resize((width, height), resample, (0, upper, width, lower)).convert(bands.mode)


def _by_numpy(bands: Bands, spec: ImageSpec) -> NDArray[Any]:
    import numpy as np

    from mlpredict.inputs.resizing import passes

    placed = placement(bands.size, spec, whole_pixels=True)
    left, top, right, bottom = placed.region
    across, down = passes(spec.preprocessing, (right - left, bottom - top), placed.size)
    parts = bands.of(placed.region) if bands.is_large else [bands.whole().crop(placed.region)]
    rows = [across(np.asarray(part).reshape(part.height, part.width, spec.channels)) for part in parts]
    resized = down(np.concatenate(rows) if len(rows) > 1 else rows[0])
    if placed.size == placed.canvas:
        return resized
    return _laid(resized, placed, bands.margin())


def _laid(resized: NDArray[Any], placed: Placement, margin: tuple[int, ...]) -> NDArray[Any]:
    """What was resized, on the canvas; it may stand out on all sides."""
    import numpy as np

    (width, height), (left, top) = placed.canvas, placed.corner
    if left < 0 or top < 0:
        return resized[-top : height - top, -left : width - left]
    laid = np.empty((height, width, len(margin)), resized.dtype)
    laid[:] = margin
    laid[top : top + resized.shape[0], left : left + resized.shape[1]] = resized
    return laid
