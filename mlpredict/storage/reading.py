"""From a row of JSON texts to a prediction: a record, or the JSON that the encoder would make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from mlpredict.domain import FIELD_TYPES, FIELDS, PredictionRecord
from mlpredict.storage.values import decode_filename
from mlpredict.support.json_text import as_json, prediction_fields

Row = tuple[str | None, ...]
"""The fields of a prediction as PostgreSQL writes them in JSON; None is null."""

Texts = Sequence[str | None]

TEMPLATE = "{" + ",".join(f'"{field}":%s' for field in FIELDS) + "}"

NULL = "null"
LINE_ENDS = str.maketrans("\n\r", "  ")
WHOLE_SECONDS = len('"2026-11-23T12:00:00+00:00"')
"""Fractions, years behind 9999, years BC and offsets with seconds all make a time longer than that."""


def as_record(row: Row) -> PredictionRecord:
    """A prediction; without its time where Python does not know that, as infinity or the year 10000."""
    values: list[Any] = [
        None if text is None else read(text) for read, text in zip(READERS, row, strict=True)
    ]
    return PredictionRecord(*values)


def as_objects(rows: Sequence[Row]) -> bytes:
    """Predictions as JSON objects, a line each and no newline behind the last.

    They are to the byte what the encoder makes of their records, in a fraction of the time.
    """
    columns = map(_texts, zip(*rows, strict=True), WRITERS)
    objects = "\n".join(map(TEMPLATE.__mod__, zip(*columns, strict=True)))
    if objects.count("\n") != len(rows) - 1 or "\r" in objects:
        return b"\n".join(as_json(prediction_fields(as_record(row))) for row in rows)
    return objects.encode()


def _texts(column: Texts, write: Callable[[str], str] | None) -> Sequence[str | None]:
    """The texts of one field as the encoder writes them."""
    if None in column:
        if column.count(None) == len(column):
            return [NULL] * len(column)
        return [NULL if text is None else write(text) if write else text for text in column]
    return [write(text) for text in column if text is not None] if write else column


def _written_real(text: str) -> str:
    """PostgreSQL writes no point where there is no fraction, and exponents with a zero in front."""
    return text if text.startswith("0.") else orjson.dumps(float(text)).decode()


def _written_time(text: str) -> str:
    """PostgreSQL leaves out the zeros at the end of a second's fraction."""
    return text if len(text) == WHOLE_SECONDS else _written_fraction(text)


# What is stored together has the same time.
@lru_cache(maxsize=1)
def _written_fraction(text: str) -> str:
    return orjson.dumps(_time(text)).decode()


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text[1:-1])
    except ValueError:
        return None


def _on_one_line(text: str) -> str:
    """JSON as it was, with its line ends, which are never part of a string, made spaces."""
    return text.translate(LINE_ENDS) if "\n" in text or "\r" in text else text


def _filename(text: str) -> str | None:
    name: str | list[str] = orjson.loads(text)
    return name if isinstance(name, str) else decode_filename(name[0], bytes.fromhex(name[1]))


TYPES = {field: written.removesuffix(" | None") for field, written in FIELD_TYPES.items()}

OWN_READERS: Mapping[str, Callable[[str], Any]] = {"float": float, "datetime": _time, "Json": _on_one_line}
"""How a text of PostgreSQL's is read, by the type of the field; JSON's own types are read as JSON."""

OWN_WRITERS: Mapping[str, Callable[[str], str]] = {"float": _written_real, "datetime": _written_time}
"""How it is written where the encoder would write it otherwise."""

READERS = [
    _filename if field == "filename" else OWN_READERS.get(TYPES[field], orjson.loads) for field in FIELDS
]
WRITERS = [OWN_WRITERS.get(TYPES[field]) for field in FIELDS]
