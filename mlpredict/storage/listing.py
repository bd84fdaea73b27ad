"""Stored predictions, newest first, as fast as PostgreSQL hands them out."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from psycopg import capabilities, sql
from psycopg.rows import tuple_row
from psycopg.sql import SQL

from mlpredict.domain import PredictionFilter, PredictionRecord
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.values import bigint, decode_filename, glob_to_regex, real, storable

Values = Mapping[str, Any]

# What fits into a socket's buffer: PostgreSQL goes on while a block is printed. It waits with 1,000, which
# take a quarter longer.
BLOCK_ROWS = 300
# Conditions with an index that has the rows in the order of their ids.
IN_ORDER = frozenset({"before", "label", "model", "run"})

# The columns of `PREDICTIONS`: whatever PostgreSQL has not made JSON is alone in its piece, behind
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

MODEL_IDS = SQL("""
    SELECT id FROM models
    WHERE name = %(model)s
       OR name || '@' || left(fingerprint, 8) = %(model)s
       OR starts_with(fingerprint, lower(%(model)s))
""")

# The columns are `Pieces`. The last ends in a backslash where PostgreSQL does not write a
# number or a time as Python does, who has at least one digit after the point, exponents of no leading zero,
# and either no fraction of a second or six digits of it.
PREDICTIONS = SQL("""
    SELECT '{{"prediction_id":' || p.id || ',"input_id":' || coalesce(p.inputid::text, 'null')
               || ',"run_id":' || coalesce(p.run_id::text, 'null')
               || ',"filename":' || coalesce('"' || p.filename || '"', 'null'),
           ',"contenttype":' || coalesce('"' || p.contenttype || '"', 'null') || ',"prediction":',
           coalesce(p.predictions::text, 'null'),
           ',"likely_class":' || coalesce(p.likely_class::text, 'null')
               || ',"label":' || coalesce('"' || p.label || '"', 'null'),
           ',"score":' || CASE WHEN p.score = 1 THEN '1.0' ELSE coalesce(p.score::text, 'null') END
               || ',"model":' || coalesce(m.label, 'null')
               || ',"created_at":' || coalesce(to_json(p.created_at)::text, 'null') || '}}'
               || CASE WHEN p.filename_bytes IS NULL
                            AND (p.score BETWEEN 0.0001::real AND 1 OR p.score IS NULL)
                            AND (p.created_at::timestamptz(0) = p.created_at
                                 OR p.created_at::timestamptz(5) <> p.created_at
                                 OR p.created_at IS NULL)
                            AND (p.created_at BETWEEN '0001-01-03' AND '9999-12-30' OR p.created_at IS NULL)
                       THEN '' ELSE coalesce(encode(p.filename_bytes, 'hex'), '') || '\\' END
    FROM predictions AS p
    LEFT JOIN (
        SELECT id, to_json(name || '@' || left(fingerprint, 8))::text AS label FROM models
        OFFSET 0  -- so that it is made once a model, and not once a prediction
    ) AS m ON m.id = p.model_id
    WHERE {where}
    ORDER BY p.id DESC
    LIMIT {limit}
""")

WITHOUT_SORTING = SQL("SET LOCAL enable_sort = off")

# One label or model is compared with `=`: an index on it and the id then has the rows in order.
CONDITIONS = {
    "id": SQL("p.id = %(id)s"),
    "before": SQL("p.id < %(before)s::bigint"),
    "label": SQL("p.label = %(label)s"),
    "labels": SQL("p.label = ANY(%(labels)s::text[])"),
    "model": SQL("p.model_id = %(model)s"),
    "models": SQL("p.model_id = ANY(%(models)s::bigint[])"),
    "run": SQL("p.run_id = %(run)s"),
    "min_score": SQL("p.score >= %(min_score)s::real"),
    "max_score": SQL("p.score <= %(max_score)s::real"),
    "since": SQL("p.created_at >= %(since)s"),
    "until": SQL("p.created_at < %(until)s"),
    "filename": SQL("p.filename ~ %(filename)s"),
}


def prediction_rows(
    connection: Connection, values: Values, limit: int | None = None
) -> Generator[Pieces, None, None]:
    """The predictions that meet the conditions that `values` are for.

    They come while PostgreSQL reads them, out of one snapshot, and are never all in memory. Closed
    early, it cancels the query.
    """
    conditions = [CONDITIONS[name] for name in values] or [sql.SQL("true")]
    query = PREDICTIONS.format(
        where=sql.SQL(" AND ").join(conditions),
        limit=sql.SQL("ALL") if limit is None else sql.Literal(bigint(limit)),
    )
    # Older client libraries give one row at a time.
    at_once = BLOCK_ROWS if capabilities.has_stream_chunked() else 1
    with (
        translated(),
        _without_sorting(connection, values, limit),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        yield from cursor.stream(query, values, size=at_once)


@contextmanager
def _without_sorting(connection: Connection, values: Values, limit: int | None) -> Iterator[None]:
    """Have all the predictions come in the order of an index, where there is one for the conditions.

    A planner without statistics would sort a million rows on disk before it gave the first.
    """
    if limit is not None or not values.keys() <= IN_ORDER:
        yield
        return
    with connection.transaction():
        connection.execute(WITHOUT_SORTING)
        yield


def in_blocks(rows: Iterable[Pieces]) -> Iterator[list[Pieces]]:
    """The rows, as many at once as make no delay that anybody would notice."""
    iterator = iter(rows)
    while block := list(islice(iterator, BLOCK_ROWS)):
        yield block


def values_of(connection: Connection, wanted: PredictionFilter, before: int | None) -> Values:
    """What the conditions of a filter compare with, by their names; none for what it leaves open."""
    one_label = len(wanted.labels) == 1
    values = {
        "before": None if before is None else bigint(before),
        "label": storable(wanted.labels[0]) if one_label else None,
        "labels": [storable(label) for label in wanted.labels] if len(wanted.labels) > 1 else None,
        "run": None if wanted.run_id is None else bigint(wanted.run_id),
        "min_score": None if wanted.min_score is None else real(wanted.min_score),
        "max_score": None if wanted.max_score is None else real(wanted.max_score),
        "since": wanted.since,
        "until": wanted.until,
        "filename": None if wanted.filename is None else glob_to_regex(storable(wanted.filename)),
        **({} if wanted.model is None else _models(connection, wanted.model)),
    }
    return {name: value for name, value in values.items() if value is not None}


def _models(connection: Connection, wanted: str) -> Values:
    with translated():
        rows = connection.execute(MODEL_IDS, {"model": storable(wanted)}).fetchall()
    ids = [model_id for (model_id,) in rows]
    # A model that nobody knows has no predictions, rather than all of them.
    return {"model": ids[0]} if len(ids) == 1 else {"models": ids}


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
