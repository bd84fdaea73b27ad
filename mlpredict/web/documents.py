"""What OpenAPI cannot tell from the code: forms that are read as they arrive, and errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

ERROR = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}


def _form(file: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


BINARY = {"type": "string", "format": "binary"}
FORM_OF_ONE = _form(BINARY)
FORM_OF_MANY = _form({"type": "array", "items": BINARY, "minItems": 1})


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route answers, all of them with one `detail`."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": ERROR}},
        }
        for status in statuses
    }
