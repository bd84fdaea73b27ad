"""What OpenAPI cannot tell from the code: bodies of requests that are read as they arrive."""

from __future__ import annotations

from typing import Any

from mlpredict.domain import LabelSource
from mlpredict.web.label_body import LONGEST_LABEL, LONGEST_NAME
from mlpredict.web.openapi import INTEGER, NUMBER, STRING, Schema, array_of, object_of
from mlpredict.web.review_body import MOST_IMAGES

Body = dict[str, Any]


def _body(contenttype: str, schema: Schema) -> Body:
    return {"requestBody": {"required": True, "content": {contenttype: {"schema": schema}}}}


def _form(file: Schema) -> Body:
    return _body("multipart/form-data", object_of(file=file))


def _json(properties: dict[str, Schema], *required: str) -> Schema:
    """An object with these and no others, of which some are required."""
    stated = {"type": "object", "properties": properties, "additionalProperties": False}
    return stated | ({"required": list(required)} if required else {})


def _one_of(*names: str) -> Schema:
    return {"oneOf": [{"required": [name]} for name in names]}


BINARY: Schema = {"type": "string", "format": "binary"}

FORM_OF_ONE = _form(BINARY)

FORM_OF_MANY = _form({"type": "array", "items": BINARY, "minItems": 1})

B64 = object_of(b64={**STRING, "contentEncoding": "base64"})

IMAGE_OR_ARRAY: Schema = {"anyOf": [B64, {"type": "array"}, {"type": "object", "maxProperties": 1}]}

INSTANCES = _body(
    "application/json",
    {
        "type": "object",
        "properties": {
            "instances": {**array_of(IMAGE_OR_ARRAY), "minItems": 1},
            "inputs": IMAGE_OR_ARRAY,
            "signature_name": STRING,
        },
    },
)

ONE_LABEL: Schema = {**STRING, "minLength": 1, "maxLength": LONGEST_LABEL}

WHO: dict[str, Schema] = {
    "by": {**STRING, "minLength": 1, "maxLength": LONGEST_NAME},
    "source": {**STRING, "enum": [one.value for one in LabelSource], "default": "api"},
}
"""Who says it, and how the images were chosen."""

LABEL_BODY = _body(
    "application/json",
    _json({"label": ONE_LABEL, "labels": array_of(ONE_LABEL), "value": NUMBER, **WHO})
    | _one_of("label", "labels", "value"),
)

LABELLED_IMAGE = _json(
    {
        "input_id": {**INTEGER, "minimum": 1},
        "label": {**ONE_LABEL, "type": ["string", "null"]},
        "labels": array_of(ONE_LABEL),
        "value": NUMBER,
        "usable": {"const": False},
    },
    "input_id",
) | _one_of("label", "labels", "value", "usable")

MANY_LABELS_BODY = _body(
    "application/json",
    _json({"images": {**array_of(LABELLED_IMAGE), "minItems": 1, "maxItems": MOST_IMAGES}, **WHO}, "images"),
)
