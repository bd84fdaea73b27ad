"""What OpenAPI cannot tell from the code: answers and errors. What is sent is in `request_bodies`."""

from __future__ import annotations

from dataclasses import fields
from http import HTTPStatus
from typing import Any

from mlpredict.domain import FIELD_TYPES
from mlpredict.domain.deletion import DELETED
from mlpredict.domain.history import ModelRecord, RunRecord

Schema = dict[str, Any]


def object_of(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def array_of(items: Schema) -> Schema:
    """Any number of these."""
    return {"type": "array", "items": items}


def _or_null(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


STRING: Schema = {"type": "string"}


NUMBER: Schema = {"type": "number"}


INTEGER: Schema = {"type": "integer"}


ANYTHING: Schema = {}


ERROR = object_of(detail=STRING)


RANKING = {**array_of(object_of(label=STRING, score=NUMBER)), "type": ["array", "null"]}


TYPES: dict[str, Schema] = {
    "int": INTEGER,
    "bool": {"type": "boolean"},
    "str": STRING,
    "float": NUMBER,
    "datetime": {**STRING, "format": "date-time"},
    "Json": ANYTHING,
    "list[str]": array_of(STRING),
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


RECORD = object_of(**FIELD_SCHEMAS)


FAILED = object_of(filename=STRING, error=STRING)


MADE = object_of(predictions=array_of({"anyOf": [object_of(**FIELD_SCHEMAS, top=RANKING), FAILED]}))


LISTED = object_of(predictions=array_of(RECORD), next=_or_null("string"))


IMAGES = object_of(
    inputs=array_of(
        object_of(
            input_id=_or_null("integer"),
            image=_or_null("string"),
            predictions=INTEGER,
            first=RECORD,
        )
    ),
    next=_or_null("string"),
)


COUNTS = object_of(predictions=INTEGER, images=INTEGER)


def _history(kind: type[RunRecord | ModelRecord]) -> dict[str, Schema]:
    """The fields of what is listed, by the types that are written there."""
    return {one.name: _field_schema(str(one.type)) for one in fields(kind)}


NAMED_MODEL = object_of(model=STRING, name=STRING, fingerprint=STRING)


MODELS = object_of(models=array_of({"anyOf": [object_of(**_history(ModelRecord)), NAMED_MODEL]}))


RUNS = object_of(runs=array_of(object_of(**_history(RunRecord))), next=_or_null("string"))


NUMBERS = {"type": "object", "additionalProperties": INTEGER}


RUN = object_of(**_history(RunRecord), labels=NUMBERS, reasons=NUMBERS)


WHOLE = object_of(**FIELD_SCHEMAS, probabilities=RANKING, image=_or_null("string"), map=_or_null("string"))


BY_NAME: Schema = {"type": "object"}


GROUP_LIST = array_of(object_of(key=STRING, predictions=INTEGER, labelled=INTEGER, right=INTEGER))


REPORT = object_of(
    predictions=INTEGER,
    images=INTEGER,
    labelled=INTEGER,
    right=INTEGER,
    judged=INTEGER,
    accuracy=_or_null("number"),
    interval=_or_null("array", items=NUMBER),
    macro_f1=_or_null("number"),
    ece=_or_null("number"),
    models=array_of(STRING),
    sources=NUMBERS,
    by_label=BY_NAME,
    confusion={"type": "object", "additionalProperties": NUMBERS},
    calibration=array_of(BY_NAME),
    scores=array_of(INTEGER),
    over_time=GROUP_LIST,
    remarks=array_of(STRING),
)
REPORT["properties"]["groups"] = GROUP_LIST


COMPARISON = object_of(
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
    flips=array_of(BY_NAME),
    remarks=array_of(STRING),
)


DELETION = object_of(**dict.fromkeys(DELETED, INTEGER))


LABEL = object_of(
    input_id=INTEGER,
    true_label=_or_null("string"),
    true_labels=_or_null("array", items=STRING),
    true_value=_or_null("number"),
    source=_or_null("string"),
    labelled_by=_or_null("string"),
    labelled_at=_or_null("string", format="date-time"),
)


LABELLED = object_of(
    result={**STRING, "enum": ["labelled", "revised", "unchanged", "removed"]},
    **LABEL["properties"],
    remarks=array_of(STRING),
)


ROWS = array_of({"type": "array", "minItems": 3, "maxItems": 3})


PAIR = {"anyOf": [{"type": "array", "minItems": 2, "maxItems": 2}, object_of(message=STRING)]}


MODEL = object_of(
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


MANY_LABELLED = object_of(
    labelled=INTEGER,
    unchanged=INTEGER,
    revised=INTEGER,
    removed=INTEGER,
    unusable=INTEGER,
    not_stored=array_of(STRING),
    remarks=array_of(STRING),
)


TO_REVIEW = object_of(
    images=array_of(object_of(**FIELD_SCHEMAS, image=_or_null("string"))),
    source=STRING,
    next=_or_null("string"),
)


PREDICTED: Schema = {
    "type": "object",
    "properties": {"predictions": array_of(ANYTHING), "outputs": ANYTHING},
}


STATUS = object_of(
    model_version_status=array_of(
        object_of(version=STRING, state=STRING, status=object_of(error_code=STRING, error_message=STRING))
    )
)


METADATA = object_of(
    model_spec=object_of(name=STRING, signature_name=STRING, version=STRING),
    metadata=object_of(signature_def={"type": "object"}),
)


def serving_failures(*statuses: int) -> Responses:
    """The errors of routes that answer as TensorFlow Serving does, all of them with one `error`."""
    return {status: _response(status, object_of(error=STRING)) for status in statuses}


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
