"""Whatever the arguments are: a documented status, at most one line on standard error, no traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlpredict.cli import run
from mlpredict.cli.talk import talk

STATUSES = {0, 1, 2, 3, 4, 5}
HUGE = "9" * 30
OPTIONS = [
    *("--all", "--json", "--no-store", "--skip-existing", "--export-image", "--force", "--unsafe-model"),
    *("--limit", "-n", "--before", "--label", "--model", "--run", "--min-score", "--max-score", "--since"),
    *(
        "--failures",
        "--null",
        "--yes",
        "--dry-run",
        "--older-than",
        "--image",
        "--by",
        "--link",
        "--probabilities",
    ),
    *("--until", "--filename", "--format", "--columns", "-o", "--output", "--keep", "--engine", "--top-k"),
    *("--batch-size", "-T", "--files-from", "-0", "--dsn", "--help", "-h", "--version", "--", "-", "-q"),
]
VALUES = [
    *("0", "-1", "1", HUGE, f"-{HUGE}", "1e400", "1e-50", "nan", "-inf", "9" * 5000, "3.5", "٣", "0x10"),
    *("jsonl", "csv", "tsv", "table", "reference", "auto", "today", "2h", f"{HUGE}d", "0001-01-01"),
    *(
        "9999-12-31T23:59:59-23:59",
        "*",
        "[",
        "[z-a]",
        "label",
        "a,b",
        "nosuch.png",
        "postgresql://[::1",
        "x=y",
    ),
    *("", " ", "%s", "[red]", "\x1b[31m", "\n", "\u202e", "\udcff", "😀", "x'); DROP TABLE predictions;--"),
]
# No program is ever given a NUL, and folders are walked.
texts = st.text(st.characters(exclude_characters="\0/.~"), max_size=6)
arguments = st.lists(st.sampled_from(OPTIONS) | st.sampled_from(VALUES) | texts, max_size=5)
# The other commands would start a server, or become another program.
commands = st.sampled_from(
    [
        ["predict"],
        ["list"],
        ["show"],
        ["runs"],
        ["models"],
        ["failures"],
        ["export"],
        ["delete"],
        ["init-db"],
        ["db", "status"],
        ["db", "url"],
        [],
    ]
)


@pytest.fixture
def nowhere(working_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No model, no database, nothing on standard input: what is left are the arguments."""
    monkeypatch.setenv("MLPREDICT_DSN", "host=/no/such/place")
    monkeypatch.setenv("MLPREDICT_MODEL", "no/such/model")
    monkeypatch.setenv("MLPREDICT_HOME", str(working_directory / "home"))
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(command=commands, given_arguments=arguments)
@example(command=["show"], given_arguments=["1", "--export-image", "-o", "-"])
@example(command=["predict"], given_arguments=["-T", "-", "-0"])
def test_any_arguments_end_in_a_documented_way(
    nowhere: None, capfd: pytest.CaptureFixture[str], command: list[str], given_arguments: list[str]
) -> None:
    capfd.readouterr()
    talk.quiet = talk.verbose = False
    status = run([*command, *given_arguments])
    said = capfd.readouterr()
    assert status in STATUSES
    helped = "usage: " in said.err.lower() or status == 0
    assert helped or len(said.err.splitlines()) == 1, said.err
    assert helped or said.err.startswith("mlpredict: ")
    assert "Traceback" not in said.err
    assert "\x1b" not in said.err + said.out


NASTY = "\x1b]0;\x07[red]\n\u202e\u009b%s"


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "x.png", "--model", NASTY),
        ("predict", "x.png", "--engine", NASTY),
        ("predict", "-T", NASTY, "--no-store"),
        ("predict", "x.png", "--columns", NASTY),
        ("predict", "x.png", f"--{NASTY}"),
        ("list", "--since", NASTY),
        ("list", "--format", NASTY),
        ("list", "--limit", NASTY),
        ("list", "--dsn", NASTY),
        ("list", "--dsn", f"host=/{NASTY!r}"),
        ("list", "--filename", f"[z-a]{NASTY}"),
        ("show", NASTY),
        ("runs", NASTY),
        ("list", "--run", NASTY),
        ("delete", NASTY),
        ("delete", "--older-than", NASTY),
        ("export", "out.csv", "--columns", NASTY),
        ("show", "1", "-o", NASTY),
        ("db", NASTY),
        ("db", "dump", f"/nowhere/{NASTY}"),
        ("db", "restore", NASTY, "--yes"),
        ("init-db", NASTY),
        (NASTY,),
    ],
)
def test_every_complaint_is_one_harmless_line(
    nowhere: None, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    talk.quiet = talk.verbose = False
    assert run(arguments) in {1, 2, 3, 4}
    said = capfd.readouterr().err
    assert (len(said.split("\n")), len(said.splitlines())) == (2, 1), said
    assert not any(evil in said for evil in ("\x1b", "\x07", "\u202e", "\u009b"))
