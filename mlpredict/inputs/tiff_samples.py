"""The samples of a TIFF page as a picture: what they show, by the TIFF 6.0 specification."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PIL import Image

from mlpredict.inputs.pixels import assumed_white
from mlpredict.inputs.reading import Unusable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tifffile import TiffPage

MAX_SAMPLE_VALUE = 281

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, YCBCR, CIELAB = 0, 1, 2, 3, 4, 5, 6, 8

ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2
EIGHT_BIT_COLOUR_MAP = 255
"""Colour maps have 16 bits; those of which none is more were written with 8 by mistake, and are common."""
SAMPLES_AT_A_TIME = 1 << 20


def tag_of(page: TiffPage, code: int, otherwise: Any) -> Any:
    """The value of a page's tag by its number; another where it has none."""
    tag = page.tags.get(code)
    return otherwise if tag is None else tag.value


def picture_of(page: TiffPage, white: float | None, note: Callable[[str], None]) -> Image.Image:
    """A page in 8 bits a channel; `white` is the value that is shown as white, None where nobody says."""
    import numpy as np

    values = _samples_last(page)
    photometric = int(page.photometric)
    if photometric == PALETTE:
        return Image.fromarray(_of_palette(page, values[..., 0]))
    low, high = _range(page, values, white, note)
    eight_bit = _in_bands(values, low, high)
    extra = [int(kind) for kind in page.extrasamples]
    alpha = bool(extra) and extra[0] in (ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA)
    if photometric in (BLACK_IS_ZERO, WHITE_IS_ZERO) and eight_bit.shape[2] == 3:
        note("3 bands whose colours the file does not name are taken as red, green and blue")
        return Image.fromarray(np.ascontiguousarray(eight_bit[..., :3]))
    colours = {RGB: 3, SEPARATED: 4}.get(photometric, 1)
    shown = eight_bit[..., :colours]
    if photometric == WHITE_IS_ZERO:
        shown = 255 - shown
    if photometric == SEPARATED:
        return Image.frombytes("CMYK", (page.imagewidth, page.imagelength), shown.tobytes())
    image = Image.fromarray(np.ascontiguousarray(shown[..., 0] if colours == 1 else shown))
    if not alpha:
        return image
    opacity = _in_bands(values[..., colours : colours + 1], *_alpha_range(page))[..., 0]
    return _with_alpha(image, opacity, premultiplied=extra[0] == ASSOCIATED_ALPHA)


def _samples_last(page: TiffPage) -> NDArray[Any]:
    """The page's samples, of shape (height, width, samples)."""
    import numpy as np

    values = page.asarray(maxworkers=1)
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    if page.samplesperpixel > 1 and page.axes.startswith("S"):
        return np.moveaxis(values.reshape(shape[2], *shape[:2]), 0, -1)
    return values.reshape(shape)


def _of_palette(page: TiffPage, indices: NDArray[Any]) -> NDArray[np.uint8]:
    """The colours of a palette."""
    import numpy as np

    colours = page.colormap
    if indices.dtype == np.bool_:
        indices = indices.astype(np.uint8)
    if colours is None or indices.max(initial=0) >= colours.shape[1]:
        raise Unusable("damaged: its colour map lacks colours that its pixels have")
    table = colours if colours.max(initial=0) <= EIGHT_BIT_COLOUR_MAP else colours >> 8
    return np.ascontiguousarray(table.astype(np.uint8).T[indices])


def _alpha_range(page: TiffPage) -> tuple[float, float]:
    """Which samples are transparent and which are opaque."""
    assert page.dtype is not None
    return (0.0, 1.0) if page.dtype.kind == "f" else (0.0, _largest(page))


def _largest(page: TiffPage) -> float:
    assert page.dtype is not None
    bits = page.bitspersample
    return float(2 ** (bits - 1) - 1 if page.dtype.kind == "i" else 2**bits - 1)


def _range(
    page: TiffPage, values: NDArray[Any], white: float | None, note: Callable[[str], None]
) -> tuple[float, float]:
    """The values that become 0 and 255.

    They are the limits of the sample's depth, where it has any that say something: floating-point
    numbers and more than 16 bits have none, and their brightest pixel decides, as elsewhere.
    """
    assert page.dtype is not None
    if white is not None:
        return 0.0, white
    largest = _largest(page)
    if page.dtype.kind != "f" and page.bitspersample < 16 and page.dtype.kind != "i":
        return 0.0, largest
    peak, least = _extremes(values)
    stated = tag_of(page, MAX_SAMPLE_VALUE, None)
    if isinstance(stated, (tuple, list)):
        stated = max(stated, default=None)
    if isinstance(stated, int) and page.dtype.kind == "u" and peak <= stated < largest:
        return 0.0, float(stated)
    if page.dtype.kind == "i" and least < 0 and page.bitspersample <= 16:
        note(
            f"signed values from {least:,.0f} to {peak:,.0f}:"
            f" {-largest - 1:,.0f} is taken as black, {largest:,.0f} as white"
        )
        return -largest - 1, largest
    if least < 0:
        note(f"values from {least:,.6g} to {peak:,.6g}: what is less than 0 is taken as black")
    if page.bitspersample > 16 or page.dtype.kind == "f":
        steps = (1.0, 255.0, 65535.0) if page.dtype.kind == "f" else (255.0, 65535.0)
        return 0.0, next((step for step in steps if peak <= step), peak)
    return 0.0, assumed_white(peak, largest, note)


def _extremes(values: NDArray[Any]) -> tuple[float, float]:
    """The largest and the smallest value; what is no number does not count."""
    import numpy as np

    peak, least = -np.inf, np.inf
    for top in range(0, values.shape[0], _rows(values)):
        band = values[top : top + _rows(values)]
        if band.dtype.kind == "f":
            band = band[np.isfinite(band)]
        if band.size:
            peak, least = max(peak, float(band.max())), min(least, float(band.min()))
    return (peak, least) if np.isfinite(peak) else (0.0, 0.0)


def _rows(values: NDArray[Any]) -> int:
    return int(max(1, SAMPLES_AT_A_TIME // (values.shape[1] * values.shape[2])))


def _in_bands(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Values from `low` to `high` as 0..255, with never more than a band of them as float64."""
    import numpy as np

    eight_bit = np.empty(values.shape, np.uint8)
    scale = 255.0 / (high - low if high > low else 1.0)
    for top in range(0, values.shape[0], _rows(values)):
        band = values[top : top + _rows(values)].astype(np.float64)
        finite = np.nan_to_num(band, nan=low, posinf=low, neginf=low)
        eight_bit[top : top + _rows(values)] = np.rint(np.clip((finite - low) * scale, 0.0, 255.0))
    return eight_bit


def _with_alpha(image: Image.Image, opacity: NDArray[np.uint8], *, premultiplied: bool) -> Image.Image:
    if premultiplied:
        bands = [*image.convert("RGB").split(), Image.fromarray(opacity)]
        return Image.frombytes("RGBa", image.size, Image.merge("RGBA", bands).tobytes()).convert("RGBA")
    image.putalpha(Image.fromarray(opacity))
    return image
