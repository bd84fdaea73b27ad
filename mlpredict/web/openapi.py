"""What OpenAPI cannot tell from the code: forms that are read as they arrive, and errors."""

from __future__ import annotations

from dataclasses import fields
from http import HTTPStatus
from typing import Any

from mlpredict.domain import FIELD_TYPES, LabelSource
from mlpredict.domain.deletion import DELETED
from mlpredict.domain.history import ModelRecord, RunRecord
from mlpredict.web.label_body import LONGEST_LABEL, LONGEST_NAME

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


TYPES: dict[str, Schema] = {
    "int": INTEGER,
    "bool": {"type": "boolean"},
    "str": STRING,
    "float": NUMBER,
    "datetime": {**STRING, "format": "date-time"},
    "Json": ANYTHING,
    "list[str]": _array(STRING),
}


def _field_schema(written: str) -> Schema:
    """The schema of a field of `PredictionRecord`, by the type that is written there."""
    schema = TYPES.get(written.removesuffix(" | None"), ANYTHING)
    if not schema or not written.endswith(" | None"):
        return schema
    return {**schema, "type": [schema["type"], "null"]}


FIELD_SCHEMAS: dict[str, Schema] = {
    **{field: _field_schema(written) for field, written in FIELD_TYPES.items()},
    "prediction_id": INTEGER,  # what the server makes is stored
}


RECORD = _object(**FIELD_SCHEMAS)


FAILED = _object(filename=STRING, error=STRING)


MADE = _object(predictions=_array({"anyOf": [_object(**FIELD_SCHEMAS, top=RANKING), FAILED]}))


LISTED = _object(predictions=_array(RECORD), next=_or_null("string"))


IMAGES = _object(
    inputs=_array(
        _object(
            input_id=_or_null("integer"),
            image=_or_null("string"),
            predictions=INTEGER,
            first=RECORD,
        )
    ),
    next=_or_null("string"),
)


COUNTS = _object(predictions=INTEGER, images=INTEGER)


def _history(kind: type[RunRecord | ModelRecord]) -> dict[str, Schema]:
    """The fields of what is listed, by the types that are written there."""
    return {one.name: _field_schema(str(one.type)) for one in fields(kind)}


NAMED_MODEL = _object(model=STRING, name=STRING, fingerprint=STRING)


MODELS = _object(models=_array({"anyOf": [_object(**_history(ModelRecord)), NAMED_MODEL]}))


RUNS = _object(runs=_array(_object(**_history(RunRecord))), next=_or_null("string"))


NUMBERS = {"type": "object", "additionalProperties": INTEGER}


RUN = _object(**_history(RunRecord), labels=NUMBERS, reasons=NUMBERS)


WHOLE = _object(**FIELD_SCHEMAS, probabilities=RANKING, image=_or_null("string"), map=_or_null("string"))


BY_NAME: Schema = {"type": "object"}


GROUP_LIST = _array(_object(key=STRING, predictions=INTEGER, labelled=INTEGER, right=INTEGER))


REPORT = _object(
    predictions=INTEGER,
    images=INTEGER,
    labelled=INTEGER,
    right=INTEGER,
    judged=INTEGER,
    accuracy=_or_null("number"),
    interval=_or_null("array", items=NUMBER),
    macro_f1=_or_null("number"),
    ece=_or_null("number"),
    models=_array(STRING),
    sources=NUMBERS,
    by_label=BY_NAME,
    confusion={"type": "object", "additionalProperties": NUMBERS},
    calibration=_array(BY_NAME),
    scores=_array(INTEGER),
    over_time=GROUP_LIST,
    remarks=_array(STRING),
)
REPORT["properties"]["groups"] = GROUP_LIST


COMPARISON = _object(
    a=STRING,
    b=STRING,
    both=INTEGER,
    labelled=INTEGER,
    agreement=_or_null("number"),
    both_right=INTEGER,
    only_a_right=INTEGER,
    only_b_right=INTEGER,
    neither_right=INTEGER,
    p_value=_or_null("number"),
    by_label=BY_NAME,
    flips=_array(BY_NAME),
    remarks=_array(STRING),
)


DELETION = _object(**dict.fromkeys(DELETED, INTEGER))


LABEL = _object(
    input_id=INTEGER,
    true_label=_or_null("string"),
    true_labels=_or_null("array", items=STRING),
    true_value=_or_null("number"),
    source=_or_null("string"),
    labelled_by=_or_null("string"),
    labelled_at=_or_null("string", format="date-time"),
)


LABELLED = _object(
    result={**STRING, "enum": ["labelled", "revised", "unchanged", "removed"]},
    **LABEL["properties"],
    remarks=_array(STRING),
)


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


PAGE: Responses = {
    200: {"description": "One page of HTML that needs nothing else", "content": {"text/html": {}}}
}


def _form(file: Schema) -> dict[str, Any]:
    content = {"multipart/form-data": {"schema": _object(file=file)}}
    return {"requestBody": {"required": True, "content": content}}


BINARY = {"type": "string", "format": "binary"}


FORM_OF_ONE = _form(BINARY)


FORM_OF_MANY = _form({"type": "array", "items": BINARY, "minItems": 1})


B64 = _object(b64={**STRING, "contentEncoding": "base64"})


IMAGE_OR_ARRAY = {"anyOf": [B64, {"type": "array"}, {"type": "object", "maxProperties": 1}]}


INSTANCES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "instances": {**_array(IMAGE_OR_ARRAY), "minItems": 1},
                        "inputs": IMAGE_OR_ARRAY,
                        "signature_name": STRING,
                    },
                }
            }
        },
    }
}


ONE_LABEL = {**STRING, "minLength": 1, "maxLength": LONGEST_LABEL}


LABEL_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "label": ONE_LABEL,
                        "labels": _array(ONE_LABEL),
                        "value": NUMBER,
                        "by": {**STRING, "minLength": 1, "maxLength": LONGEST_NAME},
                        "source": {**STRING, "enum": [one.value for one in LabelSource], "default": "api"},
                    },
                    "oneOf": [{"required": [one]} for one in ("label", "labels", "value")],
                    "additionalProperties": False,
                }
            }
        },
    }
}


MANY_LABELS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "images": {
                            **_array(
                                {
                                    "type": "object",
                                    "properties": {
                                        "input_id": {**INTEGER, "minimum": 1},
                                        "label": {**ONE_LABEL, "type": ["string", "null"]},
                                        "labels": _array(ONE_LABEL),
                                        "value": NUMBER,
                                        "usable": {"const": False},
                                    },
                                    "required": ["input_id"],
                                    "oneOf": [
                                        {"required": [one]} for one in ("label", "labels", "value", "usable")
                                    ],
                                    "additionalProperties": False,
                                }
                            ),
                            "minItems": 1,
                            "maxItems": 1000,
                        },
                        "by": {**STRING, "minLength": 1, "maxLength": LONGEST_NAME},
                        "source": {**STRING, "enum": [one.value for one in LabelSource], "default": "api"},
                    },
                    "required": ["images"],
                    "additionalProperties": False,
                }
            }
        },
    }
}


MANY_LABELLED = _object(
    labelled=INTEGER,
    unchanged=INTEGER,
    revised=INTEGER,
    removed=INTEGER,
    unusable=INTEGER,
    not_stored=_array(STRING),
    remarks=_array(STRING),
)


TO_REVIEW = _object(
    images=_array(_object(**FIELD_SCHEMAS, image=_or_null("string"))),
    source=STRING,
    next=_or_null("string"),
)


PREDICTED: Schema = {
    "type": "object",
    "properties": {"predictions": _array(ANYTHING), "outputs": ANYTHING},
}


STATUS = _object(
    model_version_status=_array(
        _object(version=STRING, state=STRING, status=_object(error_code=STRING, error_message=STRING))
    )
)


METADATA = _object(
    model_spec=_object(name=STRING, signature_name=STRING, version=STRING),
    metadata=_object(signature_def={"type": "object"}),
)


def serving_failures(*statuses: int) -> Responses:
    """The errors of routes that answer as TensorFlow Serving does, all of them with one `error`."""
    return {status: _response(status, _object(error=STRING)) for status in statuses}


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
