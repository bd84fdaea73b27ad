"""`mlpredict replay`: stored images through another model."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mlpredict.inputs.kept import data_uri
from tests.benchmarks.inputs import write_digits
from tests.conftest import COMMAND, Command
from tests.processes import started
from tests.replays import counts_of, write_second_model
from tests.slowed import slow_down

SEED = 20261125
FIRST = "0123456789"

Replayed = Any

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_second_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def replay(mlpredict: Command, dsn: str, second: Path) -> Replayed:
    """Replay with the second model; the exit status, what was printed, and what was said."""

    def run(*options: str | Path, model: Path = second) -> tuple[int, dict[str, Any], list[str]]:
        done = mlpredict("replay", "--model", model, "--json", "--dsn", dsn, *options)
        said = done.stderr.decode().splitlines()
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, said

    return run


@pytest.fixture
def predicted(mlpredict: Command, dsn: str, digits: list[Path]) -> list[Path]:
    """The sample digits are predicted by the usual model, and labelled with what they show."""
    assert mlpredict("predict", "--dsn", dsn, *digits).returncode == 0
    truth = "\n".join(["file,label", *(f"{path},{path.name[0]}" for path in digits)])
    assert mlpredict("label", "--csv", "-", "--dsn", dsn, stdin=truth.encode()).returncode == 0
    return digits


def test_every_image_is_predicted_once_and_compared(
    replay: Replayed, predicted: list[Path], dsn: str, mlpredict: Command
) -> None:
    count = len(predicted)
    status, made, _ = replay()
    assert (status, made["predicted"], made["skipped"], made["failed"]) == (0, count, 0, 0)
    assert counts_of(dsn) == (count, count, count)
    compared = made["comparison"]
    assert (compared["both"], compared["labelled"]) == (count, count)
    assert compared["a"].startswith("mnist-convnet@")
    assert compared["b"].startswith("second@")
    [run] = json.loads(mlpredict("runs", "--model", "second", "--json", "--dsn", dsn).stdout)
    assert (run["run_id"], run["keep"], run["ended"]) == (made["run_id"], "replay", "finished")
    listed = json.loads(mlpredict("list", "--run", "last", "--json", "--all", "--dsn", dsn).stdout)
    assert {one["filename"] for one in listed} == set(map(str, predicted))
    assert {one["true_label"] for one in listed} <= set(FIRST)

    status, made, said = replay()
    assert (status, made["predicted"], made["skipped"], made["run_id"]) == (0, 0, count, None)
    assert made["comparison"] == compared
    assert "skipped: it has predicted them already" in said[-1]
    assert counts_of(dsn) == (count, count, count)


def test_an_image_that_several_models_have_predicted_is_replayed_once(
    replay: Replayed, predicted: list[Path], dsn: str, mlpredict: Command, tmp_path: Path
) -> None:
    for keep in ("reference", "model-input", "original"):
        assert mlpredict("predict", "--keep", keep, "--dsn", dsn, *predicted).returncode == 0
    third = write_second_model(tmp_path, "third", "lanczos")
    assert replay(model=third)[1]["predicted"] == len(predicted)
    status, made, said = replay()
    assert (status, made["predicted"], made["comparison"]) == (0, len(predicted), None)
    assert "not compared, as several models had predicted these images" in said[-1]
    made = replay("--against", "third")[1]
    assert made["comparison"]["a"].startswith("third@")

    fourth = write_second_model(tmp_path, "fourth", "nearest")
    status, _, said = replay("--fail-if-worse", model=fourth)
    assert status == 2
    assert "second@" in said[0]
    assert "third@" in said[0]
    assert said[0].endswith("--against NAME says which of them to compare with")
    assert counts_of(dsn, "fourth")[0] == 0
    assert replay("--fail-if-worse", "--against", "third", model=fourth)[0] == 0


def test_filters_choose_the_images_and_only_the_old_side_of_the_comparison(
    replay: Replayed, predicted: list[Path]
) -> None:
    _, made, _ = replay("--label", "7", "--run", "1", "--min-score", "0.1")
    sevens = sum(path.name.startswith("7") for path in predicted)
    assert 0 < made["predicted"] <= sevens + 1
    assert made["comparison"]["both"] == made["predicted"]
    _, rest, _ = replay()
    assert rest["predicted"] == len(predicted) - made["predicted"]
    assert rest["skipped"] == made["predicted"]


def test_a_worse_model_fails_and_so_does_one_of_which_nobody_knows(
    replay: Replayed, predicted: list[Path], tmp_path: Path, dsn: str, mlpredict: Command
) -> None:
    assert replay("--fail-if-worse")[0] == 0
    worse = write_second_model(tmp_path, "worse", "hamming")
    status, made, said = replay(
        "--fail-if-worse", "--labels", ",".join(FIRST[::-1]), "--against", "mnist-convnet", model=worse
    )
    assert (status, made["predicted"]) == (1, len(predicted))
    assert "--fail-if-worse: worse@" in said[-1]
    assert mlpredict("label", "--remove", "--dsn", dsn, *predicted).returncode == 0
    unknown = write_second_model(tmp_path, "unknown", "box")
    status, _, said = replay("--fail-if-worse", "--against", "mnist-convnet", model=unknown)
    assert status == 1
    assert "no image that both predicted is labelled" in said[-1]


def test_what_is_no_use_is_said_and_what_fails_is_named(
    replay: Replayed, dsn: str, mlpredict: Command, digits: list[Path], tmp_path: Path
) -> None:
    gone = tmp_path / "gone.png"
    shutil.copy(digits[2], gone)
    assert mlpredict("predict", "--keep", "model-input", "--dsn", dsn, *digits[:2]).returncode == 0
    assert mlpredict("predict", "--keep", "reference", "--dsn", dsn, gone).returncode == 0
    assert mlpredict("predict", "--dsn", dsn, *digits[3:6]).returncode == 0
    gone.unlink()
    status, made, said = replay()
    assert (status, made["predicted"], made["left_out"], made["failed"]) == (1, 3, 2, 1)
    assert any(line.startswith(f"mlpredict: {gone}: ") and "no such file" in line for line in said)
    assert any("2 images are left out: only what another model saw of them was kept" in line for line in said)
    shutil.copy(digits[2], gone)
    assert replay()[1]["predicted"] == 1


def test_images_of_the_2020_program_are_replayed_as_it_stored_them(
    replay: Replayed, dsn: str, digits: list[Path]
) -> None:
    with psycopg.connect(dsn) as connection:
        for path in (digits[0], digits[0], digits[1]):
            connection.execute(
                "WITH one AS (INSERT INTO inputs (image) VALUES (%s) RETURNING id)"
                " INSERT INTO predictions (inputid, predictions) SELECT id, '[0.1, 0.9]' FROM one",
                (data_uri("image/png", path.read_bytes()),),
            )
    status, made, _ = replay()
    assert (status, made["predicted"], made["comparison"]) == (0, 3, None)
    assert counts_of(dsn) == (3, 3, 3)
    assert (replay()[1]["predicted"], replay()[1]["skipped"]) == (0, 3)
    with psycopg.connect(dsn) as connection:
        names = connection.execute("SELECT DISTINCT filename FROM predictions").fetchall()
    assert names == [(None,)]


def test_where_there_is_nothing_to_replay_it_is_said(replay: Replayed, mlpredict: Command, dsn: str) -> None:
    status, made, said = replay()
    nothing = {"run_id": None, "predicted": 0, "skipped": 0, "failed": 0, "left_out": 0, "comparison": None}
    assert (status, made) == (0, nothing)
    assert said[0] == "mlpredict: no stored image that another model has predicted is chosen"
    assert "no model nonsense" in replay("--against", "nonsense")[2][0]
    done = mlpredict("replay", "--dsn", dsn)
    assert done.returncode == 2


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_and_started_again_every_image_is_predicted_once(
    environment: dict[str, str],
    dsn: str,
    connection: psycopg.Connection[Any],
    mlpredict: Command,
    second: Path,
    tmp_path: Path,
    kills: int,
) -> None:
    images = 150 * kills + 50
    write_digits(tmp_path, images, None)
    assert mlpredict("predict", tmp_path, "--dsn", dsn, "--quiet").returncode == 0
    slow_down(connection, "predictions", 0.03)
    command = [*COMMAND, "replay", "--model", str(second), "--dsn", dsn, "--batch-size", "16"]
    chance = random.Random(SEED)
    pipe = subprocess.PIPE
    for _ in range(kills):
        before = counts_of(dsn)[0]
        with started(command, env=environment, stdout=pipe, stderr=pipe) as process:
            enough = before + chance.randint(0, 100)
            while counts_of(dsn)[0] <= enough and process.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.02))
            process.kill()
    assert 0 < counts_of(dsn)[0] < images
    done = mlpredict("replay", "--model", second, "--dsn", dsn)
    assert done.returncode == 0
    assert counts_of(dsn) == (images, images, images)
