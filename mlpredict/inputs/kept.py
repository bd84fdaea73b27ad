"""What of an image is stored, as a URI that says what it holds."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from mlpredict.domain import DataUri, Keep, NewInput, Sample, Source, StoredImage
from mlpredict.domain.predictions import KeepIn
from mlpredict.errors import ImageError
from mlpredict.inputs.pages import page_name
from mlpredict.inputs.reading import Unusable, read
from mlpredict.inputs.remote.names import safe_name
from mlpredict.support.addresses import is_bucket, is_remote

if TYPE_CHECKING:
    from PIL import Image

    from mlpredict.domain import Pixels

LARGE_BYTES = 8 << 20
"""The URI of a file as large as this is never there as a whole."""

LARGEST_REMOTE_BYTES = 1 << 30
"""An image of more bytes is not fetched to be looked at: its hash says what it is, and not how large."""


def new_input(
    sample: Sample, keep: Keep | KeepIn, preprocessing: str, difference_hash: int | None = None
) -> NewInput:
    """The input that a sample becomes.

    `preprocessing` names how the pixels were made: two models that see an image alike share it. A file of
    several pages is one input, whose `difference_hash` is that of its first page.
    """
    kept: str = keep
    uri: str | DataUri
    contenttype = sample.contenttype
    page = sample.source.page or 1
    if page > 1 and keep is not Keep.MODEL_INPUT:
        difference_hash = None
    if isinstance(keep, KeepIn):
        from mlpredict.inputs.remote.keeping import upload, uri_below

        size = (sample.width, sample.height)
        uri = uri_below(keep, sample.sha256)
        kept_there = NewInput(uri, kept, sample.sha256, contenttype, *size, difference_hash=difference_hash)
        return kept_there._replace(content=sample.content, upload=upload)
    match keep:
        case Keep.ORIGINAL:
            large = len(sample.content) >= LARGE_BYTES
            uri = (DataUri if large else data_uri)(contenttype, sample.content)
        case Keep.REFERENCE:
            uri = reference_to(sample.source)
        case Keep.MODEL_INPUT:
            kept, contenttype = f"{keep}/{preprocessing}", "image/png"
            if page > 1:
                # The file is the same for all of its pages, and what the model saw of them is not.
                kept = page_name(kept, page)
            content = sample.content if sample.is_model_input else png_of(sample.pixels)
            uri = data_uri(contenttype, content)
    return NewInput(
        *(uri, kept, sample.sha256, contenttype, sample.width, sample.height),
        difference_hash=difference_hash,
    )


def reference_to(source: Source) -> str:
    """The URI of a file, or of what is remote."""
    if source.remote is not None:
        from mlpredict.inputs.remote.names import uri_of

        return uri_of(source.remote.url)
    return Path(source.path).absolute().as_uri()


def data_uri(contenttype: str, content: bytes) -> str:
    """Bytes as a `data:` URI (RFC 2397)."""
    return f"data:{contenttype};base64,{base64.b64encode(content).decode('ascii')}"


def png_of(pixels: Pixels) -> bytes:
    """Pixels of shape (height, width, channels), uint8, as a PNG."""
    target = io.BytesIO()
    _image_of(pixels).save(target, "PNG")
    return target.getvalue()


def _image_of(pixels: Pixels) -> Image.Image:
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def sample_of(pixels: Pixels, filename: str) -> Sample:
    """A sample of pixels that were sent as the model sees them; its position is still to be given."""
    from mlpredict.inputs.miniature import miniature

    height, width, _ = pixels.shape
    content = png_of(pixels)
    digest = hashlib.sha256(content).digest()
    return Sample(
        *(0, Source(filename), content, "image/png", digest, width, height, pixels),
        is_model_input=True,
        miniature=miniature(_image_of(pixels)),
    )


class ImageUnavailable(ImageError):
    """The stored image cannot be had."""


class ImageChanged(ImageUnavailable):
    """The image is not the one that was predicted."""


class ImageFile(NamedTuple):
    """An image's bytes and their declared content type, which whoever wrote the row may have made up."""

    content: bytes
    contenttype: str


def load_stored(image: StoredImage) -> ImageFile:
    """The bytes of a stored input.

    Raises:
        ImageUnavailable: the row is damaged, or the file it refers to is gone, has changed, or cannot
            be told from any other.
    """
    where = f"input {image.input_id}"
    if image.uri is None:
        raise ImageUnavailable(f"{where}: no image is stored")
    scheme = image.uri.partition(":")[0].lower()
    if scheme == "data":
        return _from_data_uri(image.uri, where)
    if scheme == "file":
        return _from_reference(image, str(known_path(image)), where)
    if is_bucket(image.uri):
        return _from_bucket(image, where)
    if is_remote(image.uri):
        # Whoever can write rows could have this user's machine ask any server, and those of its own network.
        raise ImageUnavailable(
            f"{where}: {safe_name(image.uri)}: not fetched, as another account may have written the row"
        )
    raise ImageUnavailable(f"{where}: damaged: what is stored is neither a data: nor a file: URI")


def referenced_path(image: StoredImage) -> str | None:
    """The file that an image refers to; None where the image itself is stored.

    Raises:
        ImageUnavailable: it cannot be told where the file is.
    """
    if image.uri is None or image.uri.partition(":")[0].lower() != "file":
        return None
    return _local_path(image.uri, f"input {image.input_id}")


def known_path(image: StoredImage) -> str | None:
    """The file that an image refers to, if its hash is known; None where the image itself is stored.

    Raises:
        ImageUnavailable: it cannot be told where the file is, or from any other.
    """
    path = referenced_path(image)
    if path is not None and image.sha256 is None:
        # Every reference of ours has one; without it a row could ask for any file that the user can read.
        raise ImageUnavailable(
            f"input {image.input_id}: {path}: not read, as no hash is stored to know the file by"
        )
    return path


def _from_data_uri(uri: str, where: str) -> ImageFile:
    header, comma, payload = uri[len("data:") :].partition(",")
    contenttype, *parameters = header.split(";")
    if not comma:
        raise ImageUnavailable(f"{where}: damaged: the data: URI has no data")
    if "base64" not in map(str.lower, parameters):
        return ImageFile(unquote_to_bytes(payload), contenttype)
    try:
        return ImageFile(base64.b64decode(payload, validate=True), contenttype)
    except (binascii.Error, ValueError) as error:
        raise ImageUnavailable(f"{where}: damaged: {error}") from error


def _from_reference(image: StoredImage, path: str, where: str) -> ImageFile:
    try:
        content = read(Source(path))
    except (Unusable, ValueError) as error:
        raise ImageUnavailable(f"{where}: {path}: {error}") from error
    except (MemoryError, OverflowError) as error:
        raise ImageUnavailable(f"{where}: {path}: larger than memory") from error
    if hashlib.sha256(content).digest() != image.sha256:
        raise ImageChanged(f"{where}: {path}: the file has changed since it was predicted")
    return ImageFile(content, image.contenttype or "application/octet-stream")


def _from_bucket(image: StoredImage, where: str) -> ImageFile:
    from mlpredict.inputs.remote.reading import read_uri

    uri = str(image.uri)
    if image.sha256 is None:
        raise ImageUnavailable(f"{where}: {safe_name(uri)}: not read, as no hash is stored to know it by")
    try:
        content = read_uri(uri, LARGEST_REMOTE_BYTES)
    except Unusable as error:
        raise ImageUnavailable(f"{where}: {safe_name(uri)}: {error}") from error
    if hashlib.sha256(content).digest() != image.sha256:
        raise ImageChanged(f"{where}: {safe_name(uri)}: it has changed since it was predicted")
    return ImageFile(content, image.contenttype or "application/octet-stream")


def _local_path(uri: str, where: str) -> str:
    import os

    try:
        parts = urlsplit(uri)
        path = os.fsdecode(unquote_to_bytes(parts.path))
    except ValueError as error:
        raise ImageUnavailable(f"{where}: damaged: {error}") from error
    if parts.netloc not in ("", "localhost"):
        raise ImageUnavailable(f"{where}: the file is on another machine: {parts.netloc}")
    return path
