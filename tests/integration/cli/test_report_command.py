"""`mlpredict report` and `mlpredict compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlpredict.domain import EngineName, Keep, NewLabel, Run
from mlpredict.storage.repository import Repository
from tests.conftest import Command
from tests.rows import model, new

AT_LEAST = {
    *("predictions", "labelled", "right", "accuracy", "interval", "ece", "macro_f1", "confusion", "by_label"),
}
COMPARED = {
    *("both", "both_right", "only_a_right", "only_b_right", "neither_right", "agreement", "p_value", "flips"),
}


@pytest.fixture
def filled(repository: Repository, run: Run, dsn: str) -> str:
    """Six predictions of two models each; the first four images are cats, of which pets sees two."""
    repository.add(run, [new(n, likely=n % 2) for n in range(6)], [])
    other = repository.start_run(model("birds", "77" * 32), engine=EngineName.LITERT, keep=Keep.ORIGINAL)
    repository.add(other, [new(n, likely=0) for n in range(6)], [])
    repository.label([NewLabel("cat", prediction_id=n) for n in range(1, 5)], source="folders")
    return dsn


@pytest.fixture
def told(mlpredict: Command, filled: str, tmp_path: Path) -> Any:
    def run(*arguments: str) -> tuple[int, str, list[str]]:
        done = mlpredict(*arguments, "--dsn", filled, cwd=tmp_path)
        return done.returncode, done.stdout.decode(), done.stderr.decode().splitlines()

    return run


def test_a_report_is_told_in_every_format(told: Any) -> None:
    status, output, said = told("report", "--model", "pets", "--json")
    found = json.loads(output)
    assert status == 0
    assert set(found) >= AT_LEAST
    assert (found["predictions"], found["labelled"], found["right"], found["accuracy"]) == (6, 4, 2, 0.5)
    assert found["confusion"] == {"cat": {"cat": 2, "dog": 2}}
    assert found["interval"] == pytest.approx([0.15, 0.85], abs=1e-3)
    assert found["sources"] == {"folders": 4}
    assert found["by_label"]["cat"]["recall"] == 0.5
    assert any("4 of 6 predictions are of labelled images" in line for line in said)
    assert json.loads(told("report", "--model", "pets", "--format", "jsonl")[1]) == found
    lines = dict(line.split("\t") for line in told("report", "--model", "pets")[1].splitlines())
    assert (lines["accuracy"], lines["f1:cat"]) == ("0.5", str(found["by_label"]["cat"]["f1"]))
    table = told("report", "--model", "pets", "--format", "table")[1]
    for part in ("50.00%, 2 of 4", "truth ↓  predicted →", "4 by folders", "calibration error"):
        assert part in table


def test_groups_are_told_beside_the_whole(told: Any) -> None:
    found = json.loads(told("report", "--by", "model", "--against", "birds@77777777", "--json")[1])
    assert (found["by"], found["against"]) == ("model", "birds@77777777")
    assert [(one["key"], one["accuracy"]) for one in found["groups"]] == [
        ("pets@3f2a91c0", 0.5),
        ("birds@77777777", 1.0),
    ]
    table = told("report", "--by", "model", "--format", "table")[1]
    assert "distance: Jensen-Shannon" in table
    assert told("report", "--by", "model", "--against", "nobody")[0] == 2
    assert told("report", "--against", "nobody")[0] == 2


def test_a_filter_narrows_the_report(told: Any) -> None:
    assert json.loads(told("report", "--wrong", "--json")[1])["accuracy"] == 0
    assert json.loads(told("report", "--unlabelled", "--json")[1])["accuracy"] is None
    assert json.loads(told("report", "--filename", "no such name", "--json")[1])["predictions"] == 0
    assert "no predictions" in told("report", "--run", "999", "--format", "table")[1]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--model", "pets", "--fail-under", "0.6"), 1),
        (("--model", "pets", "--fail-under", "0.5"), 0),
        (("--unlabelled", "--fail-under", "0.1"), 1),
        (("--fail-under", "7"), 2),
    ],
)
def test_an_accuracy_that_is_too_low_fails(told: Any, options: tuple[str, ...], status: int) -> None:
    found, _, said = told("report", *options, "-q")
    assert found == status
    assert bool(said) == bool(status)


def test_two_models_are_compared_in_every_format(told: Any) -> None:
    status, output, _ = told("compare", "pets", "birds", "--json")
    found = json.loads(output)
    assert status == 0
    assert set(found) >= COMPARED
    counts = [found[name] for name in ("both", "both_right", "only_a_right", "only_b_right", "neither_right")]
    assert counts == [6, 2, 0, 2, 0]
    assert (found["agreement"], found["p_value"]) == (0.5, 0.5)
    assert [(one["a"]["prediction_id"], one["b"]["prediction_id"]) for one in found["flips"]] == [
        (2, 8),
        (4, 10),
    ]
    assert "p_value\t0.5\n" in told("compare", "1", "2")[1]
    assert "exact McNemar" in told("compare", "pets", "birds", "--format", "table")[1]


def test_a_worse_model_fails_and_an_unknown_one_is_not_found(told: Any) -> None:
    assert told("compare", "pets", "birds", "--fail-if-worse")[0] == 0
    status, _, said = told("compare", "birds", "pets", "--fail-if-worse")
    assert (status, "right on 2 images" in said[-1]) == (1, True)
    assert told("compare", "pets", "birds", "--fail-if-worse", "--unlabelled")[0] == 1
    assert told("compare", "pets", "nobody")[0] == 5


def test_a_page_is_written_whole_and_never_over_another(told: Any, tmp_path: Path) -> None:
    assert told("report", "--html", "report.html")[0] == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    status, _, said = told("report", "--html", "report.html")
    assert (status, "report.html" in said[-1]) == (1, True)
    assert told("report", "--html", "report.html", "--force")[0] == 0
    assert told("compare", "pets", "birds", "--html", "flips.html")[0] == 0
    assert "Only birds is right" in (tmp_path / "flips.html").read_text("utf-8")


@pytest.mark.parametrize("columns", ["40", "60", "80"])
def test_a_narrow_table_leaves_columns_out_and_cuts_no_number(
    mlpredict: Command, filled: str, columns: str
) -> None:
    for options in ([], ["--by", "run"]):
        done = mlpredict("report", "--format", "table", *options, "--dsn", filled, env={"COLUMNS": columns})
        seen = done.stdout.decode()
        assert done.returncode == 0, done.stderr
        assert "…" not in seen
        assert max(map(len, seen.splitlines())) <= int(columns)
        assert (" label" in seen) or options
