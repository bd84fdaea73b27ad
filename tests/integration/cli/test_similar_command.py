"""`mlpredict similar`, and what reports say of the same picture in two places."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

from tests.conftest import Command


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seven, the same as a JPEG and smaller, sheets of paper with nothing on them, and other digits."""
    folder = tmp_path_factory.mktemp("similar")
    digits = Path(__file__).parents[2] / "digits"
    for name in ("train/7", "val/7", "val/1"):
        (folder / name).mkdir(parents=True)
    with Image.open(digits / "7-marker.png") as opened:
        seven = opened.convert("RGB")
    shutil.copy(digits / "7-marker.png", folder / "train/7/seven.png")
    shutil.copy(digits / "7-marker.png", folder / "val/7/copy.png")
    seven.save(folder / "val/1/seven.jpg", quality=95)
    seven.resize((seven.width * 3 // 4, seven.height * 3 // 4)).save(folder / "val/7/small.png")
    for name in ("3-brush", "5-felt-pen", "8-felt-pen"):
        shutil.copy(digits / f"{name}.png", folder / "train/7")
    for side in (30, 40):
        Image.new("L", (side, side), 255).save(folder / f"train/7/white-{side}.png")
    Image.new("L", (30, 30), 60).save(folder / "train/7/dark.png")
    return folder


@pytest.fixture
def similar(mlpredict: Command, dsn: str, pictures: Path) -> Any:
    assert mlpredict("predict", "train", "val", "--dsn", dsn, "-q", cwd=pictures).returncode == 0

    def run(*arguments: str) -> tuple[int, list[dict[str, Any]], list[str]]:
        done = mlpredict("similar", *arguments, "--json", "--dsn", dsn, cwd=pictures)
        said = done.stderr.decode().splitlines()
        return done.returncode, json.loads(done.stdout) if done.stdout else [], said

    return run


def names(records: list[dict[str, Any]]) -> list[str]:
    return sorted(one["filename"] for one in records)


def id_of(connection: psycopg.Connection[Any], filename: str) -> str:
    row = connection.execute("SELECT id FROM predictions WHERE filename = %s", (filename,)).fetchone()
    assert row is not None
    return str(row[0])


def test_near_duplicates_are_found_and_others_are_not(
    similar: Any, mlpredict: Command, dsn: str, connection: psycopg.Connection[Any], pictures: Path
) -> None:
    (hashed,) = connection.execute("SELECT count(difference_hash) FROM inputs").fetchone() or (None,)
    assert hashed == 9
    seven = id_of(connection, "train/7/seven.png")
    status, found, said = similar(seven)
    assert (status, said) == (0, [])
    assert names(found) == ["val/1/seven.jpg", "val/7/small.png"]
    assert all(one["likeness"] > 0.95 and one["distance"] <= 6 for one in found)
    assert list(found[0])[:3] == ["likeness", "distance", "prediction_id"]

    _, of_file, _ = similar("val/1/seven.jpg")
    assert of_file[0]["filename"] == "val/1/seven.jpg"
    assert (of_file[0]["likeness"], of_file[0]["distance"]) == (1, 0)
    assert names(of_file) == ["val/1/seven.jpg", "val/7/copy.png", "val/7/small.png"]

    assert names(similar(id_of(connection, "train/7/white-30.png"))[1]) == ["train/7/white-40.png"]
    assert similar("last", "--filename", "train/*")[0] == 0
    assert names(similar(seven, "--filename", "*.jpg")[1]) == ["val/1/seven.jpg"]
    assert len(similar(seven, "--limit", "1")[1]) == 1
    everything = similar(seven, "--distance", "64", "--likeness", "-1")[1]
    assert len(everything) == 8

    ids = mlpredict("similar", seven, "--ids", "--dsn", dsn, cwd=pictures).stdout
    assert ids.split()[0].decode() == seven
    done = mlpredict("label", "7", "--json", "--dsn", dsn, stdin=ids)
    assert json.loads(done.stdout)["labelled"] == 3
    assert names(similar(seven, "--unlabelled")[1]) == []


def test_what_was_stored_before_is_looked_at(
    similar: Any, mlpredict: Command, dsn: str, connection: psycopg.Connection[Any]
) -> None:
    before = connection.execute("SELECT id, difference_hash FROM inputs ORDER BY id").fetchall()
    connection.execute("UPDATE inputs SET difference_hash = NULL")
    seven = id_of(connection, "train/7/seven.png")
    status, found, said = similar(seven)
    assert (status, found) == (0, [])
    assert said == [
        "mlpredict: 9 stored images are not among those that were looked at;"
        " mlpredict similar --fill does it, once"
    ]
    connection.execute(
        "UPDATE inputs SET image = 'data:image/png;base64,AAAA' WHERE id = %s", (before[-1][0],)
    )
    done = mlpredict("similar", "--fill", "--dsn", dsn)
    assert (done.returncode, done.stderr.decode()) == (
        0,
        "mlpredict: looked at 8 images; 1 cannot be had or are no images: --verbose says why\n",
    )
    after = connection.execute("SELECT id, difference_hash FROM inputs ORDER BY id").fetchall()
    assert after == [*before[:-1], (before[-1][0], None)]
    assert len(similar(seven)[1]) >= 1


def test_a_picture_that_is_gone_is_known_by_its_hash_alone(
    mlpredict: Command, dsn: str, tmp_path: Path, pictures: Path
) -> None:
    for name in ("seven.png", "3-brush.png"):
        shutil.copy(pictures / "train/7" / name, tmp_path)
    shutil.copy(pictures / "val/1/seven.jpg", tmp_path)
    options = ("--keep", "reference", "--dsn", dsn, "-q")
    assert (
        mlpredict("predict", "seven.png", "seven.jpg", "3-brush.png", *options, cwd=tmp_path).returncode == 0
    )
    (tmp_path / "seven.png").unlink()
    done = mlpredict("similar", "1", "--json", "--dsn", dsn, cwd=tmp_path)
    assert done.returncode == 0
    assert b"compared by its hash alone" in done.stderr
    (found,) = json.loads(done.stdout)
    assert (found["filename"], found["likeness"]) == ("seven.jpg", None)


def test_the_same_picture_in_two_folders_or_with_two_labels_is_told(
    similar: Any, mlpredict: Command, dsn: str, pictures: Path, connection: psycopg.Connection[Any]
) -> None:
    report = json.loads(mlpredict("report", "--by", "folder", "--json", "--dsn", dsn).stdout)
    assert any("the same picture in two folders" in one for one in report["remarks"])
    # What is like enough to be the same picture has the same hash here, as a JPEG of high quality has.
    connection.execute(
        "UPDATE inputs SET difference_hash = 5 WHERE id IN (SELECT inputid FROM predictions"
        " WHERE filename LIKE '%seven%' OR filename LIKE '%brush%' OR filename LIKE '%copy%')"
    )
    assert mlpredict("label", "--from-folders", "val", "--dsn", dsn, cwd=pictures).returncode == 0
    assert mlpredict("label", "train/7/3-brush.png", "3", "--dsn", dsn, cwd=pictures).returncode == 0
    told = mlpredict("report", "--json", "--dsn", dsn)
    (remark,) = [one for one in json.loads(told.stdout)["remarks"] if "in two ways" in one]
    assert remark.startswith("1 pair of the same picture labelled in two ways, as predictions ")
    assert "(1)" in remark
    assert "(7)" in remark
    assert remark in told.stderr.decode()
    compared = mlpredict("compare", "1", "mnist-convnet", "--json", "--dsn", dsn)
    assert json.loads(compared.stdout)["remarks"] == [remark]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 2),
        (("--fill", "7"), 2),
        (("7", "--ids", "--json"), 2),
        (("7", "--all", "--limit", "3"), 2),
        (("7",), 5),
        (("last",), 5),
        (("nowhere.png",), 1),
    ],
)
def test_what_makes_no_sense_is_said(
    mlpredict: Command, dsn: str, arguments: tuple[str, ...], status: int
) -> None:
    done = mlpredict("similar", *arguments, "--dsn", dsn)
    assert (done.returncode, len(done.stderr.splitlines())) == (status, 1)
