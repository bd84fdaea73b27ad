"""TIFF files that Pillow does not read, or not rightly: other depths, sample formats and layouts.

tifffile knows the tags and unpacks the samples; which page is meant, and what is no picture, is decided here
by the TIFF 6.0 specification. It is imported for such files alone.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from mlpredict.inputs.kinds import RAW, how_to_convert
from mlpredict.inputs.limits import ARRAYS_BYTES, Limits, check_pixels
from mlpredict.inputs.pixels import ORIENTATION, TURNS
from mlpredict.inputs.reading import Unusable
from mlpredict.inputs.tiff_samples import (
    BLACK_IS_ZERO,
    CIELAB,
    EIGHT_BIT_COLOUR_MAP,
    MASK,
    PALETTE,
    RGB,
    SAMPLES_AT_A_TIME,
    SEPARATED,
    WHITE_IS_ZERO,
    YCBCR,
    picture_of,
    tag_of,
)
from mlpredict.support.units import in_bytes

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

    from mlpredict.inputs.opening import Wanted

SUBFILE_TYPE = 254
BITS_PER_SAMPLE = 258
PHOTOMETRIC = 262
SAMPLES_PER_PIXEL = 277
COLOUR_MAP = 320
SAMPLE_FORMAT = 339
DNG_VERSION = 50706

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
        pages = [one for one in images if not int(tag_of(one, SUBFILE_TYPE, 0)) & REDUCED] or images[:1]
        if not pages:
            raise Unusable("damaged: there is no picture in this TIFF file")
        if wanted.page > len(pages):
            raise Unusable(f"it has no page {wanted.page}, but {len(pages)}")
        page = pages[wanted.page - 1]
        with wanted.room(_check(page, len(content), limits)):
            image = picture_of(page, wanted.white, note)
            turn = TURNS.get(int(tag_of(page, ORIENTATION, 1)))
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
    if photometric == SEPARATED and tag_of(page, 332, 1) != 1:
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
