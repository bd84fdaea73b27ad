"""What `predict` assumes of a model of which nothing is said: told once, recorded, and never changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mlpredict import settings
from tests.conftest import Command

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """The bundled model without its card: its files are the same, so that it need not be compiled."""
    folder = tmp_path / "silent"
    shutil.copytree(
        settings.bundled("saved_model"), folder, ignore=shutil.ignore_patterns("assets.extra", "*.py")
    )
    return folder


@pytest.fixture
def own_uses(cache_home: Path, tmp_path: Path, mlpredict: Command) -> dict[str, str]:
    """A cache with the compiled models, in which nothing has been used yet."""
    shutil.copytree(cache_home / "models", tmp_path / "cache" / "models")
    return {"MLPREDICT_CACHE": str(tmp_path / "cache")}


def labels(output: bytes) -> list[str]:
    return [record["label"] for record in json.loads(output)]


def test_what_was_assumed_is_told_the_first_time_and_to_who_asks(
    mlpredict: Command, silent: Path, own_uses: dict[str, str], digits: list[Path]
) -> None:
    command = ("predict", "--no-store", "--json", "--model", silent, digits[0])
    line = (
        "mlpredict: silent: pixels 0..1 (nothing in the file says), numbers for labels,"
        " resized by bicubic to 28×28"
    )
    said = [
        mlpredict(*command, *options, env=own_uses).stderr.decode() for options in ((), (), ("-v",), ("-q",))
    ]
    assert said[0].splitlines() == [line]
    assert (said[1], said[3]) == ("", "")
    assert line in said[2].splitlines()


def test_the_bundled_model_assumes_nothing(
    mlpredict: Command, own_uses: dict[str, str], digits: list[Path]
) -> None:
    assert mlpredict("predict", "--no-store", digits[0], env=own_uses).stderr == b""


def test_labels_come_from_the_option_or_from_beside_the_model(
    mlpredict: Command, silent: Path, digits: list[Path], tmp_path: Path
) -> None:
    command = ("predict", "--no-store", "--json", "--model", silent, digits[0])
    assert labels(mlpredict(*command).stdout) == ["0"]
    (tmp_path / "class_names.json").write_text(json.dumps(WORDS))
    beside = mlpredict(*command)
    assert labels(beside.stdout) == ["zero"]
    assert b"labels from class_names.json" in beside.stderr
    (tmp_path / "other.txt").write_text("\n".join(f"{number} no {number}" for number in range(10)))
    for given in (",".join(f"no {number}" for number in range(10)), tmp_path / "other.txt"):
        assert labels(mlpredict(*command, "--labels", given).stdout) == ["no 0"]


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ("a,b,c", 4, "3 labels for 10 classes"),
        ("gone.txt", 2, "--labels gone.txt: cannot be read: No such file or directory; name a file"),
        ("a,,b", 2, "--labels a,,b: has a label without a name"),
    ],
)
def test_wrong_labels_are_one_line_and_a_status(
    mlpredict: Command, digits: list[Path], given: str, status: int, message: str
) -> None:
    done = mlpredict("predict", "--no-store", digits[0], "--labels", given)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, b"", 1)
    assert message in done.stderr.decode()


def test_what_was_assumed_is_recorded_and_a_later_use_changes_nothing(
    mlpredict: Command,
    silent: Path,
    digits: list[Path],
    tmp_path: Path,
    dsn: str,
    connection: psycopg.Connection[Any],
) -> None:
    command = ("predict", "--dsn", dsn, "--json", digits[0], "--model")
    first = json.loads(mlpredict(*command, silent).stdout)[0]["model"]
    row = connection.execute("SELECT description -> 'choices' FROM models").fetchone()
    assert row is not None
    assert {(one["what"], one["value"], one["reason"]) for one in row[0]} == {
        ("scale", "0..1", "default"),
        ("resize", "bicubic", "default"),
        ("fit", "stretch", "default"),
        ("labels", "numbers", "default"),
        ("task", "classification", "layer"),
        ("activation", "softmax", "layer"),
    }
    renamed = silent.rename(tmp_path / "other")
    second = mlpredict(*command, renamed)
    assert json.loads(second.stdout)[0]["model"] == first
    assert f"{renamed} is listed as {first}" in second.stderr.decode()
    labelled = json.loads(mlpredict(*command, renamed, "--labels", ",".join(WORDS)).stdout)[0]["model"]
    assert labelled.startswith("other@")
    assert labelled.partition("@")[2] != first.partition("@")[2]
    assert connection.execute("SELECT name, path, labels FROM models ORDER BY id").fetchall() == [
        ("silent", str(silent), None),
        ("other", str(renamed), list(WORDS)),
    ]
    assert connection.execute("SELECT model_name, model_path FROM runs ORDER BY id").fetchall() == [
        ("silent", str(silent)),
        ("other", str(renamed)),
        ("other", str(renamed)),
    ]
