"""Whatever a row holds, the list writes what the ordinary encoders make of it, byte for byte."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from mlpredict.cli.app import make_app
from mlpredict.domain import FIELDS, Format, PredictionRecord, model_label
from mlpredict.records import encoder
from mlpredict.storage.values import decode_filename
from mlpredict.support.json_text import prediction_fields

Row = tuple[Any, ...]

INSERT = """
    INSERT INTO predictions (filename, filename_bytes, contenttype, predictions, likely_class, label, score,
                             created_at, model_id, labels, value, unit, outputs, inputid)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, (SELECT min(id) FROM inputs))
"""
SELECT = """
    SELECT p.id, p.inputid, p.run_id, p.filename, p.filename_bytes, p.contenttype, p.predictions::text,
           p.likely_class, p.label, p.score, m.name, m.fingerprint, p.created_at,
           p.labels, p.value, p.unit, p.outputs::text
    FROM predictions AS p
    LEFT JOIN models AS m ON m.id = p.model_id
    ORDER BY p.id DESC
"""
MODELS = """
    INSERT INTO models (id, fingerprint, name, format, path, task, description)
    VALUES (1, repeat('ab', 32), 'pets', 'keras', '', 'classification', '{}'),
           (2, repeat('cd', 32), E'"na\\\\s\\tty", \\U0001F600', 'keras', '', 'classification', '{}');
    INSERT INTO inputs (image) VALUES ('data:,');
"""
ZONES = ("UTC", "Asia/Kolkata", "America/St_Johns")

texts = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    st.text('"\\,:\t\n{}[]n\x01\x7fé', max_size=6),
    st.sampled_from(
        ["", "null", '"', '""', '"label":null', "a.png", "größe😀.png", '","prediction":[1],"x":"']
    ),
)
maybe_texts = st.none() | texts
outputs = st.sampled_from(
    [
        "[0.1,0.9]",
        "null",
        "[ 0.1,\n 2e-7 ]",
        "[\r\n1,\t2]",
        '{"a": "b\\"\\u00e9", "n": null}',
        "[[1e-45]]",
        "7",
        '"x"',
        None,
    ]
)
scores = st.none() | st.sampled_from([0.0, 1.0, 1e-05, 0.0001, 0.5, -0.5, 1e30]) | st.floats(width=32)
times = st.none() | st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2037, 1, 1), timezones=st.just(UTC)
)
whole_times = times.map(lambda time: time and time.replace(microsecond=0))
rows = st.tuples(
    maybe_texts,
    st.none() | st.none() | st.binary(min_size=1, max_size=4).map(lambda raw: raw.replace(b"\0", b"\xff")),
    maybe_texts,
    outputs,
    st.none() | st.integers(-3, 1000),
    maybe_texts,
    scores,
    times | whole_times,
    st.none() | st.sampled_from([1, 2]),
    st.none() | st.lists(texts, max_size=3),
    scores,
    maybe_texts,
    outputs,
)
NOTHING_MORE = (None,) * 4
PLAIN: Row = ("a.png", None, "image/png", "[0.1,0.9]", 1, "dog", 0.75, datetime(2026, 1, 2, tzinfo=UTC), 1)


@pytest.fixture
def rows_of(dsn: str, connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    connection.execute(MODELS)
    connection.execute("ALTER TABLE predictions DISABLE TRIGGER USER")
    return connection


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=st.lists(rows, min_size=1, max_size=6), zone=st.sampled_from(ZONES))
@example(stored=[PLAIN], zone="Asia/Kolkata")
@example(stored=[(*PLAIN, ["a", 'b"'], 36.25, "years", '{"a":\n[1]}'), PLAIN], zone="UTC")
@example(stored=[PLAIN, ("x", None, 'a"b"', *PLAIN[3:5], None, *PLAIN[6:])], zone="UTC")
@example(stored=[(os.fsdecode(b"caf?"), b"caf\xe9", *PLAIN[2:]), PLAIN], zone="UTC")
@example(stored=[(*PLAIN[:6], 1.0, *PLAIN[7:]), (*PLAIN[:6], 1e-05, *PLAIN[7:])], zone="UTC")
@example(stored=[(*PLAIN[:7], datetime(2026, 1, 2, 3, 4, 5, 120000, UTC), 2)], zone="America/St_Johns")
@example(stored=[(None, None, None, "[0.125, 0.875]", 1, "1", 0.875, None, None)], zone="UTC")
def test_every_format_is_what_the_encoder_makes_of_the_row(
    rows_of: psycopg.Connection[Any], stored: list[Row], zone: str
) -> None:
    rows_of.execute("TRUNCATE predictions RESTART IDENTITY")
    rows_of.cursor().executemany(INSERT, [whole(row) for row in stored])
    dsn = make_conninfo(rows_of.info.dsn, options=f"-c TimeZone={zone}")
    records = expected(dsn)
    for chosen in (Format.JSON, Format.JSONL, Format.CSV, Format.TSV):
        result = CliRunner().invoke(
            make_app(),
            ["list", "--all", "--dsn", dsn, "--format", chosen, "--columns", ",".join(FIELDS)],
        )
        encode = encoder(chosen, FIELDS)
        one_by_one = b"".join(encode.encode([prediction_fields(record)]) for record in records)
        assert result.stdout_bytes == one_by_one + encode.finish()
        assert result.exit_code == 0
        if chosen in (Format.JSONL, Format.TSV):
            assert result.stdout_bytes.count(b"\n") == len(records)


def test_a_block_may_be_long_and_hold_one_odd_row(rows_of: psycopg.Connection[Any]) -> None:
    odd = ('"', None, *PLAIN[2:])
    rows_of.cursor().executemany(INSERT, map(whole, [*[PLAIN] * 1500, odd, *[PLAIN] * 700]))
    dsn = rows_of.info.dsn
    result = CliRunner().invoke(make_app(), ["list", "--all", "--dsn", dsn, "--json"])
    assert [one["filename"] for one in json.loads(result.stdout)].index('"') == 700
    assert len(json.loads(result.stdout)) == 2201


def whole(row: Row) -> Row:
    """A row with all its columns, of which the last may be left out."""
    return (*row, *NOTHING_MORE)[:13]


def expected(dsn: str) -> Sequence[PredictionRecord]:
    """The records, through the types of the driver."""
    with psycopg.connect(dsn) as connection:
        # Times in JSON are in UTC, whatever the session's time zone is.
        connection.execute("SET TimeZone TO 'UTC'")
        return [record(*row) for row in connection.execute(SELECT)]


def record(
    id_: int,
    inputid: int | None,
    run_id: int | None,
    filename: str | None,
    filename_bytes: bytes | None,
    contenttype: str | None,
    output: str | None,
    likely_class: int | None,
    label: str | None,
    score: float | None,
    name: str | None,
    fingerprint: str | None,
    created_at: datetime | None,
    labels: list[str] | None,
    value: float | None,
    unit: str | None,
    outputs: str | None,
) -> PredictionRecord:
    return PredictionRecord(
        prediction_id=id_,
        input_id=inputid,
        run_id=run_id,
        filename=decode_filename(filename, filename_bytes),
        contenttype=contenttype,
        # What the 2020 program, or another, has spread over several lines is put on one.
        prediction=(output or "null").replace("\n", " ").replace("\r", " "),
        likely_class=likely_class,
        label=label,
        score=score,
        model=None if name is None or fingerprint is None else model_label(name, fingerprint),
        created_at=created_at,
        labels=labels,
        value=value,
        unit=unit,
        outputs=None if outputs is None else outputs.replace("\n", " ").replace("\r", " "),
    )
