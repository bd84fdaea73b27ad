"""Records, errors and pages as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

import orjson
from starlette.responses import Response

from mlpredict.domain import PredictionRecord
from mlpredict.storage.text import storable
from mlpredict.web.errors import RequestError, TooLarge, TooSlow, Unauthorized

FIELDS = tuple(field.name for field in fields(PredictionRecord))
JSON = "application/json"
_values = attrgetter(*FIELDS)


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Anything that orjson knows, as a response."""
    return Response(orjson.dumps(value), status, headers, JSON)


def error_response(error: RequestError) -> Response:
    """What a client is told that asked for something that cannot be had."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooLarge | TooSlow):
        headers["Connection"] = "close"  # the rest of the body is not read
    return json_response({"detail": error.detail}, error.status, headers)


def record_fields(record: PredictionRecord) -> dict[str, Any]:
    """A record by its public field names, the prediction as JSON that is not parsed again."""
    named: dict[str, Any] = dict(zip(FIELDS, _values(record), strict=True))
    named["prediction"] = orjson.Fragment(record.prediction)
    if record.filename is not None:
        # Names that are not UTF-8 have code points that JSON must not have.
        named["filename"] = storable(record.filename)
    return named
