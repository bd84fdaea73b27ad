"""JSON in UTF-8, of any value and of a prediction."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import orjson

from mlpredict.domain import FIELD_TYPES, FIELDS, PredictionRecord

JSON_FIELDS = [field for field, written in FIELD_TYPES.items() if written.startswith("Json")]


class JsonText(NamedTuple):
    """Text that is JSON already."""

    text: str


def prediction_fields(record: PredictionRecord) -> dict[str, Any]:
    """A record by its public field names; what is JSON already is not parsed again."""
    named: dict[str, Any] = dict(zip(FIELDS, record, strict=True))
    for field in JSON_FIELDS:
        if (text := named[field]) is not None:
            named[field] = JsonText(text)
    return named


def as_json(value: Any) -> bytes:
    """JSON in UTF-8 of what orjson knows and of `JsonText`; other code points are escaped."""
    try:
        return orjson.dumps(value, default=_fragment, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        # A file name that is not UTF-8 has code points that orjson refuses and JSON's \u escapes allow.
        escaped = {
            name: JsonText(json.dumps(one)) if isinstance(one, str) else one for name, one in value.items()
        }
        return orjson.dumps(escaped, default=_fragment, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _fragment(value: Any) -> orjson.Fragment:
    if isinstance(value, JsonText):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is no JSON value")
