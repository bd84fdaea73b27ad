"""Stored images as responses that a browser can do no harm with."""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers
from starlette.responses import Response

from mlpredict.domain import StoredImage
from mlpredict.inputs.identify import contenttype_of
from mlpredict.inputs.stored import ImageFile, ImageUnavailable, load_stored
from mlpredict.web.errors import Missing

POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def stored_file(image: StoredImage) -> ImageFile:
    """The bytes of a stored image.

    Raises:
        Missing: they cannot be had.
    """
    try:
        return load_stored(image)
    except ImageUnavailable as error:
        raise Missing(f"input {image.input_id}: the image cannot be had") from error


def image_response(image: StoredImage, asked: Headers) -> Response:
    """The bytes that are stored, or that nothing has changed since the client asked last.

    Raises:
        Missing: they cannot be had.
    """
    file = stored_file(image)
    etag = f'"{hashlib.sha256(file.content).hexdigest()}"'
    headers = {
        "ETag": etag,
        # An id may be another image's, once a database has been restored.
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": POLICY,
    }
    if etag in _tags(asked.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    # Whoever wrote the row may have made its type up.
    return Response(file.content, headers=headers, media_type=contenttype_of(file.content))


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
