"""What OpenAPI cannot tell from the code: forms that are read as they arrive, and errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

Schema = dict[str, Any]


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


STRING: Schema = {"type": "string"}


NUMBER: Schema = {"type": "number"}


INTEGER: Schema = {"type": "integer"}


ANYTHING: Schema = {}


ERROR = _object(detail=STRING)


RANKING = {**_array(_object(label=STRING, score=NUMBER)), "type": ["array", "null"]}


FIELD_SCHEMAS: dict[str, Schema] = {
    "prediction_id": INTEGER,
    "input_id": _or_null("integer"),
    "run_id": _or_null("integer"),
    "filename": _or_null("string"),
    "contenttype": _or_null("string"),
    "prediction": ANYTHING,
    "likely_class": _or_null("integer"),
    "label": _or_null("string"),
    "score": _or_null("number"),
    "model": _or_null("string"),
    "created_at": _or_null("string", format="date-time"),
}


RECORD = _object(**FIELD_SCHEMAS)


FAILED = _object(filename=STRING, error=STRING)


MADE = _object(predictions=_array({"anyOf": [_object(**FIELD_SCHEMAS, top=RANKING), FAILED]}))


LISTED = _object(predictions=_array(RECORD), next=_or_null("string"))


WHOLE = _object(**FIELD_SCHEMAS, probabilities=RANKING, image=_or_null("string"))


ROWS = _array({"type": "array", "minItems": 3, "maxItems": 3})


PAIR = {"anyOf": [{"type": "array", "minItems": 2, "maxItems": 2}, _object(message=STRING)]}


MODEL = _object(
    model=STRING,
    name=STRING,
    fingerprint=STRING,
    task=STRING,
    labels=_or_null("array", items=STRING),
    height=_or_null("integer"),
    width=_or_null("integer"),
    channels=INTEGER,
)


Responses = dict[int | str, dict[str, Any]]


IMAGE: Responses = {
    200: {"description": "The bytes of the file", "content": {"image/*": {}, "application/octet-stream": {}}}
}


def _form(file: Schema) -> dict[str, Any]:
    content = {"multipart/form-data": {"schema": _object(file=file)}}
    return {"requestBody": {"required": True, "content": content}}


BINARY = {"type": "string", "format": "binary"}


FORM_OF_ONE = _form(BINARY)


FORM_OF_MANY = _form({"type": "array", "items": BINARY, "minItems": 1})


def success(schema: Schema, status: int = 200) -> Responses:
    """What a route responds when all is well."""
    return {status: _response(status, schema)}


def failures(*statuses: int) -> Responses:
    """The errors that a route responds with, all of them with one `detail`."""
    return {status: _response(status, ERROR) for status in statuses}


def _response(status: int, schema: Schema) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": schema}},
    }
