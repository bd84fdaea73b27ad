"""JPEG XL: decoded by libjxl, through imagecodecs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from PIL import Image

from mlpredict.inputs.limits import Limits, check_memory_of, check_pixels
from mlpredict.inputs.reading import Unusable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CODESTREAM = b"\xff\x0a"
Room = Callable[[int], AbstractContextManager[None]]

BYTES_A_PIXEL = 32
"""libjxl holds floating-point numbers for each channel while it decodes."""

RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height, by the number that the header has (ISO/IEC 18181-1, SizeHeader)."""
LENGTHS = (9, 13, 18, 30)


def decoded(content: bytes, limits: Limits, room: Room) -> Image.Image:
    """The picture, or the first of an animation, in 8 bits a channel.

    Raises:
        Unusable: it is too large, or damaged.
    """
    size = _size(_codestream(content))
    check_pixels(size, limits)
    needed = check_memory_of(size, BYTES_A_PIXEL, "JPEG XL", len(content), limits)
    import imagecodecs

    try:
        with room(needed):
            pixels = imagecodecs.jpegxl_decode(content, index=0, numthreads=1)
    except (ValueError, RuntimeError) as error:
        raise Unusable("damaged: its JPEG XL data cannot be decoded") from error
    image = Image.fromarray(_eight_bit(pixels))
    image.format = "JXL"
    return image


def _eight_bit(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    import numpy as np

    if pixels.shape[2:] == (1,):
        pixels = pixels[..., 0]
    if pixels.dtype == np.uint8:
        return pixels
    white = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    eight_bit: NDArray[np.uint8] = np.rint(
        np.clip(np.nan_to_num(pixels), 0.0, white) * (255.0 / white)
    ).astype(np.uint8)
    return eight_bit


def _codestream(content: bytes) -> bytes:
    """Where the picture begins, alone or inside of boxes."""
    if content.startswith(CODESTREAM):
        return content
    at = 0
    while at + 8 <= len(content):
        length, kind, header = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(content[at + 8 : at + 16]), 16
        if kind in (b"jxlc", b"jxlp"):
            return content[at + header + (4 if kind == b"jxlp" else 0) :][:64]
        if length < header:
            break
        at += length
    raise Unusable("truncated")


def _size(codestream: bytes) -> tuple[int, int]:
    bits = int.from_bytes(codestream[2:18], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(LENGTHS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    across, down = RATIOS[ratio - 1]
    return height * across // down, height
