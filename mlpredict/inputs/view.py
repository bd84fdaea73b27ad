"""A decoded image → the pixels a model takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from mlpredict.domain import ImageSpec, Resize
from mlpredict.inputs.bands import Bands
from mlpredict.inputs.pixels import MODES, load, stated_white, white_of
from mlpredict.inputs.placement import Placement, placement, stretched_size

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


def model_view(image: Image.Image, spec: ImageSpec, note: Callable[[str], None] = lambda _text: None) -> View:
    """Bring an opened image to the size and channels of `spec`; what is assumed of it is noted.

    The same filter gives the same pixels whatever the size of the image: a large one goes through it in
    bands, as all filters go through the rows first, one by one.
    """
    preprocessing = spec.preprocessing
    white = None if preprocessing.white is None else stated_white(image, preprocessing.white)
    load(image)
    if _is_ready(image, spec):
        return _view_of(image, spec)
    if white is None:
        white = white_of(image, note)
    bands = Bands(image, spec, white)
    stretched = stretched_size(bands.size, spec)
    if stretched == bands.size:
        return _view_of(bands.whole(), spec)
    if preprocessing.antialias and preprocessing.resize in RESAMPLING:
        resample = RESAMPLING[preprocessing.resize]
        if stretched is not None and not bands.is_large:
            # The same as below in less time, of which small images leave little.
            return _view_of(bands.whole().resize(stretched, resample), spec)
        return _view_of(_by_pillow(bands, spec, resample), spec)
    pixels = _by_numpy(bands, spec)
    height, width, channels = pixels.shape
    return View(pixels.tobytes(), (height, width, channels), pixels.dtype.name)


def _is_ready(image: Image.Image, spec: ImageSpec) -> bool:
    """Whether a loaded image is what the model takes already, as small ones often are."""
    return (
        image.mode == MODES[spec.channels]
        and image.size == (spec.width, spec.height)
        # Nothing turns it, and no colour of it is transparent.
        and not image.info
        and spec.preprocessing.keeps_pixels
    )


def _view_of(image: Image.Image, spec: ImageSpec) -> View:
    width, height = image.size
    return View(image.tobytes(), (height, width, spec.channels), "uint8")


def _by_pillow(bands: Bands, spec: ImageSpec, resample: Image.Resampling) -> Image.Image:
    placed = placement(bands.size, spec, whole_pixels=False)
    resized = (_resized_in_bands if bands.is_large else _resized)(bands, placed, resample)
    if resized.size == placed.canvas:
        return resized
    laid = Image.new(resized.mode, placed.canvas, bands.margin())
    laid.paste(resized, placed.corner)
    return laid


def _resized(bands: Bands, placed: Placement, resample: Image.Resampling) -> Image.Image:
    whole = bands.whole()
    part = whole if placed.region == (0, 0, *whole.size) else whole.crop(placed.region)
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
