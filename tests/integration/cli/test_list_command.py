"""`mlpredict list` and `mlpredict init-db`."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from mlpredict.cli.app import make_app
from tests.conftest import Command
from tests.published import PUBLISHED_TABLES

ROWS = """
    INSERT INTO models (fingerprint, name, format, path, task, description)
    VALUES (repeat('ab', 32), 'pets', 'keras', '/pets.keras', 'classification', '{}');
    INSERT INTO runs (model_id, engine, keep, directory, version) VALUES (1, 'litert', 'original', '/', '0');
    INSERT INTO inputs (image) VALUES ('data:image/png;base64,');
    INSERT INTO predictions (inputid, run_id, position, model_id, filename, predictions,
                             likely_class, label, score, created_at)
    SELECT 1, 1, n, 1, format('scans/%s.png', n), '[0.25,0.75]',
           n % 2, (ARRAY['cat', 'dog'])[n % 2 + 1], n / 100.0,
           timestamptz '2026-01-01' + n * interval '1 day'
    FROM generate_series(0, 49) AS n;
"""
PUBLISHED_ROWS = """
    INSERT INTO inputs (image) VALUES ('data:image/jpeg;base64,AAAA');
    INSERT INTO predictions (inputId, predictions) VALUES (1, '[0.125, 0.875]');
"""


@pytest.fixture
def filled(dsn: str, connection: psycopg.Connection[Any]) -> str:
    """A database with fifty predictions, ids 1 to 50."""
    connection.execute(ROWS)
    return dsn


def ids(runner_output: str) -> list[int]:
    return [int(line.split("\t")[0]) for line in runner_output.splitlines()]


def listed(dsn: str, *options: str) -> list[int]:
    result = CliRunner().invoke(make_app(), ["list", "--dsn", dsn, "--columns", "prediction_id", *options])
    assert result.exit_code == 0, result.output
    return ids(result.stdout)


def test_the_newest_twenty_come_first(filled: str) -> None:
    assert listed(filled) == list(range(50, 30, -1))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--limit", "3"), [50, 49, 48]),
        (("--limit", "2", "--before", "11"), [10, 9]),
        (("--all", "--max-score", "0.02"), [3, 2, 1]),
        (("--min-score", "0.48"), [50, 49]),
        (("--label", "dog", "--limit", "2"), [50, 48]),
        (("--label", "dog", "--label", "cat", "--limit", "2"), [50, 49]),
        (("--label", "bird"), []),
        (("--model", "pets@abababab", "--limit", "1"), [50]),
        (("--model", "other"), []),
        (("--run", "1", "--limit", "1"), [50]),
        (("--run", "2"), []),
        (("--since", "2026-02-18T00:00Z"), [50, 49]),
        (("--until", "2026-01-02T12:00+00:00"), [2, 1]),
        (("--filename", "scans/1?.png", "--limit", "2"), [20, 19]),
        (("--filename", "7.png"), [8]),
    ],
)
def test_options_narrow_the_list(filled: str, options: tuple[str, ...], expected: list[int]) -> None:
    assert listed(filled, *options) == expected


def test_every_format_tells_the_same(mlpredict: Command, filled: str) -> None:
    def output(*options: str) -> str:
        return mlpredict("list", "--limit", "2", "--dsn", filled, *options).stdout.decode()

    records = json.loads(output("--json"))
    assert [json.loads(line) for line in output("--format", "jsonl").splitlines()] == records
    assert records[0]["prediction"] == [0.25, 0.75]
    assert records[0]["model"] == "pets@abababab"
    columns = ["prediction_id", "filename", "label", "score"]
    expected = [[str(record[column]) for column in columns] for record in records]
    shown = ("--columns", ",".join(columns))
    assert list(csv.reader(io.StringIO(output("--format", "csv", *shown)))) == [columns, *expected]
    assert [line.split("\t") for line in output(*shown).splitlines()] == expected


def test_an_empty_list_is_empty_in_every_format(mlpredict: Command, dsn: str) -> None:
    formats = ("json", "jsonl", "tsv", "csv")
    outputs = [
        mlpredict("list", "--dsn", dsn, "--format", name, "--columns", "label").stdout for name in formats
    ]
    assert outputs == [b"[]\n", b"", b"", b"label\n"]


@pytest.mark.parametrize("option", ["--filename", "--label", "--model"])
def test_a_filter_may_hold_any_bytes(mlpredict: Command, filled: str, option: str) -> None:
    done = mlpredict("list", option, os.fsdecode(b"caf\xe9"), "--dsn", filled)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == (b"" if option == "--filename" else done.stderr.splitlines()[0] + b"\n")


def test_a_filter_that_is_no_pattern_is_a_mistake_of_usage(mlpredict: Command, filled: str) -> None:
    done = mlpredict("list", "--filename", "[z-a]", "--dsn", filled)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_list_may_be_cut_short(mlpredict: Command, filled: str) -> None:
    assert mlpredict("list", "--all", "--limit", "3", "--dsn", filled).returncode == 2
    assert mlpredict("list", "--since", "someday", "--dsn", filled).returncode == 2


def test_init_db_says_what_it_did_and_where(mlpredict: Command, empty_dsn: str) -> None:
    first = mlpredict("init-db", "--dsn", empty_dsn)
    second = mlpredict("init-db", "--dsn", empty_dsn)
    assert (first.returncode, second.returncode) == (0, 0)
    assert b"dbname=test_" in first.stderr
    assert b"nothing to do" in second.stderr
    states = [{line.split(b"\t")[2] for line in done.stdout.splitlines()} for done in (first, second)]
    assert states == [{b"applied"}, {b"present"}]


def test_a_published_database_is_adopted_listed_and_shown(
    mlpredict: Command, empty_dsn: str, tmp_path: Path
) -> None:
    with psycopg.connect(empty_dsn) as connection:
        connection.execute(PUBLISHED_TABLES + PUBLISHED_ROWS)
    refused = mlpredict("list", "--dsn", empty_dsn)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (3, 1)
    assert b"init-db" in refused.stderr
    adopted = mlpredict("init-db", "--dsn", empty_dsn)
    assert b"adopted 1 inputs and 1 predictions" in adopted.stderr
    [record] = json.loads(mlpredict("list", "--dsn", empty_dsn, "--json").stdout)
    assert (record["label"], record["score"], record["model"], record["filename"]) == ("1", 0.875, None, None)
    assert json.loads(mlpredict("show", "1", "--dsn", empty_dsn, "--json").stdout) == [record]
    table = mlpredict("show", "1", "--dsn", empty_dsn, "--format", "table")
    assert (table.returncode, b"0.8750" in table.stdout) == (0, True)
    mlpredict("show", "1", "--dsn", empty_dsn, "--export-image", cwd=tmp_path)
    assert (tmp_path / "prediction-1.bin").read_bytes() == b"\0\0\0"
