"""Records, errors and pages as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from mlpredict.domain import PredictionRecord, Reply, StoredImage
from mlpredict.inputs.image_file import contenttype_of
from mlpredict.inputs.kept import ImageFile, ImageUnavailable, load_stored
from mlpredict.storage.values import storable
from mlpredict.support.json_text import as_json, prediction_fields
from mlpredict.web.errors import Missing, RequestError, TooLarge, TooSlow, Unauthorized

JSON = "application/json"

SERVING_FORM = "/v1/models/"
"""What lies below it answers as TensorFlow Serving does."""

IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Anything that orjson knows, and `JsonText`, as a response."""
    return Response(as_json(value), status, headers, JSON)


def record_fields(record: PredictionRecord) -> dict[str, Any]:
    """A record by its public field names."""
    named = prediction_fields(record)
    if record.filename is not None:
        # Names that are not UTF-8 have code points that some clients' JSON must not have.
        named["filename"] = storable(record.filename)
    return named


def error_response(error: RequestError, path: str) -> Response:
    """What a client is told that asked for something that cannot be had, in the form of what it asked."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooLarge | TooSlow):
        headers["Connection"] = "close"  # the rest of the body is not read
    return json_response(error_body(error.detail, path), error.status, headers)


def error_body(detail: str, path: str) -> dict[str, str]:
    """What is wrong, in the form of the API that was asked."""
    return {"error" if path.startswith(SERVING_FORM) else "detail": detail}


def refusal(error: RequestError, path: str) -> Reply:
    """The same as what was answered to a request, which may be repeated."""
    return Reply(error.status, as_json(error_body(error.detail, path)))


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
        "Content-Security-Policy": IMAGE_POLICY,
    }
    if etag in _tags(asked.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    # Whoever wrote the row may have made its type up.
    return Response(file.content, headers=headers, media_type=contenttype_of(file.content))


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
