"""What one image file may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mlpredict.inputs.reading import Unusable
from mlpredict.support.units import in_bytes, in_pixels

if TYPE_CHECKING:
    from PIL import Image


# So much a decoder may take, however low the limits are.
LEAST_MEMORY = 100_000_000
# How the modes of more than 8 bits a channel begin.
DEEP = ("I", "F")

# Whatever takes more is decoded by one process at a time, and band by band.
ONE_AT_A_TIME_BYTES = 64 << 20
# Hardly any memory, whatever the format.
LIGHT_PIXELS = 1 << 20
BYTES_BY_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2}
# Measured: these decoders hold all frames' canvas, planes or 32 bits a channel beside the image.
BYTES_BY_FORMAT = {"WEBP": 16, "AVIF": 10}
JPEG2000_BYTES = 5
# numpy, which scales more than 8 bits a channel.
ARRAYS_BYTES = 60_000_000
COEFFICIENT_BYTES = 2
JPEG_FORMATS = ("JPEG", "MPO")
START_OF_SCAN = b"\xff\xda"


class Limits(NamedTuple):
    """What one image file may cost: pixels by its header, bytes of the file, processor time in seconds."""

    max_pixels: int = 100_000_000
    max_bytes: int = 100_000_000
    seconds: float = 20.0

    @property
    def memory(self) -> int:
        """What the file and its decoded form may take together, in bytes.

        It is less than four bytes a pixel, which Pillow needs for colours, as nobody expects a command
        for images to take half a gigabyte. Where files may be larger, so may this.
        """
        return max(self.max_pixels * 16 // 5, 2 * self.max_bytes, LEAST_MEMORY)


USUAL_LIMITS = Limits()


def check_pixels(size: tuple[int, int], limits: Limits) -> None:
    """Refuse an image of too many pixels before any of them is decoded.

    Raises:
        Unusable: it has more than the limit.
    """
    width, height = size
    if width * height > limits.max_pixels:
        raise Unusable(f"too large: {width}×{height} pixels, limit {in_pixels(limits.max_pixels)}")


def check_memory(image: Image.Image, size: tuple[int, int], file_bytes: int, limits: Limits) -> int:
    """About how many bytes decoding takes; `size` is the image's own, which may be decoded at a part of it.

    Raises:
        Unusable: together with the file's own they are more than the limit.
    """
    if size[0] * size[1] < LIGHT_PIXELS:
        return 0
    needed = _decoding_bytes(image, size)
    _check_bytes(needed + file_bytes, size, image.format or "image", limits)
    return needed


def check_memory_of(
    size: tuple[int, int], bytes_a_pixel: int, format_: str, file_bytes: int, limits: Limits
) -> int:
    """The same of an image whose decoder takes so many bytes for each pixel.

    Raises:
        Unusable: together with the file's own they are more than the limit.
    """
    needed = size[0] * size[1] * bytes_a_pixel
    if size[0] * size[1] >= LIGHT_PIXELS:
        _check_bytes(needed + file_bytes, size, format_, limits)
    return needed


def _check_bytes(needed: int, size: tuple[int, int], format_: str, limits: Limits) -> None:
    if needed > limits.memory:
        width, height = size
        raise Unusable(
            f"too large: {width}×{height} pixels of {format_} take {in_bytes(needed)}"
            f" of memory, limit {in_bytes(limits.memory)}"
        )


def most_webp_pixels(limits: Limits) -> int:
    """How many pixels of a WebP fit into memory."""
    return min(limits.max_pixels, limits.memory // BYTES_BY_FORMAT["WEBP"])


def passes(image: Image.Image, size: tuple[int, int], content: bytes) -> int:
    """How many pixels a decoder goes through at most: a JPEG may draw its image thousands of times."""
    scans = content.count(START_OF_SCAN) if image.format in JPEG_FORMATS else 1
    return size[0] * size[1] * max(1, scans)


def _decoding_bytes(image: Image.Image, size: tuple[int, int]) -> int:
    pixels = image.width * image.height
    decoded = pixels * BYTES_BY_MODE.get(image.mode, 4)
    if image.mode.startswith(DEEP):
        decoded += ARRAYS_BYTES
    if image.format == "JPEG2000":
        return decoded + pixels * JPEG2000_BYTES * len(image.getbands())
    if image.format in JPEG_FORMATS and "progressive" in image.info:
        return decoded + _coefficient_bytes(image, size)
    return max(decoded, pixels * BYTES_BY_FORMAT.get(image.format or "", 0))


def _coefficient_bytes(image: Any, size: tuple[int, int]) -> int:
    """A progressive JPEG is kept whole as coefficients, at whatever scale it is decoded."""
    shares: list[int] = [horizontal * vertical for _, horizontal, vertical, *_ in image.layer]
    return size[0] * size[1] * COEFFICIENT_BYTES * sum(shares) // max(1, *shares)
