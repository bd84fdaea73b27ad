"""Records as json, jsonl, csv and tsv."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlpredict.domain import FIELDS, Format, PredictionRecord
from mlpredict.records import encoder
from mlpredict.support.json_text import prediction_fields
from tests.unit.images import CREATED, record

COLUMNS = ("prediction_id", "filename", "label", "score", "created_at")
NOT_UTF8 = os.fsdecode(b"caf\xe9.png")
NASTY = "a\\\"',xtn\t\n\r\x1b\x07\x7f\x85\x9b\u2028\u202e\u200b\ufeffé😀"
NAMES = {
    "plain": "three.png",
    "tab": "a\tb.png",
    "newline": "a\nb.png",
    "carriage return": "a\rb.png",
    "quotes": 'say "3", please.png',
    "backslash": "a\\tb\\.png",
    "escape sequence": "\x1b[2J\x1b]0;owned\x07.png",
    "rich markup": "[red]three[/red].png",
    "emoji": "👩‍👩‍👧 ❤️ 数字.png",
    "not UTF-8": NOT_UTF8,
    "empty": "",
}


def printed(chosen: Format, records: Sequence[PredictionRecord], columns: Sequence[str] = COLUMNS) -> bytes:
    """All of the output, written a record at a time."""
    encode = encoder(chosen, columns)
    return b"".join(encode.encode([prediction_fields(one)]) for one in records) + encode.finish()


def parsed_csv(output: bytes) -> list[list[str]]:
    text = output.decode("utf-8", "surrogateescape")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_nothing_is_an_empty_array_a_header_or_no_output() -> None:
    assert printed(Format.JSON, []) == b"[]\n"
    assert printed(Format.JSONL, []) == b""
    assert printed(Format.CSV, []) == b"prediction_id,filename,label,score,created_at\n"
    assert printed(Format.TSV, []) == b""


@pytest.mark.parametrize("count", [1, 2, 5])
def test_json_is_one_array(count: int) -> None:
    found = json.loads(printed(Format.JSON, [record(number) for number in range(count)]))
    assert [one["prediction_id"] for one in found] == list(range(count))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_jsonl_is_an_object_a_line(count: int) -> None:
    lines = printed(Format.JSONL, [record(number) for number in range(count)]).splitlines()
    assert [json.loads(line)["prediction_id"] for line in lines] == list(range(count))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_csv_has_one_header_and_a_row_a_record(count: int) -> None:
    rows = parsed_csv(printed(Format.CSV, [record(number) for number in range(count)]))
    assert rows[0] == list(COLUMNS)
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_tsv_has_no_header_and_a_line_a_record(count: int) -> None:
    lines = printed(Format.TSV, [record(number) for number in range(count)]).decode().splitlines()
    assert [line.split("\t")[0] for line in lines] == [str(number) for number in range(count)]


def test_several_records_at_once_are_as_one_by_one() -> None:
    records = [prediction_fields(record(number)) for number in range(3)]
    for chosen in (Format.JSON, Format.JSONL, Format.CSV, Format.TSV):
        encode = encoder(chosen, COLUMNS)
        assert encode.encode(records) + encode.finish() == printed(chosen, [record(n) for n in range(3)])


def test_json_carries_every_field_in_order() -> None:
    (found,) = json.loads(printed(Format.JSON, [record()]))
    assert tuple(found) == FIELDS
    assert datetime.fromisoformat(found["created_at"]) == CREATED


@pytest.mark.parametrize("chosen", [Format.JSON, Format.JSONL])
@pytest.mark.parametrize("name", ["three.png", NOT_UTF8], ids=["UTF-8", "not UTF-8"])
def test_a_prediction_is_an_array_and_not_a_string(chosen: Format, name: str) -> None:
    output = printed(chosen, [record(filename=name, prediction="[0.1,[2e-7]]")])
    found = json.loads(output)
    one = found[0] if chosen is Format.JSON else found
    assert one["prediction"] == [0.1, [2e-7]]


def test_the_digits_of_a_prediction_are_kept() -> None:
    digits = "[0.10000000149011612,1e-45,3.4028235e+38,0.30000001]"
    assert f'"prediction":{digits}'.encode() in printed(Format.JSONL, [record(prediction=digits)])
    assert parsed_csv(printed(Format.CSV, [record(prediction=digits)], ["prediction"]))[1] == [digits]
    assert printed(Format.TSV, [record(prediction=digits)], ["prediction"]).decode() == f"{digits}\n"


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_any_name_comes_back_from_json(name: str) -> None:
    (found,) = json.loads(printed(Format.JSON, [record(filename=name)]))
    assert found["filename"] == name
    lines = printed(Format.JSONL, [record(filename=name)]).splitlines()
    assert [json.loads(line)["filename"] for line in lines] == [name]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_any_name_comes_back_from_csv(name: str) -> None:
    rows = parsed_csv(printed(Format.CSV, [record(filename=name), record(8)]))
    assert [row[1] for row in rows[1:]] == [name, "scans/three.png"]


def test_a_csv_line_ends_in_a_newline_alone() -> None:
    assert printed(Format.CSV, [record()], ["label"]) == b"label\n1\n"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("three.png", "three.png"),
        ("a\tb\nc\rd", "a\\tb\\nc\\rd"),
        ("a\\tb", "a\\\\tb"),
        ('"quoted"', '"quoted"'),
        ("\x1b[2J", "\\x1b[2J"),
        ("[red]x[/red]", "[red]x[/red]"),
        ("👩‍👩‍👧.png", "👩‍👩‍👧.png"),
        (NOT_UTF8, "caf\\xe9.png"),
        ("caf\\xe9.png", "caf\\\\xe9.png"),
        (None, ""),
    ],
)
def test_a_tsv_field_stays_one_field_of_one_line(name: str | None, field: str) -> None:
    output = printed(Format.TSV, [record(filename=name)], ["prediction_id", "filename", "label"])
    assert output.decode() == f"7\t{field}\t1\n"


def test_a_time_is_local_with_its_offset() -> None:
    text = printed(Format.TSV, [record()], ["created_at"]).decode().strip()
    assert datetime.fromisoformat(text) == CREATED
    assert datetime.fromisoformat(text).utcoffset() == CREATED.astimezone().utcoffset()


@pytest.mark.parametrize("chosen", [Format.CSV, Format.TSV])
def test_columns_come_in_the_order_asked_for(chosen: Format) -> None:
    last_line = printed(chosen, [record()], ["label", "prediction_id"]).splitlines()[-1]
    assert last_line == (b"1,7" if chosen is Format.CSV else b"1\t7")


def test_missing_values_are_null_or_nothing() -> None:
    missing = record(prediction_id=None, filename=None, label=None, score=None)
    (found,) = json.loads(printed(Format.JSON, [missing]))
    assert {name for name, value in found.items() if value is None} == {
        "prediction_id",
        "filename",
        "label",
        "score",
        "labels",
        "value",
        "unit",
        "outputs",
        "true_label",
        "right",
    }
    assert parsed_csv(printed(Format.CSV, [missing], ["prediction_id", "score"]))[1] == ["", ""]
    assert printed(Format.TSV, [missing], ["prediction_id", "score"]) == b"\t\n"


def test_lists_inside_a_record_are_json_in_every_format() -> None:
    top: dict[str, Any] = {"top": [{"label": "3", "score": 0.5}]}
    for chosen in (Format.JSONL, Format.TSV):
        output = encoder(chosen, ["top"]).encode([top])
        assert b'[{"label":"3","score":0.5}]' in output


def as_copy_reads(field: str) -> bytes:
    """What PostgreSQL's COPY makes of a field."""
    return re.sub(rb"\\(x[0-9a-f]{2}|.)", lambda found: unescaped(found[1]), os.fsencode(field))


def unescaped(escape: bytes) -> bytes:
    short = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}
    return bytes.fromhex(escape[1:].decode()) if escape[:1] == b"x" else short[escape]


@given(st.binary(max_size=20).map(lambda raw: raw.replace(b"\0", b"")) | st.text(NASTY).map(os.fsencode))
@example(b"\xc2\x9b")
@example(b"\x9b")
@example(b"\\x9b")
def test_any_name_comes_back_byte_for_byte_from_every_format(raw: bytes) -> None:
    name = os.fsdecode(raw)
    records = [record(filename=name), record(8)]
    lines = printed(Format.TSV, records, ["filename", "label"]).decode().splitlines()
    assert [as_copy_reads(line.split("\t")[0]) for line in lines] == [raw, b"scans/three.png"]
    assert [os.fsencode(row[1]) for row in parsed_csv(printed(Format.CSV, records))[1:]] == [
        raw,
        b"scans/three.png",
    ]
    assert next(os.fsencode(one["filename"]) for one in json.loads(printed(Format.JSON, records))) == raw
    assert json.loads(printed(Format.JSONL, records).split(b"\n")[0])["filename"] == name


@given(st.binary(max_size=20).map(os.fsdecode) | st.text(NASTY))
def test_any_name_is_harmless_on_a_terminal_in_every_format(name: str) -> None:
    for chosen in (Format.JSON, Format.JSONL, Format.CSV, Format.TSV):
        encode = encoder(chosen, ["filename"], on_terminal=True)
        encoded = encode.encode([{"filename": name}]) + encode.finish()
        assert not set(encoded.decode()) & set("\0\x07\x08\t\r\x1b\x7f\x85\x9b\u2028\u202e\u200b\ufeff")
        if chosen is Format.JSONL:
            assert json.loads(encoded)["filename"] == name
