"""`mlpredict runs`, `models` and `failures`, and what failed given to `predict` again."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Command
from tests.runs import running

ROWS = """
    INSERT INTO models (fingerprint, name, format, path, task, labels, description) VALUES
        (repeat('ab', 32), 'pets', 'keras', '/p.keras', 'classification', '["cat", "dog"]', '{"height": 28}'),
        (repeat('cd', 32), 'birds', 'keras', '/b.keras', 'regression', NULL, '{}');
    INSERT INTO runs (model_id, engine, keep, directory, version, started_at, finished_at, ended, model_path)
    SELECT 1 + n % 2, 'litert', 'original', '/data', '0', timestamptz '2026-01-01' + n * interval '1 day',
           CASE WHEN n <> 3 THEN timestamptz '2026-01-02' + n * interval '1 day' END,
           (ARRAY['finished', 'interrupted', 'finished', NULL])[n + 1], format('/moved/%s', n)
    FROM generate_series(0, 3) AS n;
    INSERT INTO inputs (image) VALUES ('data:image/png;base64,');
    INSERT INTO predictions (inputid, run_id, position, model_id, filename, predictions, likely_class, label,
                             score, created_at)
    SELECT 1, 1 + n % 2, n, 1 + n % 2, format('scans/%s.png', n), '[0.25,0.75]', n % 2,
           (ARRAY['cat', 'dog'])[n % 4 / 2 + 1], n / 10.0, timestamptz '2026-01-01' + n * interval '1 hour'
    FROM generate_series(0, 9) AS n;
    INSERT INTO failures (run_id, position, filename, reason, created_at)
    SELECT 1 + n % 3, 100 + n, format('scans/bad-%s.png', n), (ARRAY['truncated', 'no image'])[n % 2 + 1],
           timestamptz '2026-01-01' + n * interval '1 day'
    FROM generate_series(0, 5) AS n;
"""


@pytest.fixture
def filled(dsn: str, connection: psycopg.Connection[Any]) -> str:
    """Runs 1 to 4 of two models, with ten predictions and six failures."""
    connection.execute(ROWS)
    return dsn


def of(mlpredict: Command, dsn: str, *arguments: str) -> Any:
    done = mlpredict(*arguments, "--dsn", dsn, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    return json.loads(done.stdout)


def test_runs_tell_what_came_of_them(mlpredict: Command, filled: str) -> None:
    records = of(mlpredict, filled, "runs")
    assert [one["run_id"] for one in records] == [4, 3, 2, 1]
    assert [one["ended"] for one in records] == [None, "finished", "interrupted", "finished"]
    assert [one["predictions"] for one in records] == [0, 0, 5, 5]
    assert [one["failures"] for one in records] == [0, 2, 2, 2]
    assert [one["mean_score"] for one in records] == [None, None, pytest.approx(0.5), pytest.approx(0.4)]
    assert records[3]["model"] == "pets@abababab"
    assert (records[3]["model_path"], records[3]["directory"]) == ("/moved/0", "/data")
    assert records[3]["last_at"].startswith("2026-01-01T08:00:00")
    assert (records[0]["finished_at"], records[0]["last_at"]) == (None, None)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--limit", "2"), [4, 3]),
        (("--before", "3"), [2, 1]),
        (("--model", "birds"), [4, 2]),
        (("--model", "nobody"), []),
        (("--since", "2026-01-03T00:00Z"), [4, 3]),
        (("--until", "2026-01-02T00:00Z"), [1]),
        (("--all",), [4, 3, 2, 1]),
    ],
)
def test_runs_are_chosen(
    mlpredict: Command, filled: str, options: tuple[str, ...], expected: list[int]
) -> None:
    assert [one["run_id"] for one in of(mlpredict, filled, "runs", *options)] == expected


def test_a_run_is_shown_whole(mlpredict: Command, filled: str) -> None:
    [one] = of(mlpredict, filled, "runs", "2")
    assert (one["labels"], one["reasons"]) == ({"cat": 3, "dog": 2}, {"no image": 1, "truncated": 1})
    assert of(mlpredict, filled, "runs", "last", "1")[0]["run_id"] == 4
    table = mlpredict("runs", "2", "--dsn", filled, "--format", "table").stdout.decode()
    assert "birds@cdcdcdcd" in table
    assert "interrupted" in table
    assert "██" in table


def test_an_unknown_run_has_a_status_of_its_own(mlpredict: Command, dsn: str) -> None:
    done = mlpredict("runs", "9", "last", "--dsn", dsn)
    assert done.returncode == 5
    assert done.stderr == b"mlpredict: there is no run 9\nmlpredict: there was no run yet\n"
    assert mlpredict("runs", "nine", "--dsn", dsn).returncode == 2


def test_models_tell_what_came_of_them(mlpredict: Command, filled: str) -> None:
    birds, pets = of(mlpredict, filled, "models")
    assert (birds["model"], birds["runs"], birds["predictions"], birds["failures"]) == (
        "birds@cdcdcdcd",
        2,
        5,
        2,
    )
    assert (pets["classes"], pets["path"], pets["failures"]) == (2, "/moved/2", 4)
    assert pets["mean_score"] == pytest.approx(0.4)
    assert birds["classes"] is None


def test_a_model_is_shown_whole(mlpredict: Command, filled: str) -> None:
    [one] = of(mlpredict, filled, "models", "pets")
    assert (one["labels"], one["description"]) == (["cat", "dog"], {"height": 28})
    assert of(mlpredict, filled, "models", "abab")[0]["name"] == "pets"
    table = mlpredict("models", "pets", "--dsn", filled, "--format", "table").stdout.decode()
    assert "cat, dog" in table
    unknown = mlpredict("models", "nobody", "--dsn", filled)
    assert (unknown.returncode, unknown.stdout) == (5, b"")
    assert b"there is no model nobody" in unknown.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--run", "2"), [5, 2]),
        (("--run", "last"), []),
        (("--model", "pets", "--limit", "3"), [6, 4, 3]),
        (("--filename", "bad-[01].png"), [2, 1]),
        (("--since", "2026-01-05T00:00Z"), [6, 5]),
        (("--until", "2026-01-02T00:00Z"), [1]),
        (("--before", "3"), [2, 1]),
    ],
)
def test_failures_are_chosen(
    mlpredict: Command, filled: str, options: tuple[str, ...], expected: list[int]
) -> None:
    records = of(mlpredict, filled, "failures", *options)
    assert [one["failure_id"] for one in records] == expected
    assert records == of(mlpredict, filled, "list", "--failures", *options)


def test_a_failure_tells_why(mlpredict: Command, filled: str) -> None:
    one = of(mlpredict, filled, "failures")[0]
    assert (one["filename"], one["reason"], one["run_id"]) == ("scans/bad-5.png", "no image", 3)
    assert (one["model"], one["directory"]) == ("pets@abababab", "/data")


@pytest.mark.parametrize("command", ["runs", "models", "failures"])
def test_every_format_tells_the_same(mlpredict: Command, filled: str, command: str) -> None:
    def output(*options: str) -> str:
        return mlpredict(command, "--dsn", filled, *options).stdout.decode()

    records = json.loads(output("--json"))
    assert [json.loads(line) for line in output("--format", "jsonl").splitlines()] == records
    column = {"runs": "run_id", "models": "fingerprint", "failures": "filename"}[command]
    expected = [str(record[column]) for record in records]
    assert output("--columns", column).splitlines() == expected
    assert [
        row[column] for row in csv.DictReader(io.StringIO(output("--format", "csv", "--columns", column)))
    ]
    assert all(one in output("--format", "table", "--columns", column) for one in expected)
    assert mlpredict(command, "--dsn", filled, "--columns", "nonsense").returncode == 2


@pytest.mark.parametrize("command", ["runs", "models", "failures"])
def test_nothing_is_nothing_in_every_format(mlpredict: Command, dsn: str, command: str) -> None:
    formats = ("json", "jsonl", "tsv")
    assert [mlpredict(command, "--dsn", dsn, "--format", one).stdout for one in formats] == [
        b"[]\n",
        b"",
        b"",
    ]


def test_list_takes_the_last_run(mlpredict: Command, filled: str) -> None:
    assert of(mlpredict, filled, "list", "--run", "last") == []
    assert mlpredict("list", "--run", "newest", "--dsn", filled).returncode == 2


def test_an_interrupted_run_says_so(
    environment: dict[str, str], mlpredict: Command, dsn: str, tmp_path: Path, digits: list[Path]
) -> None:
    for number in range(3000):
        (tmp_path / f"{number}.png").symlink_to(digits[0])
    with running(environment, tmp_path, "--dsn", dsn) as run:
        run.read_lines(1)
        run.process.send_signal(signal.SIGINT)
        run.finish()
    assert mlpredict("predict", digits[0], "--dsn", dsn).returncode == 0
    assert [one["ended"] for one in of(mlpredict, dsn, "runs")] == ["finished", "interrupted"]


@pytest.fixture
def failed(mlpredict: Command, dsn: str, tmp_path: Path, digits: list[Path]) -> Path:
    """A folder in which a run tried three files that are no images yet, and one that is."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in (b"a b.png", b"caf\xe9.png", b"\\t.png"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"nothing")
    shutil.copy(digits[0], folder / "good.png")
    assert mlpredict("predict", "scans", "--dsn", dsn, cwd=tmp_path).returncode == 1
    return folder


@pytest.mark.parametrize(("options", "separator"), [((), b"\n"), (("-0",), b"\0")])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_failed_is_tried_again(
    mlpredict: Command,
    dsn: str,
    failed: Path,
    digits: list[Path],
    options: tuple[str, ...],
    separator: bytes,
    elsewhere: bool,
) -> None:
    here = Path("/") if elsewhere else failed.parent
    names = mlpredict("list", "--failures", "--run", "last", *options, "--dsn", dsn, cwd=here)
    front = os.fsencode(failed.parent) + b"/" if elsewhere else b""
    expected = [front + b"scans/" + name for name in (b"\\t.png", b"a b.png", b"caf\xe9.png")]
    assert names.stdout.split(separator) == [*expected, b""]
    for path in failed.iterdir():
        shutil.copy(digits[0], path)
    again = mlpredict("predict", "-T", "-", *options, "--dsn", dsn, "--json", stdin=names.stdout, cwd=here)
    assert again.returncode == 0
    assert len(json.loads(again.stdout)) == 3
    assert mlpredict("list", "--failures", "--run", "last", "--dsn", dsn).stdout == b""


def test_a_name_with_a_line_end_asks_for_nul(
    mlpredict: Command, filled: str, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("UPDATE failures SET filename = E'a\\nb.png' WHERE id = 1")
    done = mlpredict("list", "--failures", "--dsn", filled)
    assert (done.returncode, b"--null" in done.stderr) == (2, True)
    assert b"a\nb.png\0" in mlpredict("list", "--failures", "-0", "--dsn", filled).stdout


def test_each_name_is_given_once_and_standard_input_never(
    mlpredict: Command, filled: str, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("UPDATE failures SET filename = 'same.png' WHERE id < 5")
    connection.execute("UPDATE failures SET filename = '-' WHERE id = 5")
    done = mlpredict("list", "--failures", "--dsn", filled, cwd=Path("/"))
    assert done.stdout == b"/data/same.png\n/data/scans/bad-5.png\n"
    assert done.stderr == b"mlpredict: 1 came on standard input, and have no name to try again\n"


@pytest.mark.parametrize(
    "options",
    [
        ("--failures", "--label", "cat"),
        ("--failures", "--min-score", "0.5"),
        ("--null",),
        ("--failures", "-0", "--json"),
    ],
)
def test_what_only_a_prediction_has_is_not_asked_of_failures(
    mlpredict: Command, dsn: str, options: tuple[str, ...]
) -> None:
    done = mlpredict("list", *options, "--dsn", dsn)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
