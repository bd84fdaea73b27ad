"""TIFF files that Pillow does not read, or not rightly: other depths, sample formats and layouts.

tifffile knows the tags and unpacks the samples; what they show is decided here, by the TIFF 6.0
specification. It is imported for such files alone.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from mlpredict.inputs.kinds import RAW, how_to_convert
from mlpredict.inputs.limits import ARRAYS_BYTES, Limits, check_pixels
from mlpredict.inputs.pixels import ORIENTATION, TURNS, assumed_white
from mlpredict.inputs.reading import Unusable
from mlpredict.support.units import in_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tifffile import TiffFile, TiffPage

    from mlpredict.inputs.opening import Wanted

SUBFILE_TYPE = 254
BITS_PER_SAMPLE = 258
PHOTOMETRIC = 262
SAMPLES_PER_PIXEL = 277
PLANAR_CONFIGURATION = 284
COLOUR_MAP = 320
SUB_IFDS = 330
SAMPLE_FORMAT = 339
MAX_SAMPLE_VALUE = 281
DNG_VERSION = 50706

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, YCBCR, CIELAB = 0, 1, 2, 3, 4, 5, 6, 8
PHOTOMETRICS = {
    MASK: "a mask",
    CIELAB: "CIELAB",
    9: "ICCLAB",
    10: "ITULAB",
    32844: "LogL",
    32845: "LogLuv",
    YCBCR: "YCbCr",
}
OF_A_SENSOR = (32803, 34892)
"""Colour filter arrays and linear RAW (TIFF/EP, DNG)."""
REDUCED = 1 | 4
"""In `NewSubfileType`: a smaller picture of another page, or its mask."""

MOST_PAGES = 10_000
"""As many as are counted: a file that says it has more is believed no further."""

ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2
EIGHT_BIT_COLOUR_MAP = 255
"""Colour maps have 16 bits; those of which none is more were written with 8 by mistake, and are common."""
SAMPLES_AT_A_TIME = 1 << 20


def needs_tifffile(image: TiffImageFile) -> bool:
    """Whether Pillow would read the page it is at otherwise than the specification says."""
    tags = image.tag_v2
    photometric = tags.get(PHOTOMETRIC, BLACK_IS_ZERO)
    bits = set(tags.get(BITS_PER_SAMPLE, (1,)))
    formats = set(tags.get(SAMPLE_FORMAT, (1,)))
    samples = tags.get(SAMPLES_PER_PIXEL, 1)
    if photometric in OF_A_SENSOR or DNG_VERSION in tags or formats != {1}:
        return True
    if photometric == PALETTE:
        return bits != {8} or max(tags.get(COLOUR_MAP, (0,)), default=0) <= EIGHT_BIT_COLOUR_MAP
    if bits == {8}:
        return bool(photometric == BLACK_IS_ZERO and samples > 2)
    return not (samples == 1 and (bits == {1} or (bits == {16} and photometric == BLACK_IS_ZERO)))


def pages_of(image: TiffImageFile) -> list[int]:
    """Where the pages are among a file's images, of which some are small pictures or masks of others."""
    pages: list[int] = []
    for frame in range(MOST_PAGES):
        try:
            image.seek(frame)
        except EOFError:
            break
        if not image.tag_v2.get(SUBFILE_TYPE, 0) & REDUCED:
            pages.append(frame)
    image.seek(0)
    return pages or [0]


def decoded(
    content: bytes, limits: Limits, wanted: Wanted, note: Callable[[str], None]
) -> tuple[Image.Image, int]:
    """The wanted page in 8 bits a channel, upright, and how many there are.

    Raises:
        Unusable: it is no picture, or of a kind whose colours are not known.
        Exception: whatever tifffile raises on what it does not know.
    """
    import tifffile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    logging.getLogger("tifffile").propagate = False
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        images = _images(file)
        pages = [one for one in images if not int(_tag(one, SUBFILE_TYPE, 0)) & REDUCED] or images[:1]
        if not pages:
            raise Unusable("damaged: there is no picture in this TIFF file")
        if wanted.page > len(pages):
            raise Unusable(f"it has no page {wanted.page}, but {len(pages)}")
        page = pages[wanted.page - 1]
        with wanted.room(_check(page, len(content), limits)):
            image = _picture(page, wanted.white, note)
            turn = TURNS.get(int(_tag(page, ORIENTATION, 1)))
            return image if turn is None else image.transpose(turn), len(pages)


def _images(file: TiffFile) -> list[TiffPage]:
    """All images of a file, each once: a directory may be followed by itself."""
    from tifffile import TiffPage

    images: list[TiffPage] = []
    seen: set[int] = set()
    for image in file.pages:
        if not isinstance(image, TiffPage) or image.offset in seen or len(images) >= MOST_PAGES:
            break
        seen.add(image.offset)
        images.append(image)
    return images


def _tag(page: TiffPage, code: int, otherwise: Any) -> Any:
    tag = page.tags.get(code)
    return otherwise if tag is None else tag.value


def _check(page: TiffPage, file_bytes: int, limits: Limits) -> int:
    """Refuse what is no picture, or too large a one, before it is decoded; the bytes that it takes."""
    photometric, samples = int(page.photometric), page.samplesperpixel
    if photometric in OF_A_SENSOR or DNG_VERSION in page.tags:
        raise Unusable(f"a {RAW} file; {how_to_convert(RAW)}")
    if page.imagedepth > 1:
        raise Unusable(f"a kind of TIFF file that is no picture: a volume of {page.imagedepth} layers")
    check_pixels((page.imagewidth, page.imagelength), limits)
    if page.dtype is None or page.dtype.kind not in "buif":
        raise Unusable(f"a kind of TIFF file that is no picture ({_depth(page)} samples)")
    if photometric in PHOTOMETRICS:
        raise Unusable(
            f"a kind of TIFF file that cannot be decoded ({PHOTOMETRICS[photometric]} of {_depth(page)})"
        )
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED):
        raise Unusable(f"a kind of TIFF file that cannot be decoded (colours of kind {photometric})")
    if (unknown := _bands_without_colours(page)) is not None:
        raise Unusable(unknown)
    pixels = page.imagewidth * page.imagelength
    needed = file_bytes + pixels * (samples * page.dtype.itemsize + 4) + ARRAYS_BYTES
    if pixels * samples > SAMPLES_AT_A_TIME and needed > limits.memory:
        raise Unusable(
            f"too large: {page.imagewidth}×{page.imagelength} pixels of TIFF take {in_bytes(needed)}"
            f" of memory, limit {in_bytes(limits.memory)}"
        )
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if offset + count > file_bytes:
            raise Unusable("truncated")
    return needed


def _bands_without_colours(page: TiffPage) -> str | None:
    """Why samples are no colours: more of them than the colours need, and not for transparency."""
    samples, photometric = page.samplesperpixel, int(page.photometric)
    needed = {RGB: 3, SEPARATED: 4}.get(photometric, 1)
    if photometric == SEPARATED and _tag(page, 332, 1) != 1:
        return (
            "a kind of TIFF file that cannot be decoded (inks that are not cyan, magenta, yellow and black)"
        )
    if samples < needed:
        return f"damaged: {samples} samples a pixel, where its colours need {needed}"
    if needed == 1 and samples > 3:
        return (
            f"a picture of {samples} bands (multispectral) that does not say which are red, green and blue;"
            " convert it to one of these three"
        )
    return None


def _depth(page: TiffPage) -> str:
    kinds = {2: "signed ", 3: "floating-point ", 5: "complex ", 6: "complex "}
    return f"{kinds.get(int(page.sampleformat), '')}{page.bitspersample} bits"


def _picture(page: TiffPage, white: float | None, note: Callable[[str], None]) -> Image.Image:
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
    stated = _tag(page, MAX_SAMPLE_VALUE, None)
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
