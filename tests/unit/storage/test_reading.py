"""From PostgreSQL's texts to records, and to the JSON that the encoder makes of these."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from mlpredict.domain import FIELDS
from mlpredict.storage.columns import COLUMNS
from mlpredict.storage.reading import Row, as_objects, as_record
from mlpredict.support.json_text import as_json, prediction_fields

PLAIN = {
    "prediction_id": "7",
    "input_id": "3",
    "run_id": "2",
    "filename": '"a.png"',
    "contenttype": '"image/png"',
    "prediction": "[0.25,0.75]",
    "likely_class": "1",
    "label": '"dog"',
    "score": "0.75",
    "model": '"pets@3f2a91c0"',
    "created_at": '"2026-11-23T12:00:00+00:00"',
    "labels": '["dog","cat"]',
    "value": "36.25",
    "unit": '"years"',
    "outputs": '{"age": [0.5]}',
    "true_label": '"cat"',
    "right": "false",
}


def row(**changes: str | None) -> Row:
    texts = {**PLAIN, **changes}
    return tuple(texts[field] for field in FIELDS)


def test_every_field_has_its_column() -> None:
    assert set(COLUMNS) == set(FIELDS)


def test_a_plain_row_is_its_texts_by_their_names() -> None:
    assert as_objects([row()]) == (
        b'{"prediction_id":7,"input_id":3,"run_id":2,"filename":"a.png","contenttype":"image/png",'
        b'"prediction":[0.25,0.75],"likely_class":1,"label":"dog","score":0.75,"model":"pets@3f2a91c0",'
        b'"created_at":"2026-11-23T12:00:00+00:00","labels":["dog","cat"],"value":36.25,"unit":"years",'
        b'"outputs":{"age": [0.5]},"true_label":"cat","right":false}'
    )


@pytest.mark.parametrize(
    ("field", "text", "written"),
    [
        ("score", "1", "1.0"),
        ("score", "0", "0.0"),
        ("score", "1e+06", "1000000.0"),
        ("score", "9.5e-05", "0.000095"),
        ("score", "-0.5", "-0.5"),
        ("score", "0.33333334", "0.33333334"),
        ("score", "NaN", "null"),
        ("score", None, "null"),
        ("created_at", '"2026-11-23T12:00:00.12+05:30"', '"2026-11-23T12:00:00.120000+05:30"'),
        ("created_at", '"2026-11-23T12:00:00.123456+00:00"', '"2026-11-23T12:00:00.123456+00:00"'),
        ("created_at", '"10000-11-23T12:00:00+00:00"', "null"),
        ("created_at", '"10000-11-23T12:00:00.12345+00:00"', "null"),
        ("created_at", '"0044-03-15T12:00:00+00:00 BC"', "null"),
        ("created_at", '"infinity"', "null"),
        ("created_at", None, "null"),
        ("prediction", "[1,\r\n 2]", "[1,   2]"),
        ("filename", '\n["caf?", "636166e9"]', '"caf\\udce9"'),
        ("filename", '\n[null, "e9"]', '"\\udce9"'),
        ("filename", '"\\n\\u001b\\"\\\\é"', '"\\n\\u001b\\"\\\\é"'),
        ("filename", None, "null"),
        ("label", '"None"', '"None"'),
        ("labels", "[]", "[]"),
        ("labels", None, "null"),
        ("value", "1e+06", "1000000.0"),
        ("outputs", '{"a":\n1}', '{"a": 1}'),
        ("outputs", None, "null"),
    ],
)
def test_what_postgresql_writes_otherwise_is_written_as_the_encoder_does(
    field: str, text: str | None, written: str
) -> None:
    odd = row(**{field: text})
    objects = as_objects([row(), odd, row()])
    assert objects.split(b"\n")[1].decode().count(f'"{field}":{written}') == 1
    assert objects == b"\n".join(as_json(prediction_fields(as_record(one))) for one in (row(), odd, row()))


def test_times_that_differ_are_each_written() -> None:
    fractions = [".1", ".1", ".2", "", ".1"]
    rows = [row(created_at=f'"2026-11-23T12:00:00{fraction}+00:00"') for fraction in fractions]
    found = [orjson.loads(line)["created_at"] for line in as_objects(rows).split(b"\n")]
    written = [".100000", ".100000", ".200000", "", ".100000"]
    assert found == [f"2026-11-23T12:00:00{fraction}+00:00" for fraction in written]


def test_a_record_has_python_s_values() -> None:
    record = as_record(row(prediction="[1,\n2]", label=None))
    assert (record.prediction_id, record.filename, record.score) == (7, "a.png", 0.75)
    assert (record.prediction, record.label) == ("[1, 2]", None)
    assert record.created_at == datetime(2026, 11, 23, 12, tzinfo=UTC)
