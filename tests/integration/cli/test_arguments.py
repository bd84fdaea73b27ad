"""Arguments that PostgreSQL would not take: mistakes, or nothing found, and never its errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.cli import run
from mlpredict.cli.talk import talk
from tests.conftest import Command

HUGE = "9" * 30
# The exit status, and how many of two predictions are listed.
LISTED = {
    ("--before", HUGE): (0, 2),
    ("--before", f"-{HUGE}"): (0, 0),
    ("--limit", HUGE): (0, 2),
    ("--run", HUGE): (0, 0),
    ("--min-score", "1e39"): (0, 0),
    ("--min-score", "1e400"): (0, 0),
    ("--min-score", "-inf"): (0, 2),
    ("--min-score", "1e-50"): (0, 2),
    ("--max-score", "1e-50"): (0, 0),
    ("--max-score", "-1e39"): (0, 0),
    ("--since", "9999-12-30"): (0, 0),
    ("--until", "0001-01-03"): (0, 0),
    ("--label", "\udcff"): (0, 0),
    ("--model", "\udcff"): (0, 0),
    ("--filename", "\udcff*"): (0, 0),
    ("--filename", "*a" * 300): (0, 0),
    ("--filename", "[z-a]"): (2, 0),
    ("--limit", "0"): (2, 0),
    ("--limit", "-1"): (2, 0),
    ("--min-score", "nan"): (2, 0),
    ("--max-score", "nan"): (2, 0),
    ("--since", f"{HUGE}d"): (2, 0),
    ("--since", "10000-01-01"): (2, 0),
}


def test_values_out_of_range_find_nothing_or_are_mistakes(
    mlpredict: Command, dsn: str, digits: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    assert mlpredict("predict", *digits[:2], "--dsn", dsn).returncode == 0
    talk.quiet = talk.verbose = False
    for arguments, (status, count) in LISTED.items():
        capfd.readouterr()
        assert run(["list", "--dsn", dsn, *arguments]) == status, arguments
        seen = capfd.readouterr()
        assert len(seen.out.splitlines()) == count, arguments
        # A name that there is not is said, and what there is; it is no mistake.
        remarks = [line for line in seen.err.splitlines() if line.startswith("mlpredict: no ")]
        assert len(seen.err.splitlines()) - len(remarks) == (1 if status else 0), arguments


@pytest.mark.parametrize("number", ["0", "9223372036854775807", "9223372036854775808", HUGE])
def test_there_is_no_prediction_of_a_strange_id(
    dsn: str, capfd: pytest.CaptureFixture[str], number: str
) -> None:
    talk.quiet = talk.verbose = False
    assert run(["show", number, "--dsn", dsn]) == 5
    assert capfd.readouterr() == ("", f"mlpredict: there is no prediction {number}\n")
