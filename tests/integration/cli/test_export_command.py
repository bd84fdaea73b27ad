"""`mlpredict export`: images in folders, and tables."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

from tests.conftest import COMMAND, Command
from tests.processes import SECONDS, started

COLUMNS = [
    *("file_name", "label", "label_source", "prediction", "score", "model", "sha256"),
    *("prediction_id", "filename", "created_at"),
]


def files_in(folder: Path) -> list[str]:
    return sorted(os.path.relpath(path, folder) for path in folder.rglob("*") if path.is_file())


def table_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def stored(mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path) -> str:
    """Six digits of which three have the same name; the first four are labelled, the last of them rightly."""
    for number, digit in enumerate(digits[:6]):
        folder = tmp_path / "scans" / str(number)
        folder.mkdir(parents=True)
        shutil.copy(digit, folder / ("same.png" if number in (0, 1, 4) else digit.name))
    assert mlpredict("predict", tmp_path / "scans", "--dsn", dsn).returncode == 0
    for number, label in enumerate(["cat", "cat", "a/b", "2"]):
        assert mlpredict("label", str(number + 1), label, "--dsn", dsn).returncode == 0
    return dsn


def test_images_are_in_folders_of_their_truth(
    mlpredict: Command, stored: str, digits: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = mlpredict("export", out, "--dsn", stored, "--json")
    assert done.returncode == 0, done.stderr
    counts = {"written": 4, "present": 0, "unlabelled": 2, "failed": 0, "rows": None}
    assert json.loads(done.stdout) == counts
    assert b"2 images have no label and are left out" in done.stderr
    mark = hashlib.sha256(digits[1].read_bytes()).hexdigest()[:8]
    names = ["cat/same.png", f"cat/same-{mark}.png", f"a%2Fb/{digits[2].name}", f"2/{digits[3].name}"]
    assert files_in(out) == sorted([*names, "metadata.csv"])
    for name, digit in zip(names, digits, strict=False):
        assert (out / name).read_bytes() == digit.read_bytes()
    rows = table_in(out)
    assert list(rows[0]) == COLUMNS
    assert [row["file_name"] for row in rows] == names
    assert [row["label"] for row in rows] == ["cat", "cat", "a/b", "2"]
    assert rows[0]["prediction"] == digits[0].name[0]
    assert rows[1]["sha256"] == hashlib.sha256(digits[1].read_bytes()).hexdigest()
    assert {row["label_source"] for row in rows} == {"truth"}
    assert 0.9 < float(rows[0]["score"]) <= 1
    assert rows[0]["model"].startswith("mnist-convnet@")


def test_what_has_no_truth_goes_by_what_was_predicted(
    mlpredict: Command, stored: str, digits: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert mlpredict("export", out, "--by", "predicted", "--dsn", stored).returncode == 0
    rows = {row["filename"]: row for row in table_in(out)}
    assert len(rows) == 6
    last = rows[str(tmp_path / "scans" / "5" / digits[5].name)]
    assert (last["label"], last["label_source"]) == (digits[5].name[0], "predicted")
    assert rows[str(tmp_path / "scans" / "0" / "same.png")]["label"] == "cat"


@pytest.mark.parametrize(
    ("options", "count"),
    [(("--wrong",), 3), (("--true-label", "cat"), 2), (("--run", "last"), 4), (("--right",), 1)],
)  # fmt: skip
def test_filters_choose(
    mlpredict: Command, stored: str, tmp_path: Path, options: tuple[str, ...], count: int
) -> None:
    out = tmp_path / "out"
    assert mlpredict("export", out, *options, "--dsn", stored).returncode == 0
    assert len([name for name in files_in(out) if name != "metadata.csv"] if out.exists() else []) == count


def test_nothing_labelled_is_said(mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path) -> None:
    assert mlpredict("predict", digits[0], "--dsn", dsn).returncode == 0
    done = mlpredict("export", tmp_path / "out", "--dsn", dsn)
    assert (done.returncode, (tmp_path / "out").exists()) == (1, False)
    assert b"--by predicted" in done.stderr


def test_an_image_is_there_once_however_often_it_was_predicted(
    mlpredict: Command, stored: str, tmp_path: Path
) -> None:
    assert mlpredict("predict", tmp_path / "scans", "--dsn", stored).returncode == 0
    out = tmp_path / "out"
    mlpredict("export", out, "--by", "predicted", "--dsn", stored)
    assert len(table_in(out)) == 6
    assert min(int(row["prediction_id"]) for row in table_in(out)) == 7


def test_a_second_export_adds_what_is_new_and_keeps_the_rest(
    mlpredict: Command, stored: str, digits: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    mlpredict("export", out, "--true-label", "cat", "--dsn", stored)
    (out / "cat" / "mine.txt").write_text("precious")
    before = {name: (out / name).stat().st_mtime_ns for name in files_in(out) if name.endswith(".png")}
    done = mlpredict("export", out, "--true-label", "2", "--dsn", stored, "--json")
    assert json.loads(done.stdout)["written"] == 1
    assert sorted(row["label"] for row in table_in(out)) == ["2", "cat", "cat"]
    again = mlpredict("export", out, "--dsn", stored, "--json")
    assert json.loads(again.stdout) | {"unlabelled": 0} == {
        "written": 1, "present": 3, "unlabelled": 0, "failed": 0, "rows": None
    }  # fmt: skip
    assert len(table_in(out)) == 4
    assert {name: (out / name).stat().st_mtime_ns for name in before} == before
    assert (out / "cat" / "mine.txt").read_text() == "precious"


def test_other_files_are_never_overwritten(
    mlpredict: Command, stored: str, digits: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "cat").mkdir(parents=True)
    (out / "cat" / "same.png").write_bytes(b"mine")
    assert mlpredict("export", out, "--true-label", "cat", "--dsn", stored).returncode == 0
    assert (out / "cat" / "same.png").read_bytes() == b"mine"
    assert len(files_in(out)) == 4
    assert all((out / row["file_name"]).read_bytes() != b"mine" for row in table_in(out))


def test_a_table_of_another_origin_is_left_alone(mlpredict: Command, stored: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "metadata.csv").write_text("file_name,label\nx.png,cat\n")
    done = mlpredict("export", out, "--dsn", stored)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert (out / "metadata.csv").read_text() == "file_name,label\nx.png,cat\n"


@pytest.mark.parametrize(("option", "links"), [((), 0), (("--copy",), 0), (("--link",), 2)])
def test_references_are_copied_or_linked(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path, option: tuple[str, ...], links: int
) -> None:
    files = [Path(shutil.copy(digit, tmp_path / digit.name)) for digit in digits[:3]]
    assert mlpredict("predict", *files[:2], "--keep", "reference", "--dsn", dsn).returncode == 0
    assert mlpredict("predict", files[2], "--dsn", dsn).returncode == 0
    out = tmp_path / "out"
    for _ in range(2):
        assert mlpredict("export", out, "--by", "predicted", *option, "--dsn", dsn).returncode == 0
        exported = [out / row["file_name"] for row in table_in(out)]
        assert len(files_in(out)) == 4
        assert sum(path.is_symlink() for path in exported) == links
        assert [path.read_bytes() for path in exported] == [file.read_bytes() for file in files]


def test_an_image_that_cannot_be_had_is_told(
    mlpredict: Command, dsn: str, digits: list[Path], tmp_path: Path
) -> None:
    files = [Path(shutil.copy(digit, tmp_path / digit.name)) for digit in digits[:2]]
    assert mlpredict("predict", *files, "--keep", "reference", "--dsn", dsn).returncode == 0
    files[0].unlink()
    done = mlpredict("export", tmp_path / "out", "--by", "predicted", "--dsn", dsn, "--json")
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (1, 1)
    assert re.search(rb"prediction 1: input \d: .*no such file", done.stderr)
    assert len(table_in(tmp_path / "out")) == 1


HOSTILE = [
    "..",
    "/etc/passwd",
    "con",
    "Cat",
    "cat",
    ".",
    "-rf",
    "a\nb",
    "\x1b[31m",
    "x" * 300,
    "é",
    "e\u0301",
]


def test_no_label_and_no_name_leads_elsewhere(
    mlpredict: Command, stored: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    connection.execute("DELETE FROM labels")
    for number, label in enumerate(HOSTILE):
        image = f"data:image/png;base64,{number:04d}"
        row = connection.execute("INSERT INTO inputs (image) VALUES (%s) RETURNING id", (image,)).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO predictions (inputid, predictions, label, filename) VALUES (%s, '[1]', 'x', %s)",
            (row[0], label),
        )
        connection.execute(
            "INSERT INTO labels (input_id, label, source) VALUES (%s, %s, 'csv')", (row[0], label)
        )
    out = tmp_path / "deep" / "out"
    before = files_in(tmp_path)
    done = mlpredict("export", out, "--dsn", stored)
    assert done.returncode == 0, done.stderr
    after = [name for name in files_in(tmp_path) if name not in before]
    assert all(name.startswith("deep/out/") for name in after)
    folders = [path.name for path in out.iterdir() if path.is_dir()]
    assert len({name.casefold() for name in folders}) == len(HOSTILE)
    assert sorted(row["label"] for row in table_in(out)) == sorted(HOSTILE)
    assert all((out / row["file_name"]).is_file() for row in table_in(out))


def test_killed_at_any_moment_the_same_command_goes_on(
    environment: dict[str, str],
    mlpredict: Command,
    dsn: str,
    connection: psycopg.Connection[Any],
    tmp_path: Path,
) -> None:
    pictures = 1500
    target = io.BytesIO()
    Image.new("L", (28, 28)).save(target, "PNG")
    connection.execute(
        "INSERT INTO inputs (image, sha256, kept)"
        " SELECT 'data:image/png;base64,' || encode(%s || n::text::bytea, 'base64'),"
        "        sha256(%s || n::text::bytea), 'original' FROM generate_series(1, %s) AS n",
        (target.getvalue(), target.getvalue(), pictures),
    )
    connection.execute("UPDATE inputs SET image = replace(image, E'\\n', '')")
    connection.execute(
        "INSERT INTO predictions (inputid, predictions, label, filename)"
        " SELECT id, '[1]', (id % 7)::text, format('%s/same-%s.png', id, id / 3) FROM inputs"
    )
    out = tmp_path / "out"
    command = [*COMMAND, "export", str(out), "--by", "predicted", "--dsn", dsn]
    chance = random.Random(20261125)
    seen: set[str] = set()
    for _ in range(6):
        with started(command, env=environment, stderr=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0.4, 1.0))
            process.kill()
            process.wait(SECONDS)
        now = {name for name in files_in(out) if name.endswith(".png")} if out.exists() else set()
        assert seen <= now
        seen = now
    assert mlpredict(*command[len(COMMAND) :]).returncode == 0
    rows = table_in(out)
    assert len(rows) == pictures
    for row in rows:
        assert hashlib.sha256((out / row["file_name"]).read_bytes()).hexdigest() == row["sha256"]
    assert {row["file_name"] for row in rows} == {name for name in files_in(out) if name.endswith(".png")}


def test_a_table_has_a_row_a_prediction(mlpredict: Command, stored: str, tmp_path: Path) -> None:
    listed = json.loads(mlpredict("list", "--json", "--dsn", stored).stdout)
    done = mlpredict("export", tmp_path / "out.csv", "--dsn", stored)
    assert (done.returncode, done.stderr.endswith(b"out.csv: 6 rows\n")) == (0, True)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(listed[0])
    assert [row["prediction_id"] for row in rows] == [str(one["prediction_id"]) for one in listed]
    assert [row["true_label"] for row in rows] == ["", "", "2", "a/b", "cat", "cat"]
    assert mlpredict("export", tmp_path / "out.jsonl", "--dsn", stored).returncode == 0
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == listed


def test_predictions_may_be_named(mlpredict: Command, stored: str, tmp_path: Path) -> None:
    listed = json.loads(mlpredict("list", "--json", "--dsn", stored).stdout)
    ids = [one["prediction_id"] for one in listed]
    done = mlpredict("export", tmp_path / "a.csv", "last", "-2", str(ids[3]), "--dsn", stored)
    assert (done.returncode, done.stderr.endswith(b"a.csv: 3 rows\n")) == (0, True)
    with (tmp_path / "a.csv").open(newline="") as file:
        assert [row["prediction_id"] for row in csv.DictReader(file)] == [str(ids[n]) for n in (0, 1, 3)]
    piped = mlpredict("list", "--label", str(listed[0]["label"]), "--dsn", stored).stdout
    done = mlpredict("export", "out", "-", "--by", "predicted", "--dsn", stored, cwd=tmp_path, stdin=piped)
    assert done.returncode == 0, done.stderr
    assert {row["prediction"] for row in table_in(tmp_path / "out")} == {listed[0]["label"]}
    done = mlpredict("export", tmp_path / "b.csv", "999999", "-1", "--dsn", stored)
    assert (done.returncode, b"there is no prediction 999999" in done.stderr) == (5, True)
    assert mlpredict("export", "c.csv", "1", "--wrong", "--dsn", stored, cwd=tmp_path).returncode == 2


def test_a_table_may_have_a_column_a_class(mlpredict: Command, stored: str, tmp_path: Path) -> None:
    options = ("--probabilities", "--columns", "prediction_id,label", "--dsn", stored)
    assert mlpredict("export", tmp_path / "out.csv", *options).returncode == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["prediction_id", "label", *(f"p_{digit}" for digit in range(10))]
    for row in rows:
        shares = {name[2:]: float(value) for name, value in row.items() if name.startswith("p_")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert max(shares, key=lambda one: shares[one]) == row["label"]


def test_a_table_is_overwritten_only_with_force(mlpredict: Command, stored: str, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("mine")
    refused = mlpredict("export", target, "--dsn", stored)
    assert (refused.returncode, target.read_text()) == (1, "mine")
    assert mlpredict("export", target, "--force", "--columns", "label", "--dsn", stored).returncode == 0
    assert target.read_text().splitlines()[0] == "label"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    "options",
    [("out.csv", "--link"), ("out.csv", "--by", "predicted"), ("out", "--probabilities"), ("out", "--force"),
     ("out.csv", "--columns", "nonsense"), ("out", "--columns", "label")],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(
    mlpredict: Command, stored: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = mlpredict("export", *options, "--dsn", stored, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert not (tmp_path / options[0]).exists()


def test_a_parquet_file_has_types(mlpredict: Command, stored: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    done = mlpredict("export", tmp_path / "out.parquet", "--probabilities", "--dsn", stored)
    assert done.returncode == 0, done.stderr
    table = parquet.read_table(tmp_path / "out.parquet")
    rows = table.to_pylist()
    listed = json.loads(mlpredict("list", "--json", "--dsn", stored).stdout)
    for name in ("prediction_id", "filename", "label", "true_label", "right", "model"):
        assert [row[name] for row in rows] == [one[name] for one in listed]
    assert [row["score"] for row in rows] == pytest.approx([one["score"] for one in listed])
    assert rows[0]["created_at"].tzinfo is not None
    assert rows[0][f"p_{rows[0]['label']}"] == pytest.approx(rows[0]["score"])
    assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"


def test_without_pyarrow_it_is_said_how_to_get_it(mlpredict: Command, stored: str, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError('pyarrow')")
    done = mlpredict("export", tmp_path / "out.parquet", "--dsn", stored, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert b"pip install 'mlpredict[parquet]'" in done.stderr
    assert not (tmp_path / "out.parquet").exists()
