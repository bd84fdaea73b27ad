"""Any image mode → 8 bits a channel, with the channels a model takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL import Image, ImageColor
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from mlpredict.inputs.limits import DEEP
from mlpredict.inputs.reading import Unusable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


EIGHT_BITS, TWELVE_BITS, SIXTEEN_BITS = 255.0, 4095.0, 65535.0
BAND_PIXELS = 1 << 20
MODES = {1: "L", 3: "RGB", 4: "RGBA"}

PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
"""Modes whose colours are multiplied by their opacity, which Pillow brings to nothing else."""

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


def to_channels(
    image: Image.Image, channels: int, background: str | None, white: float | None = None
) -> Image.Image:
    """Convert to grey (1 channel), RGB (3) or RGBA (4), before anything is resized.

    16-bit and floating-point grey is scaled to 8 bits, as a plain conversion would clip it; `white`
    is the value that becomes 255, else the image itself tells. Transparency is laid on `background`;
    where that is None, or the model takes it, it is not.
    """
    mode = MODES[channels]
    if image.mode in PREMULTIPLIED:
        image = image.convert(PREMULTIPLIED[image.mode])
    if image.mode == mode and "transparency" not in image.info:
        return image
    eight_bit = _to_eight_bit(image, white) if image.mode.startswith(DEEP) else image
    if mode != "RGBA" and background is not None and eight_bit.has_transparency_data:
        eight_bit = _laid_on(eight_bit, background)
    return _converted(eight_bit, mode)


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == mode:
        return image
    if image.mode in ("P", "PA", "1", "CMYK", "YCbCr", "LAB", "HSV"):
        # Pillow knows no direct way from some of these to grey.
        return image.convert("RGBA" if mode == "RGBA" else "RGB").convert(mode)
    return image.convert(mode)


def _laid_on(image: Image.Image, background: str) -> Image.Image:
    paper = Image.new("RGBA", image.size, (*ImageColor.getrgb(background)[:3], 255))
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


def load(image: Image.Image) -> None:
    """Decode the pixels of an image, and know which of them are transparent."""
    if "transparency" in image.info and isinstance(image, PngImageFile):
        _match_transparency(image)
    image.load()
    # Metadata of some formats come after the pixels: only now is all of it known.
    if "transparency" in image.info:
        _forget_text(image)


def _match_transparency(image: PngImageFile) -> None:
    """Bring the transparent colour of a PNG to the scale that Pillow decodes its pixels to."""
    _forget_text(image)
    clear = image.info.get("transparency")
    match image.tile[0].args:
        case "L;2" if clear is not None:
            image.info["transparency"] = clear * 85
        case "L;4" if clear is not None:
            image.info["transparency"] = clear * 17
        case "RGB;16B" if clear is not None:
            image.info["transparency"] = tuple(value >> 8 for value in clear)


def _forget_text(image: Image.Image) -> None:
    """A PNG may hold a text by any name, which Pillow keeps among what it knows of the image itself."""
    if isinstance(image.info.get("transparency"), str):
        del image.info["transparency"]


def stated_white(image: Image.Image, white: float | None) -> float | None:
    """What becomes 255 in an image that is not decoded yet, where the model's author says so.

    Raises:
        Unusable: Pillow reads only the upper 8 bits of each of its values, which are not the ones meant.
    """
    if white is None or not isinstance(image, ImageFile) or not image.tile:
        return white
    codec, _, _, arguments = image.tile[0]
    if ";16" in str(arguments) and not image.mode.startswith(DEEP):
        raise Unusable(
            f"16 bits a channel in colour, of which only the upper 8 are read: not with white = {white:g}"
        )
    # The headers of these say themselves what white is.
    return None if codec in ("ppm", "ppm_plain") else white


def white_of(image: Image.Image, note: Callable[[str], None] = lambda _text: None) -> float | None:
    """What becomes 255 in an image of more than 8 bits; None for any other. What is assumed is noted."""
    if not image.mode.startswith(DEEP):
        return None
    width, height = image.size
    rows = max(1, BAND_PIXELS // width)
    bands = (image.crop((0, top, width, min(top + rows, height))) for top in range(0, height, rows))
    peak = max(float(_values(band).max(initial=0.0)) for band in bands)
    if image.mode.startswith("I;16"):
        return assumed_white(peak, SIXTEEN_BITS, note)
    return _full_scale(image.mode, peak)


def assumed_white(peak: float, largest: float, note: Callable[[str], None]) -> float:
    """What is white in an image of 16 bits, some of which may never be used: cameras write 12 of them."""
    if peak > TWELVE_BITS or peak == 0:
        return largest
    bits = 8 if peak <= EIGHT_BITS else 12
    note(
        f"its brightest pixel is {peak:,.0f} of {largest:,.0f}, so it is taken as {bits} bits"
        f" (white = {largest:.0f} in a mlpredict.toml says otherwise)"
    )
    return 2.0**bits - 1


def _to_eight_bit(image: Image.Image, white: float | None) -> Image.Image:
    import numpy as np

    values = _values(image)
    full_scale = white or _full_scale(image.mode, float(values.max(initial=0.0)))
    scaled = np.clip(values * (255.0 / full_scale), 0.0, 255.0)
    eight_bit = Image.fromarray(np.rint(scaled).astype(np.uint8))
    if isinstance(clear := image.info.get("transparency"), int):
        eight_bit.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return eight_bit


def _values(image: Image.Image) -> NDArray[np.float64]:
    import numpy as np

    values = np.asarray(image).astype(np.float64)
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _full_scale(mode: str, peak: float) -> float:
    """What white is: the file does not tell for 32 bits a pixel, so its brightest pixel decides."""
    if mode.startswith("I;16"):
        return SIXTEEN_BITS
    steps = (1.0, EIGHT_BITS, SIXTEEN_BITS) if mode == "F" else (EIGHT_BITS, SIXTEEN_BITS)
    return next((step for step in steps if peak <= step), peak)


def upright(pixels: Image.Image, image: Image.Image) -> Image.Image:
    """The pixels of an image, turned as the image's metadata say."""
    turn = turn_of(image)
    return pixels if turn is None else pixels.transpose(turn)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What brings the pixels upright, by the image's metadata. A TIFF has been turned by Pillow."""
    # Asking Pillow takes as long as decoding a digit.
    if ORIENTATION_KEYS.isdisjoint(image.info) or image.format == "TIFF":
        return None
    return TURNS.get(_orientation(image))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, UPRIGHT))
    except Exception:  # noqa: BLE001 - whatever is wrong with the metadata, the pixels are there
        return UPRIGHT
