"""Which way up an image is stored."""

from __future__ import annotations

from PIL import Image

ORIENTATION = 0x0112
UPRIGHT = 1
Transpose = Image.Transpose
# What brings an image upright, by its EXIF orientation.
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
# Where in an image's `info` Pillow finds EXIF, or XMP that stands for it.
ORIENTATION_KEYS = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})


def upright(pixels: Image.Image, image: Image.Image) -> Image.Image:
    """The pixels of an image, turned as the image's metadata say. A TIFF has been turned by Pillow."""
    # Asking Pillow takes as long as decoding a digit.
    if ORIENTATION_KEYS.isdisjoint(image.info) or image.format == "TIFF":
        return pixels
    turn = TURNS.get(_orientation(image))
    return pixels if turn is None else pixels.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, UPRIGHT))
    except Exception:  # noqa: BLE001 - whatever is wrong with the metadata, the pixels are there
        return UPRIGHT
