"""The filters of truth, and its columns."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from mlpredict.cli.app import make_app
from mlpredict.domain import NewLabel, Run
from mlpredict.storage.repository import Repository
from tests.rows import new


@pytest.fixture
def filled(repository: Repository, run: Run, dsn: str) -> str:
    """Six predictions, cat dog mouse cat dog mouse; the first four images are cats."""
    repository.add(run, [new(n, likely=n % 3) for n in range(6)], [])
    repository.label([NewLabel("cat", prediction_id=n) for n in range(1, 5)], source="command")
    return dsn


def listed(dsn: str, *options: str) -> str:
    result = CliRunner().invoke(make_app(), ["list", "--dsn", dsn, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--wrong"], [3, 2]),
        (["--right"], [4, 1]),
        (["--labelled"], [4, 3, 2, 1]),
        (["--labeled", "--label", "dog"], [2]),
        (["--unlabelled"], [6, 5]),
        (["--unlabeled", "--limit", "1"], [6]),
        (["--true-label", "cat", "--all"], [4, 3, 2, 1]),
        (["--true-label", "dog"], []),
        (["--wrong", "--before", "3"], [2]),
        (["--wrong", "--sort", "id"], [2, 3]),
        (["--labelled", "--sort", "-label", "--limit", "2"], [3, 2]),
        (["--unlabelled", "--sort", "score", "--before", "5"], [6]),
    ],
    ids=str,
)
def test_options_of_truth_narrow_the_list(filled: str, options: list[str], expected: list[int]) -> None:
    shown = listed(filled, "--columns", "prediction_id", *options)
    assert [int(line) for line in shown.split()] == expected
    records = json.loads(listed(filled, "--json", *options))
    assert [one["prediction_id"] for one in records] == expected


def test_what_is_counted_is_what_is_listed(filled: str) -> None:
    assert [listed(filled, "--count", one) for one in ("--wrong", "--right", "--unlabelled")] == ["2\n"] * 3


def test_columns_tell_the_truth(filled: str) -> None:
    shown = listed(filled, "--columns", "prediction_id,true_label,right", "--limit", "4")
    assert shown == "6\t\t\n5\t\t\n4\tcat\ttrue\n3\tcat\tfalse\n"
    record = json.loads(listed(filled, "--json", "--wrong", "--limit", "1"))[0]
    assert (record["true_label"], record["right"]) == ("cat", False)
    table = listed(filled, "--format", "table", "--limit", "3")
    assert "true_label" in table
    assert "true_label" not in listed(filled, "--format", "table", "--limit", "2")
