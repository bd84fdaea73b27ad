"""An image file's bytes → the page that is wanted, opened by whichever decoder reads its format rightly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import NamedTuple

from PIL import Image

from mlpredict.inputs.image_file import open_image
from mlpredict.inputs.kinds import HEIC, JPEG_XL, TIFF, begun_as, how_to_convert, is_unreadable
from mlpredict.inputs.limits import Limits
from mlpredict.inputs.plain import plain_image
from mlpredict.inputs.reading import Unusable

MOST_PAGES = 10_000
"""As many as are counted: a file that says it has more is believed no further."""

PAGE_NAMES = {
    "TIFF": "pages",
    "DCX": "pages",
    "GIF": "frames",
    "WEBP": "frames",
    "PNG": "frames",
    "AVIF": "frames",
    "MPO": "pictures",
    "HEIF": "pictures",
}
"""What there may be several of, by Pillow's names; icons hold sizes, and Photoshop files layers."""


class Opened(NamedTuple):
    """A page of a file, and how many there are; `image` may have been decoded already."""

    image: Image.Image
    pages: int = 1

    @property
    def word(self) -> str:
        """What the file has several of."""
        return PAGE_NAMES.get(self.image.format or "", "pictures")


class Wanted(NamedTuple):
    """Which page, from 1 on, which value its author calls white, and a block that takes so many bytes.

    What is wanted `whole` need not be asked for a reduced scale before it is decoded.
    """

    page: int = 1
    white: float | None = None
    room: Callable[[int], AbstractContextManager[None]] = lambda _needed: nullcontext()
    whole: bool = True


def opened(content: bytes, limits: Limits, wanted: Wanted, note: Callable[[str], None]) -> Opened:
    """The wanted page of an image, identified; what is assumed on the way is noted.

    Raises:
        Unusable: it cannot be an image, is too large, or has no such page.
        Exception: whatever the decoders raise on what they do not know.
    """
    kind = begun_as(content)
    if kind is not None and is_unreadable(kind):
        raise Unusable(f"a {kind} file; {how_to_convert(kind)}")
    if kind == HEIC:
        from mlpredict.inputs import heic

        return Opened(*heic.decoded(content, wanted.page, limits, wanted.room))
    if kind == JPEG_XL:
        from mlpredict.inputs import jpeg_xl

        return _only(jpeg_xl.decoded(content, limits, wanted.room), wanted.page)
    if kind == TIFF:
        return _tiff(content, limits, wanted, note)
    if wanted.whole and (plain := plain_image(content, kind, limits.max_pixels)) is not None:
        return _only(plain, wanted.page)
    image = open_image(content, limits)
    if image.format not in PAGE_NAMES:
        return _only(image, wanted.page)
    frames = _frames(image)
    if wanted.page > 1:
        image.seek(frames[_checked(wanted.page, len(frames)) - 1])
    return Opened(image, len(frames))


def _only(image: Image.Image, page: int) -> Opened:
    _checked(page, 1)
    return Opened(image)


def _checked(page: int, pages: int) -> int:
    if page > pages:
        raise Unusable(f"it has no page {page}, but {pages}")
    return page


def _frames(image: Image.Image) -> Sequence[int]:
    count = min(getattr(image, "n_frames", 1), MOST_PAGES)
    if image.format != "MPO":
        return range(count)
    # Beside a photo phones keep what a bright screen adds to it: that is no picture of its own.
    alike = [0]
    size, mode = image.size, image.mode
    for frame in range(1, count):
        with suppress(Exception):
            image.seek(frame)
            alike += [frame] if (image.size, image.mode) == (size, mode) else []
    image.seek(0)
    return alike


def _tiff(content: bytes, limits: Limits, wanted: Wanted, note: Callable[[str], None]) -> Opened:
    from PIL.TiffImagePlugin import TiffImageFile

    from mlpredict.inputs import tiff

    with suppress(Exception):
        image = open_image(content, limits)
        assert isinstance(image, TiffImageFile)
        pages = tiff.pages_of(image)
        if wanted.page <= len(pages):
            image.seek(pages[wanted.page - 1])
            if not tiff.needs_tifffile(image):
                return Opened(image, len(pages))
    decoded, pages_found = tiff.decoded(content, limits, wanted, note)
    decoded.format = TIFF
    return Opened(decoded, pages_found)
