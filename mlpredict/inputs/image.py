"""A source's bytes → the pixels a model takes; whatever cannot be decoded is a `Rejected`.

Decoding itself does without numpy: a process that only decodes starts in half the time then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from mlpredict.domain import Decode, ImageSpec, Rejected, Sample, Source
from mlpredict.inputs.image_file import contenttype_of_format
from mlpredict.inputs.limits import (
    JPEG_FORMATS,
    ONE_AT_A_TIME_BYTES,
    USUAL_LIMITS,
    Limits,
    check_memory,
    check_pixels,
    passes,
)
from mlpredict.inputs.miniature import miniature
from mlpredict.inputs.opening import Opened, Wanted, opened
from mlpredict.inputs.placement import least_side
from mlpredict.inputs.reading import TooManyBytes, Unusable, read
from mlpredict.inputs.view import model_view

if TYPE_CHECKING:
    from mlpredict.inputs.mending import Mended

# Of a JPEG, as one part in so many.
SMALLEST_SCALE = 4
# What is left is still so many times as large as the model's input: the filter has something to choose from.
MARGIN = 2


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

    `pixels` are bytes of `shape` and `dtype`, by numpy's name. `notices` say what was assumed, `details`
    what was wrong with the file and did no harm.
    """

    content: bytes
    contenttype: str
    sha256: bytes
    width: int
    height: int
    pixels: bytes
    shape: tuple[int, int, int]
    dtype: str
    pages: int = 1
    notices: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    miniature: bytes = b""


def decode_source(
    source: Source, spec: ImageSpec, limits: Limits = USUAL_LIMITS, one_at_a_time: OneAtATime = nullcontext
) -> Decoded | str:
    """A source's image as `spec` wants it, without numpy; the reason where there is none."""
    try:
        content = read(source, limits.max_bytes)
        return _Job(content, source, _view(source, spec), limits, one_at_a_time).decoded()
    except Unusable as unusable:
        return str(unusable)


def decode_if_harmless(
    position: int, source: Source, spec: ImageSpec, limits: Limits
) -> Sample | Rejected | None:
    """A source, decoded if it is an image that takes little time and memory; None for any other."""
    try:
        content = read(source, min(limits.max_bytes, max(HARMLESS_BYTES.values())))
        wanted = _view(source, spec)
        decoded = _Job(content, source, wanted, limits, nullcontext, only_harmless=True).decoded()
    except (NeedsProcess, TooManyBytes):
        return None
    except Unusable as unusable:
        return Rejected(position, source, str(unusable))
    return as_sample(position, source, decoded)


def as_sample(position: int, source: Source, decoded: Decoded | str) -> Sample | Rejected:
    """What was decoded of a source, with its pixels as an array; content that is here is not taken twice."""
    import numpy as np

    if isinstance(decoded, str):
        return Rejected(position, source, decoded)
    array = np.frombuffer(decoded.pixels, decoded.dtype).reshape(decoded.shape)
    return Sample(
        position,
        source,
        decoded.content if source.content is None else source.content,
        decoded.contenttype,
        decoded.sha256,
        decoded.width,
        decoded.height,
        array,
        decoded.pages,
        decoded.notices,
        decoded.details,
        miniature=decoded.miniature,
    )


def _view(source: Source, spec: ImageSpec) -> ImageSpec:
    """How a source becomes pixels; what is prepared has been through the steps of `spec` already."""
    return ImageSpec(None, None, spec.channels) if source.prepared else spec


class _Job(NamedTuple):
    """One file on its way to pixels; of several pages it is the first, and told, or the one asked for."""

    content: bytes
    source: Source
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
        if self.only_harmless and not _begins_harmless(self.content):
            raise NeedsProcess
        try:
            return self._of(self.content)
        except _Damaged as damaged:
            instead = self._mended()
            if instead is None:
                raise Unusable(str(damaged)) from damaged
            return self._of(instead.content)._replace(content=self.content, details=(instead.note,))

    def _mended(self) -> Mended | None:
        from mlpredict.inputs.mending import mended

        try:
            return mended(self.content, self.limits)
        except Exception:  # noqa: BLE001 - why it cannot be decoded is known already
            return None

    def _of(self, content: bytes) -> Decoded:
        found: Opened | None = None
        notices: list[str] = []
        preprocessing = self.spec.preprocessing
        whole = preprocessing.decode is not Decode.REDUCED
        wanted = Wanted(self.source.page or 1, preprocessing.white, self._room, whole)
        try:
            found = opened(content, self.limits, wanted, notices.append)
            with found.image as image:
                if self.source.page is None and found.pages > 1:
                    notices.insert(0, f"{found.pages:,} {found.word}, the first is used")
                return self._decoded(image, found.pages, notices)
        except (Unusable, NeedsProcess):
            raise
        except Exception as error:
            from mlpredict.inputs.refusals import reason

            raise _Damaged(reason(error, content, found and found.image.format, self.limits)) from error

    def _decoded(self, image: Image.Image, pages: int, notices: list[str]) -> Decoded:
        size = image.size
        contenttype = contenttype_of_format(image.format)
        check_pixels(size, self.limits)
        _decode_at_reduced_scale(image, self.spec)
        needed = check_memory(image, size, len(self.content), self.limits)
        large = needed > ONE_AT_A_TIME_BYTES
        if self.only_harmless and (large or passes(image, size, self.content) > HARMLESS_PIXELS):
            raise NeedsProcess
        with self._room(needed):
            view = model_view(image, self.spec, notices.append)
            small = miniature(image) if self.source.miniature else b""
        digest = hashlib.sha256(self.content).digest()
        return Decoded(
            *(self.content, contenttype, digest, *size, view.pixels, view.shape, view.dtype),
            pages=pages,
            notices=tuple(notices),
            miniature=small,
        )

    def _room(self, needed: int) -> AbstractContextManager[None]:
        """A block in which so many bytes are taken up."""
        return self.one_at_a_time() if needed > ONE_AT_A_TIME_BYTES else AT_ONCE


class _Damaged(Exception):
    """Why a file gave no image, unless it can be mended."""


def _begins_harmless(content: bytes) -> bool:
    return any(
        content.startswith(signature) and len(content) <= most for signature, most in HARMLESS_BYTES.items()
    )


def _decode_at_reduced_scale(image: Image.Image, spec: ImageSpec) -> None:
    """Let a JPEG be decoded at 1/2 or 1/4, still at least twice as large as the model's input.

    It halves the time of a photo of 2000×1500 at 224×224. It is done for models alone whose author has
    measured what it changes and says so, as it changes too much otherwise: of five trained models
    (digits, CIFAR-10, FER 2013, age, birds) and 22 or 26 photos each, outputs came out up to 0.32 apart
    from full decoding, the median of a model up to 0.008, and 3 of 114 labels were others. Pixels of
    smooth photos come out at most 3 of 255 apart, but up to 66 where there is fine detail. Asking for 16
    times the size of the input still left 0.05, so there is no size from which on it does not matter.

    Of noise, lines, rings, sparks and a gradient of 4000×3000 no pixel was more than 2 of 255 off where six
    times the size of the input were left or more, 4 at three times, 27 below twice.
    """
    if spec.preprocessing.decode is Decode.REDUCED and image.format in JPEG_FORMATS:
        side = least_side(spec)
        if side is not None:
            # The same both ways: EXIF may turn the image yet.
            least = MARGIN * side
            scaled = (max(least, image.width // SMALLEST_SCALE), max(least, image.height // SMALLEST_SCALE))
            image.draft(None, scaled)
