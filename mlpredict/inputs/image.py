"""A source's bytes → the pixels a model takes; whatever cannot be decoded is a `Rejected`.

Decoding itself does without numpy: a process that only decodes starts in half the time then.
"""

from __future__ import annotations

import hashlib
import io
import logging
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from PIL import Image

from mlpredict.domain import Decode, ImageSpec, Rejected, Sample, Source
from mlpredict.inputs.limits import (
    JPEG_FORMATS,
    ONE_AT_A_TIME_BYTES,
    USUAL_LIMITS,
    Limits,
    check_memory,
    check_pixels,
    most_webp_pixels,
    passes,
)
from mlpredict.inputs.placement import least_side
from mlpredict.inputs.reading import TooManyBytes, Unusable, read
from mlpredict.inputs.view import model_view

# Programs that draw: Pillow hands them to Ghostscript or to Windows, which then run them.
VECTOR_FORMATS = frozenset({"EPS", "WMF"})
# Of a JPEG, as one part in so many.
SMALLEST_SCALE = 4
# What is left is still so many times as large as the model's input: the filter has something to choose from.
MARGIN = 2


# It warns of oddities that it copes with, and logs others.
warnings.filterwarnings("ignore", module=r"PIL\.")


logging.getLogger("PIL").addHandler(logging.NullHandler())


UNKNOWN_CONTENTTYPE = "application/octet-stream"


# Formats whose decoders cannot run away with a file of so many bytes, by how it begins.
HARMLESS_BYTES = {
    b"\x89PNG\r\n\x1a\n": 4 << 20,
    b"\xff\xd8\xff": 4 << 20,
    b"GIF8": 1 << 16,
    b"BM": 1 << 16,
}


# These take less than a quarter of a second.
HARMLESS_PIXELS = 16 << 20


AT_ONCE = nullcontext()


# The block that a large image is decoded in, where others are decoded at the same time.
OneAtATime = Callable[[], AbstractContextManager[None]]


class NeedsProcess(Exception):
    """The image may take long or much memory: a process of its own has to decode it."""


class Decoded(NamedTuple):
    """What a `Sample` is made of, as it travels between processes.

    `pixels` are bytes of `shape` and `dtype`, by numpy's name.
    """

    content: bytes
    contenttype: str
    sha256: bytes
    width: int
    height: int
    pixels: bytes
    shape: tuple[int, int, int]
    dtype: str


def decode_source(
    source: Source, spec: ImageSpec, limits: Limits = USUAL_LIMITS, one_at_a_time: OneAtATime = nullcontext
) -> Decoded | str:
    """A source's image as `spec` wants it, without numpy; the reason where there is none."""
    try:
        content = read(source, limits.max_bytes)
        return _Job(content, spec, limits, one_at_a_time).decoded()
    except Unusable as unusable:
        return str(unusable)


def decode_if_harmless(
    position: int, source: Source, spec: ImageSpec, limits: Limits
) -> Sample | Rejected | None:
    """A source, decoded if it is an image that takes little time and memory; None for any other."""
    try:
        content = read(source, min(limits.max_bytes, max(HARMLESS_BYTES.values())))
        decoded = _Job(content, spec, limits, nullcontext, only_harmless=True).decoded()
    except (NeedsProcess, TooManyBytes):
        return None
    except Unusable as unusable:
        return Rejected(position, source, str(unusable))
    return as_sample(position, source, decoded)


def as_sample(position: int, source: Source, decoded: Decoded | str) -> Sample | Rejected:
    """What was decoded of a source, with its pixels as an array."""
    import numpy as np

    if isinstance(decoded, str):
        return Rejected(position, source, decoded)
    content, contenttype, sha256, width, height, pixels, shape, dtype = decoded
    array = np.frombuffer(pixels, dtype).reshape(shape)
    return Sample(position, source, content, contenttype, sha256, width, height, array)


class _Job(NamedTuple):
    """One file on its way to pixels."""

    content: bytes
    spec: ImageSpec
    limits: Limits
    one_at_a_time: OneAtATime
    only_harmless: bool = False

    def decoded(self) -> Decoded:
        """What becomes of the file.

        Raises:
            Unusable: with the reason.
            NeedsProcess: it takes more than is allowed here.
        """
        format_ = None
        if self.only_harmless and not _begins_harmless(self.content):
            raise NeedsProcess
        try:
            with open_image(self.content, self.limits) as image:
                format_ = image.format
                return self._decoded(image)
        except (Unusable, NeedsProcess):
            raise
        except Exception as error:
            from mlpredict.inputs.refusals import reason

            raise Unusable(reason(error, self.content, format_, self.limits)) from error

    def _decoded(self, image: Image.Image) -> Decoded:
        size = image.size
        contenttype = Image.MIME.get(image.format or "", UNKNOWN_CONTENTTYPE)
        check_pixels(size, self.limits)
        _decode_at_reduced_scale(image, self.spec)
        large = check_memory(image, size, len(self.content), self.limits) > ONE_AT_A_TIME_BYTES
        if self.only_harmless and (large or passes(image, size, self.content) > HARMLESS_PIXELS):
            raise NeedsProcess
        with self.one_at_a_time() if large else AT_ONCE:
            view = model_view(image, self.spec)
        digest = hashlib.sha256(self.content).digest()
        return Decoded(self.content, contenttype, digest, *size, view.pixels, view.shape, view.dtype)


def _begins_harmless(content: bytes) -> bool:
    return any(
        content.startswith(signature) and len(content) <= most for signature, most in HARMLESS_BYTES.items()
    )


def open_image(content: bytes, limits: Limits = USUAL_LIMITS) -> Image.Image:
    """Identify an image without decoding it.

    Raises:
        Unusable: it is of a format that would have to be run.
        Exception: whatever Pillow raises on what it does not know.
    """
    # Pillow's own limit would tell less of the size than `check_pixels` does, which comes next. But it is
    # needed where room for the image is made while it is opened, and for images inside of others.
    # It warns of more than the limit, and refuses twice as many.
    Image.MAX_IMAGE_PIXELS = most_webp_pixels(limits) // 2 if content[8:12] == b"WEBP" else None
    image = Image.open(io.BytesIO(content))
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2
    if image.format in VECTOR_FORMATS:
        raise Unusable(f"{image.format} files hold drawings, not pixels")
    return image


def _decode_at_reduced_scale(image: Image.Image, spec: ImageSpec) -> None:
    """Let a JPEG be decoded at 1/2 or 1/4, still at least twice as large as the model's input.

    It halves the time of a photo of 2000×1500 at 224×224. It is done for models alone whose author has
    measured what it changes and says so, as it changes too much otherwise: of five trained models
    (digits, CIFAR-10, FER 2013, age, birds) and 22 or 26 photos each, outputs came out up to 0.32 apart
    from full decoding, the median of a model up to 0.008, and 3 of 114 labels were others. Pixels of
    smooth photos come out at most 3 of 255 apart, but up to 66 where there is fine detail. Asking for 16
    times the size of the input still left 0.05, so there is no size from which on it does not matter.
    """
    if spec.preprocessing.decode is Decode.REDUCED and image.format in JPEG_FORMATS:
        side = least_side(spec)
        if side is not None:
            # The same both ways: EXIF may turn the image yet.
            least = MARGIN * side
            scaled = (max(least, image.width // SMALLEST_SCALE), max(least, image.height // SMALLEST_SCALE))
            image.draft(None, scaled)


def image_format(content: bytes) -> str | None:
    """The format of an image by Pillow's name, as `PNG`; None where the bytes are no image."""
    try:
        with open_image(content) as image:
            return image.format
    except Exception:  # noqa: BLE001 - Pillow raises many kinds on what it does not know
        return None


def contenttype_of(content: bytes) -> str:
    """The content type of bytes, whatever they are called."""
    return Image.MIME.get(image_format(content) or "", UNKNOWN_CONTENTTYPE)
