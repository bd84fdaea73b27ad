"""HEIC, which phones take photos in: decoded by libheif, through pillow-heif."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mlpredict.inputs.limits import Limits, check_memory_of, check_pixels
from mlpredict.inputs.reading import Unusable

if TYPE_CHECKING:
    from PIL import Image

Room = Callable[[int], AbstractContextManager[None]]

BYTES_A_PIXEL = 10
"""Measured: libde265's planes, those of libheif, and the picture itself."""


def decoded(content: bytes, page: int, limits: Limits, room: Room) -> tuple[Image.Image, int]:
    """A picture of the file, upright, and how many there are; the first is the one its author chose.

    Raises:
        Unusable: it is too large, damaged, or has no such picture.
    """
    import pillow_heif

    # The process that decodes has one core to itself, and its processor time is counted.
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    try:
        file = pillow_heif.open_heif(content)
        count, first = len(file), file.primary_index
        if page > count:
            raise Unusable(f"it has no picture {page}, but {count}")
        order = [first, *(number for number in range(count) if number != first)]
        found = file[order[page - 1]]
        check_pixels(found.size, limits)
        needed = check_memory_of(found.size, BYTES_A_PIXEL, "HEIC", len(content), limits)
        with room(needed):
            image = found.to_pillow()
    except (ValueError, RuntimeError, EOFError, SyntaxError) as error:
        raise Unusable("damaged: its HEIC data cannot be decoded") from error
    image.info = {}
    image.format = "HEIF"
    return image, count
