"""A prediction as one line of COPY text, as `statements.PREDICTIONS` writes it."""

from __future__ import annotations

import re
from datetime import datetime

from mlpredict.domain import PredictionRecord
from mlpredict.errors import DatabaseError
from mlpredict.storage.text import decode_filename

# The fields of a record in their order, each one JSON, strings in their quotes.
JsonFields = tuple[bytes, ...]

NULL = b"null"
INTEGER = rb"(-?\d++|null)"
STRING = rb'("[^"\\\x00-\x1f]*+"|null)'
OUTPUT = rb"([^\\\t\n]++)"
# Other scores are not written alike by PostgreSQL and by Python: 1e-05, or NaN, which is no JSON.
SCORE = rb"(0\.\d++|1\.0|null)"
# A fraction of a second has all its digits in Python, and no zeros at the end in PostgreSQL.
TIME = rb'("\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?[+-]\d\d:\d\d"|null)'
FIELDS = (INTEGER, INTEGER, INTEGER, STRING, STRING, OUTPUT, INTEGER, STRING, SCORE, STRING, TIME)
PLAIN = re.compile(b"\t".join([*FIELDS, b"null\n"]))

ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def as_json(line: bytes) -> JsonFields | None:
    """The fields as JSON takes them, where they stand in the line like that; None is the rare case."""
    plain = PLAIN.fullmatch(line)
    return plain.groups() if plain else None


def as_record(line: bytes) -> PredictionRecord:
    """The prediction of any line.

    Raises:
        DatabaseError: its time is one that Python does not know, as infinity or the year 10000.
    """
    fields = [None if field == NULL else _unescaped(field) for field in line[:-1].split(b"\t")]
    (prediction_id, input_id, run_id, filename, contenttype, output, *others, raw) = fields
    likely_class, label, score, model, created_at = others
    return PredictionRecord(
        prediction_id=_integer(prediction_id),
        input_id=_integer(input_id),
        run_id=_integer(run_id),
        filename=decode_filename(_string(filename), None if raw is None else bytes.fromhex(raw)),
        contenttype=_string(contenttype),
        prediction=output or "null",
        likely_class=_integer(likely_class),
        label=_string(label),
        score=None if score is None else float(score),
        model=_string(model),
        created_at=None if created_at is None else _time(created_at[1:-1]),
    )


def _unescaped(field: bytes) -> str:
    if b"\\" in field:
        field = ESCAPED.sub(lambda found: ESCAPES.get(found[1], found[1]), field)
    return field.decode()


def _integer(field: str | None) -> int | None:
    return None if field is None else int(field)


def _string(field: str | None) -> str | None:
    return None if field is None else field[1:-1]


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise DatabaseError(f"a time that cannot be shown: {text}") from error
