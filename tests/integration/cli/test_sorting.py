"""`list --sort`, `--count`, and what is said of names that there are not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Command

ROWS = """
    INSERT INTO models (fingerprint, name, format, path, task, description, labels)
    VALUES (repeat('ab', 32), 'pets', 'keras', '/pets.keras', 'classification', '{}',
            '["cat", "dog", "mouse"]'),
           (repeat('cd', 32), 'ages', 'keras', '/ages.keras', 'regression', '{}', NULL);
    INSERT INTO runs (model_id, engine, keep, directory, version) VALUES (1, 'litert', 'original', '/', '0');
    INSERT INTO inputs (image) VALUES ('data:image/png;base64,');
    INSERT INTO predictions (inputid, run_id, position, model_id, filename, predictions,
                             likely_class, label, score, created_at)
    SELECT 1, 1, n, 1, format('scans/%s.png', n), '[0.25,0.75]',
           n % 2, (ARRAY['cat', 'dog'])[n % 2 + 1], CASE WHEN n < 47 THEN (n * 7 % 10) / 10.0 END,
           timestamptz '2026-01-01' + (n % 5) * interval '1 day'
    FROM generate_series(0, 49) AS n;
"""
SORTS = {
    "id": lambda one: one["prediction_id"],
    "score": lambda one: (one["score"], one["prediction_id"]),
    "label": lambda one: (one["label"], one["prediction_id"]),
    "time": lambda one: (one["created_at"], one["prediction_id"]),
}


@pytest.fixture
def filled(dsn: str, connection: psycopg.Connection[Any]) -> str:
    """A database with fifty predictions, three of them without a score."""
    connection.execute(ROWS)
    return dsn


def listed(mlpredict: Command, dsn: str, *options: str) -> list[dict[str, Any]]:
    done = mlpredict("list", "--dsn", dsn, "--json", *options)
    assert done.returncode == 0, done.stderr
    records: list[dict[str, Any]] = json.loads(done.stdout)
    return records


@pytest.mark.parametrize("descends", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("key", SORTS)
def test_pages_of_a_sorted_list_are_the_list(
    mlpredict: Command, filled: str, key: str, descends: bool
) -> None:
    every = [one for one in listed(mlpredict, filled, "--all") if key != "score" or one["score"] is not None]
    expected = [one["prediction_id"] for one in sorted(every, key=SORTS[key], reverse=descends)]
    sort = ("--sort", f"-{key}" if descends else key)
    assert [one["prediction_id"] for one in listed(mlpredict, filled, "--all", *sort)] == expected
    paged: list[int] = []
    while len(paged) <= len(expected):
        before = ("--before", str(paged[-1])) if paged else ()
        page = listed(mlpredict, filled, "--limit", "20", *sort, *before)
        paged += [one["prediction_id"] for one in page]
        if len(page) < 20:
            break
    assert paged == expected


def test_a_sorted_list_is_filtered(mlpredict: Command, filled: str) -> None:
    found = listed(
        mlpredict, filled, "--sort", "score", "--label", "dog", "--min-score", "0.5", "--limit", "3"
    )
    assert [(one["label"], one["score"]) for one in found] == [("dog", 0.5)] * 3


@pytest.mark.parametrize(("before", "status"), [("999", 5), ("50", 2)], ids=["gone", "without a score"])
def test_a_sorted_list_goes_on_behind_what_is_in_it(
    mlpredict: Command, filled: str, before: str, status: int
) -> None:
    done = mlpredict("list", "--dsn", filled, "--sort", "score", "--before", before)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, b"", 1)


@pytest.mark.parametrize(
    ("options", "count"),
    [((), 50), (("--label", "dog"), 25), (("--max-score", "0.05", "--json"), 5), (("--before", "11"), 10)],
)
def test_predictions_are_counted(
    mlpredict: Command, filled: str, options: tuple[str, ...], count: int
) -> None:
    assert mlpredict("list", "--count", "--dsn", filled, *options).stdout == f"{count}\n".encode()


@pytest.mark.parametrize("other", [("--limit", "3"), ("--sort", "score"), ("--columns", "label")])
def test_a_count_is_of_all(mlpredict: Command, filled: str, other: tuple[str, str]) -> None:
    assert mlpredict("list", "--count", *other, "--dsn", filled).returncode == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "nosuch"), "no model nosuch; there are: ages@cdcdcdcd, pets@abababab"),
        (("--label", "horse"), "no label horse; there are: cat, dog, mouse"),
        (("--run", "7"), "no run 7; there are: 1"),
        (("--label", "mouse"), None),
        (("--model", "ages"), None),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(
    mlpredict: Command, filled: str, options: tuple[str, ...], said: str | None
) -> None:
    for more in ((), ("--json",), ("--count",), ("--format", "table")):
        done = mlpredict("list", "--dsn", filled, *options, *more)
        assert done.returncode == 0
        assert done.stderr.decode() == ("" if said is None else f"mlpredict: {said}\n")
        assert "─" not in done.stdout.decode()
    assert mlpredict("list", "--dsn", filled, *options, "--quiet").stderr == b""


def test_an_empty_database_knows_no_model(mlpredict: Command, dsn: str) -> None:
    done = mlpredict("list", "--model", "pets", "--dsn", dsn)
    assert done.stderr == b"mlpredict: no model pets; there is none yet\n"


def test_show_takes_words_for_ids(mlpredict: Command, filled: str) -> None:
    def shown(*ids: str) -> list[int]:
        done = mlpredict("show", *ids, "--dsn", filled, "--format", "jsonl")
        return [json.loads(line)["prediction_id"] for line in done.stdout.splitlines()]

    assert shown("last") == shown("-1") == [50]
    assert shown("-2", "6-9", "4") == [49, 6, 7, 8, 9, 4]
    missing = mlpredict("show", "100-200", "1", "--dsn", filled, "--json")
    assert (missing.returncode, len(json.loads(missing.stdout))) == (5, 1)


@pytest.fixture
def offered(mlpredict: Command, filled: str) -> Any:
    def offers(line: str, **environment: str) -> list[str]:
        words = line.split(" ")
        asked = {
            "_MLPREDICT_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        done = mlpredict(env={"MLPREDICT_DSN": filled, **asked, **environment})
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode().splitlines()

    return offers


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mlpredict li", ["list"]),
        ("mlpredict list --label ", ["cat", "dog", "mouse"]),
        ("mlpredict list --label d", ["dog"]),
        ("mlpredict list --model ", ["ages", "pets"]),
        ("mlpredict list --run ", ["last", "1"]),
        ("mlpredict show 4", [*map(str, range(49, 39, -1)), "4"]),
        ("mlpredict list --columns label,sc", ["label,score"]),
        ("mlpredict list --sort sc", ["score"]),
        ("mlpredict predict --model pe", ["pets"]),
        ("mlpredict help vers", ["version"]),
    ],
)
def test_a_tab_offers_values(offered: Any, line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_a_tab_starts_no_database_and_says_nothing_of_one_that_is_away(offered: Any, tmp_path: Path) -> None:
    away = {"MLPREDICT_DSN": "host=/no/such/place"}
    assert offered("mlpredict list --label ", **away) == [""]
    assert offered("mlpredict show ", **away) == ["last"]
    home = tmp_path / "home"
    assert offered("mlpredict show ", MLPREDICT_DSN="", MLPREDICT_HOME=str(home)) == ["last"]
    assert not home.exists()


def test_a_label_with_spaces_is_one_word_for_bash(offered: Any, connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE predictions SET label = 'tabby cat''s' WHERE id = 3")
    assert offered("mlpredict list --label tab") == ["tabby\\ cat\\'s"]


def test_completion_for_a_shell_by_its_name(mlpredict: Command, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    done = mlpredict("--install-completion", "fish", env=home)
    assert (done.returncode, done.stdout) == (0, b"")
    script = tmp_path / ".config/fish/completions/mlpredict.fish"
    assert str(script) in done.stderr.decode()
    assert mlpredict("--show-completion", "fish").stdout.decode() == script.read_text()
    assert mlpredict("--install-completion", "tcsh", env=home).returncode == 2
    assert os.listdir(tmp_path) == [".config"]
