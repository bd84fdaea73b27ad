"""`mlpredict model`: what was understood, what is right, and models by their names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import DIGITS, Command

DATA = Path(os.environ.get("MLPREDICT_TEST_DATA") or Path(__file__).parents[3] / "../shared/data") / "models"

BRIGHT = """
import sys, numpy, keras
from keras import layers
model = keras.Sequential(
    [keras.Input((8, 8, 3)), layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")]
)
model.layers[-1].set_weights([numpy.array([[-9.0, 9.0]] * 3), numpy.zeros(2)])
model.save(sys.argv[1])
"""
"""Dark or bright, for pixels of -1..1: all that is not below 0 is bright."""


RED = BRIGHT.replace("[[-9.0, 9.0]] * 3", "[[9.0, -9.0], [0.0, 0.0], [-9.0, 9.0]]")
"""Red or blue, whatever the scaling."""


PAPER = BRIGHT.replace("(8, 8, 3)", "(8, 8, 1)").replace(
    "[[-9.0, 9.0]] * 3), numpy.zeros(2)", "[[-1.0, 1.0]]), numpy.array([180.0, -180.0])"
)
"""Half or full of ink, which is bright, for pixels of 0..255."""


def made_of(folder: Path, script: str) -> Path:
    path = folder / "made.keras"
    subprocess.run([sys.executable, "-c", script, path], check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_of(tmp_path_factory.mktemp("bright"), BRIGHT)


@pytest.fixture
def bright(made: Path, tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return Path(shutil.copy(made, tmp_path / "models" / "bright.keras"))


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    top = tmp_path / "classes"
    random = np.random.default_rng(0)
    for name, levels in (("dark", (10, 100)), ("bright", (150, 245))):
        (top / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.full((12, 9, 3), random.integers(*levels), np.uint8)
            Image.fromarray(pixels).save(top / name / f"{number}.png")
    return top


def test_everything_is_said_with_its_reason(mlpredict: Command) -> None:
    done = mlpredict("model", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    said = json.loads(done.stdout)
    assert (said["name"], said["format"], said["engine"]) == ("mnist-convnet", "saved_model", "litert")
    assert said["input"]["shape"] == [None, 28, 28, 1]
    assert 0 < said["difference"] < 1e-5
    steps = {one["what"]: (one["value"], one["reason"]) for one in said["preprocessing"]}
    assert steps["resize"] == ("bicubic", "file")
    assert steps["invert"] == ("no", "default")
    assert {one["what"]: one["reason"] for one in said["meaning"]}["labels"] == "file"


def test_it_fits_into_eighty_columns(mlpredict: Command, bright: Path) -> None:
    done = mlpredict("model", bright, "--labels", "dark,bright", env={"COLUMNS": "80"})
    lines = done.stdout.decode().splitlines()
    assert max(map(len, lines)) <= 80
    shown = " ".join(done.stdout.decode().split())
    assert "written by Keras 3" in shown
    assert "dark, bright" in shown


def test_what_is_written_changes_nothing(mlpredict: Command, bright: Path, classes: Path) -> None:
    arguments = ("predict", "--no-store", "--json", "--model", bright, classes, "--labels", "dark,bright")
    before = mlpredict(*arguments).stdout
    known = json.loads(mlpredict("model", bright, "--labels", "dark,bright", "--json").stdout)
    done = mlpredict("model", bright, "--labels", "dark,bright", "--write")
    written = bright.with_name("bright.mlpredict.toml")
    assert done.stderr.decode().endswith(f"mlpredict: wrote {written}\n")
    assert json.loads(mlpredict("model", bright, "--json").stdout)["fingerprint"] == known["fingerprint"]
    assert mlpredict(*arguments[:-2]).stdout == before
    text = written.read_text()
    refused = mlpredict("model", bright, "--write")
    assert (refused.returncode, written.read_text()) == (1, text)
    assert mlpredict("model", bright, "--write", "--force").returncode == 0


def test_several_labels_that_are_spelled_out_are_no_other_model(mlpredict: Command, tmp_path: Path) -> None:
    tags = made_of(
        tmp_path, BRIGHT.replace("softmax", "sigmoid").replace("numpy.zeros(2)", "numpy.full(2, 13.5)")
    )
    done = mlpredict("model", tags, "--labels", "dark,bright", "--write", "--json")
    assert "another" not in done.stderr.decode()
    now = json.loads(mlpredict("model", tags, "--json").stdout)
    assert (now["task"], now["fingerprint"]) == ("multi-label", json.loads(done.stdout)["fingerprint"])
    assert 'task = "multi-label"' in tags.with_name("made.mlpredict.toml").read_text()


def test_a_file_that_is_read_is_the_one_that_is_written(mlpredict: Command, bright: Path) -> None:
    present = bright.with_name("mlpredict.toml")
    present.write_text('labels = ["dark", "bright"]\n')
    assert mlpredict("model", bright, "--write").returncode == 1
    assert mlpredict("model", bright, "--write", "--force").returncode == 0
    assert present.read_text().startswith("# How")
    assert not bright.with_name("bright.mlpredict.toml").exists()


@pytest.mark.skipif(
    not (DATA / "emotion_keras205.hdf5").is_file(),
    reason=f"no real models in {DATA}: set MLPREDICT_TEST_DATA to the folder around them",
)
def test_a_real_model_is_sorted_out(mlpredict: Command, tmp_path: Path) -> None:
    model = Path(shutil.copy(DATA / "emotion_keras205.hdf5", tmp_path))
    labels = "angry,disgust,fear,happy,sad,surprise,neutral"
    done = mlpredict("model", model, "--labels", labels, "--try", DATA / "grace_hopper.bmp", "--json")
    said = {one["preprocessing"]: one for one in json.loads(done.stdout)}
    right = said["-1..1, stretch, opencv-linear"]
    assert right["entries"] == {"resize": "opencv-linear"}
    answer = right["answers"][0]
    assert (answer["label"], answer["score"]) == ("angry", pytest.approx(0.3907586, abs=1e-5))
    (present,) = [one for one in said.values() if one["present"]]
    assert present["answers"][0]["label"] == "happy"


def test_images_are_tried_side_by_side(mlpredict: Command, bright: Path, classes: Path) -> None:
    dark = classes / "dark" / "0.png"
    done = mlpredict("model", bright, "--labels", "dark,bright", "--try", dark, "--json")
    said = {one["preprocessing"]: one["answers"][0]["label"] for one in json.loads(done.stdout)}
    assert said["-1..1, stretch"] == said["-1..1, crop"] == "dark"
    assert said["0..1, stretch"] == said["0..255, crop"] == "bright"
    assert {"caffe, stretch", "torch, crop"} <= said.keys()
    table = mlpredict("model", bright, "--labels", "dark,bright", "--try", dark, env={"COLUMNS": "80"})
    assert "→ 0..1, stretch" in table.stdout.decode()


def test_variations_are_shown_where_they_change_a_label(mlpredict: Command, tmp_path: Path) -> None:
    red = made_of(tmp_path, RED)
    image = tmp_path / "red.png"
    Image.new("RGB", (9, 12), (250, 20, 20)).save(image)
    arguments = ("model", red, "--labels", "red,blue", "--try", image)
    lines = mlpredict(*arguments, env={"COLUMNS": "80"}).stdout.decode().splitlines()
    assert any(line.split()[:4] == ["→", "0..1,", "stretch", "red"] for line in lines)
    assert any(line.split()[:4] == ["0..1,", "stretch,", "bgr", "blue"] for line in lines)
    assert not any("opencv-linear" in line for line in lines)
    assert any("changes no label" in line for line in lines)
    said = {one["preprocessing"] for one in json.loads(mlpredict(*arguments, "--json").stdout)}
    assert {"0..1, stretch, opencv-linear", "caffe, crop, rgb"} <= said


def test_an_image_that_cannot_be_read_is_told_and_others_are_tried(
    mlpredict: Command, bright: Path, classes: Path
) -> None:
    broken = classes / "broken.png"
    broken.write_bytes(b"no image")
    done = mlpredict("model", bright, "--try", broken, classes / "dark" / "0.png", "--json")
    assert done.returncode == 1
    first, second = json.loads(done.stdout)[0]["answers"]
    assert ("error" in first, second["label"]) == (True, "1")


def test_without_a_model_the_usual_one_is_tried(mlpredict: Command) -> None:
    digit = DIGITS / "3-brush.png"
    done = mlpredict("model", "--try", digit, "--json")
    (present,) = [one for one in json.loads(done.stdout) if one["present"]]
    assert present["answers"] == [
        {"filename": str(digit), "label": "3", "score": pytest.approx(0.9859, abs=1e-4)}
    ]


def test_inverted_pixels_are_found_with_their_scaling(mlpredict: Command, tmp_path: Path) -> None:
    paper = made_of(tmp_path, PAPER)
    random = np.random.default_rng(1)
    for name, ink in (("full", 250), ("half", 120)):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.full((8, 8), 255 - ink + random.integers(5), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "classes" / name / f"{number}.png")
    done = mlpredict("model", paper, "--labels", "half,full", "--try", tmp_path / "classes", "--json")
    said = json.loads(done.stdout)
    accuracy = {one["preprocessing"]: one["accuracy"] for one in said["tried"]}
    assert accuracy["0..255, stretch"] == accuracy["0..1, stretch, inverted"] == 0.5
    assert said["entries"] == {"scale": "0..255", "invert": True}


def test_a_file_that_makes_another_model_of_it_is_told(
    mlpredict: Command, bright: Path, classes: Path
) -> None:
    done = mlpredict("model", bright, "--labels", "dark,bright", "--try", classes, "--write")
    assert "it counts as another one" in done.stderr.decode()
    now = json.loads(mlpredict("model", bright, "--json").stdout)
    assert f"bright@{now['fingerprint'][:8]}" in done.stderr.decode()


def test_a_folder_of_classes_finds_out_what_is_right(mlpredict: Command, bright: Path, classes: Path) -> None:
    (classes / "dark" / "broken.png").write_bytes(b"no image")
    done = mlpredict("model", bright, "--labels", "dark,bright", "--try", classes, "--write", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["images"], said["entries"]) == (24, {"scale": "-1..1"})
    accuracy = {one["preprocessing"]: one["accuracy"] for one in said["tried"]}
    assert (accuracy["0..1, stretch"], accuracy["-1..1, stretch"]) == (0.5, 1.0)
    assert any("broken.png: left out" in line for line in said["remarks"])
    predicted = mlpredict("predict", "--no-store", "--json", "--model", bright, classes / "dark" / "0.png")
    assert json.loads(predicted.stdout)[0]["label"] == "dark"
    again = json.loads(mlpredict("model", bright, "--try", classes, "--json").stdout)
    assert again["entries"] == {}


def test_what_may_be_chance_is_not_written(mlpredict: Command, bright: Path, classes: Path) -> None:
    for path in [*classes.glob("*/?.png"), *classes.glob("*/10.png")]:
        path.unlink()
    done = mlpredict("model", bright, "--labels", "dark,bright", "--try", classes, "--write")
    assert done.returncode == 2
    assert "chance may have made the difference" in done.stderr.decode()
    assert 'scale = "-1..1"' in done.stdout.decode()
    assert not bright.with_name("bright.mlpredict.toml").exists()


def test_folders_name_the_classes_of_a_model_without_labels(
    mlpredict: Command, bright: Path, classes: Path
) -> None:
    (classes / "dark").rename(classes / "a-dark")
    done = mlpredict("model", bright, "--try", classes, "--write")
    assert "taken in order: a-dark is 0, bright is 1" in done.stderr.decode()
    predicted = mlpredict("predict", "--no-store", "--json", "--model", bright, classes / "a-dark" / "0.png")
    assert json.loads(predicted.stdout)[0]["label"] == "a-dark"


def test_mistakes_are_told(mlpredict: Command, bright: Path, classes: Path) -> None:
    for arguments in (
        ("model", bright, classes / "dark" / "0.png"),
        ("model", bright, "--try"),
        ("model", bright, "--force"),
        ("model", bright, "--try", classes / "dark" / "0.png", "--write"),
        ("model", bright, "--try", classes, classes / "dark" / "0.png"),
        ("model", bright, "--try", classes, "--labels", "cat,dog"),
    ):
        done = mlpredict(*arguments)
        assert (done.returncode, len(done.stdout)) == (2, 0), arguments
    missing = mlpredict("model", bright, "--try", classes / "none.png")
    assert "none.png: no such file" in missing.stderr.decode()


def test_a_model_that_was_used_goes_by_its_name(
    mlpredict: Command, bright: Path, classes: Path, dsn: str
) -> None:
    image = classes / "dark" / "0.png"
    first = mlpredict("predict", image, "--model", bright, "--labels", "dark,bright", "--dsn", dsn, "--json")
    known_as = json.loads(first.stdout)[0]["model"]
    for name in ("bright", known_as, known_as[: len("bright@") + 4]):
        again = mlpredict("predict", image, "--model", name, "--dsn", dsn, "--json")
        (record,) = json.loads(again.stdout)
        assert (record["model"], record["label"]) == (known_as, "bright")
    shown = mlpredict("model", "bright", "--dsn", dsn, "--json")
    assert json.loads(shown.stdout)["labels"] == ["dark", "bright"]

    unknown = mlpredict("predict", image, "--model", "brigth", "--dsn", dsn)
    assert unknown.returncode == 4
    assert known_as in unknown.stderr.decode()

    bright.with_name("bright.mlpredict.toml").write_text('scale = "-1..1"\n')
    changed = mlpredict("predict", image, "--model", "bright", "--dsn", dsn)
    assert (changed.returncode, "have changed" in changed.stderr.decode()) == (4, True)
    bright.unlink()
    gone = mlpredict("predict", image, "--model", "bright", "--dsn", dsn)
    assert (gone.returncode, "not there any more" in gone.stderr.decode()) == (4, True)
