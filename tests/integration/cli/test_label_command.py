"""`mlpredict label`, and `predict --label-from folders`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Command


@pytest.fixture
def folders(tmp_path: Path, digits: list[Path]) -> Path:
    """A folder a class: 3, 7 and what is no digit; a picture of a four lies among the threes."""
    for name, label in (
        ("7-marker", "7"),
        ("3-brush", "3"),
        ("4-chalk", "3"),
        ("8-felt-pen", "bird"),
    ):
        folder = tmp_path / "val" / label / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(digits[0].parent / f"{name}.png", folder)
    shutil.copy(digits[0].parent / "9-ballpoint.png", tmp_path / "val")
    return tmp_path


@pytest.fixture
def label(mlpredict: Command, dsn: str, folders: Path) -> Any:
    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, dict[str, Any], list[str]]:
        done = mlpredict("label", "--json", "--dsn", dsn, *arguments, stdin=stdin, cwd=folders)
        said = done.stderr.decode().splitlines()
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, said

    return run


@pytest.fixture
def listed(mlpredict: Command, dsn: str) -> Any:
    def run(*options: str) -> dict[str, str | None]:
        records = json.loads(mlpredict("list", "--all", "--json", "--dsn", dsn, *options).stdout)
        return {Path(one["filename"]).stem: one["true_label"] for one in records}

    return run


def counts(labelled: int = 0, unchanged: int = 0, revised: int = 0, not_stored: int = 0) -> dict[str, int]:
    return {
        "labelled": labelled,
        "unchanged": unchanged,
        "revised": revised,
        "not_stored": not_stored,
    }


def test_what_is_predicted_is_labelled_by_its_folders(
    mlpredict: Command, dsn: str, folders: Path, listed: Any
) -> None:
    arguments = ("predict", "val", "--label-from", "folders", "--dsn", dsn, "--json")
    done = mlpredict(*arguments, cwd=folders)
    records = {Path(one["filename"]).stem: one for one in json.loads(done.stdout)}
    expected = {"7-marker": "7", "3-brush": "3", "4-chalk": "3", "8-felt-pen": "bird", "9-ballpoint": None}
    assert {name: one["true_label"] for name, one in records.items()} == expected
    assert (records["4-chalk"]["right"], records["7-marker"]["right"]) == (False, True)
    assert listed() == expected
    assert b"4 labelled, 0 unchanged, 0 revised" in done.stderr
    assert b"bird is no label of mnist-convnet" in done.stderr
    again = mlpredict(*arguments, "--skip-existing", cwd=folders)
    assert b"0 labelled, 4 unchanged, 0 revised" in again.stderr


def test_labels_come_from_ids_files_folders_stdin_lists_and_filters(
    mlpredict: Command, dsn: str, folders: Path, label: Any, listed: Any
) -> None:
    assert mlpredict("predict", "val", "--dsn", dsn, cwd=folders).returncode == 0
    assert label("--from-folders", "val")[1] == {**counts(labelled=4), "missing": []}
    by_name = {name: str(number) for number, name in enumerate(listed(), 1)}
    assert label("val/3/deep/4-chalk.png", "4")[:2] == (0, {**counts(revised=1), "missing": []})
    status, done, said = label("val/7", "nowhere.png", "999", "7")
    assert (status, done) == (
        1,
        {**counts(unchanged=1, not_stored=2), "missing": ["nowhere.png", "prediction 999"]},
    )
    assert "nowhere.png" in said[0]
    piped = mlpredict("list", "--label", "9", "--dsn", dsn).stdout
    assert label("9", stdin=piped)[1] == {**counts(labelled=1), "missing": []}
    assert label("--label", "8", "8")[1] == {**counts(revised=1), "missing": []}
    digest = "filename;label\n7-marker.png;1\nval/3/deep/3-brush.png;\nodd.png;2\n"
    status, done, said = label("--csv", "-", stdin=digest.encode())
    assert (status, done) == (1, {**counts(revised=1, not_stored=1), "missing": ["odd.png"]})
    assert "1 lines without a label" in said[0]
    assert listed() == {
        "7-marker": "1",
        "3-brush": "3",
        "4-chalk": "4",
        "8-felt-pen": "8",
        "9-ballpoint": "9",
    }
    assert set(by_name) == set(listed())
    assert label("--remove", "--label", "7")[1]["removed"] == 1
    assert listed("--unlabelled") == {"7-marker": None}


def test_images_go_by_the_words_that_show_takes(
    mlpredict: Command, dsn: str, folders: Path, label: Any, listed: Any
) -> None:
    assert mlpredict("predict", "val", "--dsn", dsn, cwd=folders).returncode == 0
    assert label("last", "-2", "new")[1] == {**counts(labelled=2), "missing": []}
    assert label("1-3", "-1", "-0.5")[1] == {**counts(labelled=3, revised=1), "missing": []}
    assert sorted(str(one) for one in listed().values()) == ["-0.5"] * 4 + ["new"]
    assert label("--remove", "-1")[1]["removed"] == 1
    status, done, said = label("7-9", "1", "cat")
    assert (status, done["revised"]) == (5, 1)
    assert "there is no prediction from 7 to 9" in said[0]
    shutil.copy(folders / "val/7/deep/7-marker.png", folders / "last")
    status, done, said = label("last", "7")
    assert (status, done["labelled"] + done["revised"]) == (0, 1)
    assert "last is taken for the file" in said[0]
    assert listed()["7-marker"] == "7"


@pytest.mark.parametrize(
    "head", ["", "prediction_id,true_label\n", "\ufeffid,class\n", "sha256,note,label\n", "what,label\n"]
)
def test_a_list_names_its_columns_or_has_two(
    mlpredict: Command, dsn: str, folders: Path, label: Any, head: str, tmp_path: Path
) -> None:
    assert mlpredict("predict", "val/7", "--dsn", dsn, cwd=folders).returncode == 0
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT encode(sha256, 'hex') FROM inputs").fetchone()
    assert row is not None
    line = f"{row[0]},x,seven\n" if "note" in head else "1,seven\n"
    (tmp_path / "list.csv").write_text(head + line, "utf-8")
    assert label("--csv", "list.csv")[1]["labelled"] == 1


def test_who_says_it_and_from_where_is_kept(mlpredict: Command, dsn: str, folders: Path, label: Any) -> None:
    assert mlpredict("predict", "val/3", "--dsn", dsn, cwd=folders).returncode == 0
    label("1", "3", "--by", "Ada", "--source", "review")
    label("--from-folders", "val", "--by", "Eve")
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT labelled_by, source FROM labels ORDER BY id").fetchall()
    assert rows == [("Ada", "review"), ("Eve", "folders")]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--csv", "a.csv", "cat"],
        ["--csv", "nowhere.csv"],
        ["--from-folders", "val/7/deep"],
        ["1", "cat", "--label", "x"],
        ["--remove", "--csv", "a.csv"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_a_mistake_of_usage(label: Any, arguments: list[str]) -> None:
    status, _, said = label(*arguments)
    assert (status, len(said)) == (2, 1)
