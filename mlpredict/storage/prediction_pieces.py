"""Stored predictions as PostgreSQL writes them: pieces of text that, joined, are a JSON object.

Nearly all leave as they came, a thousand at a time. What PostgreSQL does not escape, or writes otherwise
than Python does, is taken apart here into a record, for the encoders to write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import orjson

from mlpredict.domain import PredictionRecord
from mlpredict.storage.text import decode_filename

# The columns of `statements.PREDICTIONS`: whatever PostgreSQL has not made JSON is alone in its piece, behind
# what is known. After the object there may be the bytes of the file's name in hexadecimal, and a backslash
# where it is not what Python would write.
Pieces = tuple[str, str, str, str, str]

# What JSON escapes in a string, beside the quote, which has its own meaning in an object.
ESCAPED = bytes(range(32)) + b"\\"
# Of eleven names and five strings; fewer where a string is null.
QUOTES = 2 * (11 + 5)
NULL = "null"
LINE_ENDS = str.maketrans("\n\r", "  ")

HEAD = re.compile(r'\{"prediction_id":([^,]+),"input_id":([^,]+),"run_id":([^,]+),"filename":(.+)', re.DOTALL)
CONTENTTYPE = re.compile(r',"contenttype":(.+),"prediction":', re.DOTALL)
LIKELY = re.compile(r',"likely_class":([^,]+),"label":(.+)', re.DOTALL)
TAIL = re.compile(r',"score":([^,]+),"model":(.+),"created_at":([^,}]+)\}([0-9a-f]*)\\?')


def as_json(rows: Sequence[Pieces]) -> list[bytes | PredictionRecord]:
    """The predictions in their order: JSON objects, a line each, and records where it takes work.

    Consecutive objects are one `bytes`, which does not end in a newline.
    """
    objects = "\n".join(map("".join, rows)).encode()
    if _are_objects(objects, len(rows)):
        return [objects]
    return [as_record(row) if _needs_work(row) else "".join(row).encode() for row in rows]


def as_record(row: Pieces) -> PredictionRecord:
    """Any prediction; without its time where Python does not know that, as infinity or the year 10000."""
    head, contenttype, output, likely, tail = row
    prediction_id, input_id, run_id, filename = _groups(HEAD, head)
    likely_class, label = _groups(LIKELY, likely)
    score, model, created_at, raw = _groups(TAIL, tail)
    return PredictionRecord(
        prediction_id=_integer(prediction_id),
        input_id=_integer(input_id),
        run_id=_integer(run_id),
        filename=decode_filename(_string(filename), bytes.fromhex(raw) if raw else None),
        contenttype=_string(_groups(CONTENTTYPE, contenttype)[0]),
        prediction=_on_one_line(output),
        likely_class=_integer(likely_class),
        label=_string(label),
        score=None if score == NULL else float(score),
        model=orjson.loads(model),
        created_at=None if created_at == NULL else _time(created_at[1:-1]),
    )


def _are_objects(joined: bytes, count: int) -> bool:
    """Whether lines are as many JSON objects, told by their characters alone.

    The ends of lines and the quotes are as many as there must be, unless there is one too many in a
    string; a null, which has no quotes, could make up for that.
    """
    plain = joined.translate(None, ESCAPED)
    return (
        len(joined) - len(plain) == count - 1 == joined.count(b"\n")
        and plain.count(b'"') == QUOTES * count
        and b"null" not in plain
    )


def _needs_work(row: Pieces) -> bool:
    """Whether there is a backslash at the end, or a string is not JSON as it stands."""
    head, contenttype, _, likely, _ = row
    text = "".join(row).encode()
    return (
        len(text) != len(text.translate(None, ESCAPED))
        or head.count('"') > 10
        or contenttype.count('"') > 6
        or likely.count('"') > 6
    )


def _groups(pattern: re.Pattern[str], piece: str) -> tuple[str, ...]:
    found = pattern.fullmatch(piece)
    assert found is not None
    return found.groups()


def _integer(text: str) -> int | None:
    return None if text == NULL else int(text)


def _string(text: str) -> str | None:
    return None if text == NULL else text[1:-1]


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _on_one_line(text: str) -> str:
    """JSON as it was, with its line ends, which are never part of a string, made spaces."""
    return text.translate(LINE_ENDS) if "\n" in text or "\r" in text else text
