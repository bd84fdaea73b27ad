"""Models that say more than one class of an image: predicted, listed, shown, served, asked from Python."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from PIL import Image

import mlpredict as api
from mlpredict.domain import PredictionRecord
from tests.conftest import Command
from tests.serving import File, serving

Words = Callable[..., Path]
LABELS = 'labels = ["cat", "dog", "owl"]'


@pytest.fixture(scope="session")
def output_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models of `tests.make_output_models`."""
    folder = tmp_path_factory.mktemp("outputs")
    command = [sys.executable, "-m", "tests.make_output_models", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def model(output_models: Path, tmp_path: Path) -> Words:
    """A model by its file's name, alone in a folder with a `mlpredict.toml` of these lines."""

    def copied(name: str, *lines: str) -> Path:
        folder = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        path = folder / name
        path.write_bytes((output_models / name).read_bytes())
        if lines:
            (folder / "mlpredict.toml").write_text("\n".join(lines))
        return path

    return copied


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """An image of 8×8 whose upper quarter is white, and the rest black."""
    image = Image.new("L", (8, 8), 0)
    image.paste(255, (0, 0, 8, 2))
    path = tmp_path / "quarter.png"
    image.save(path)
    return path


@pytest.fixture
def predict(mlpredict: Command, picture: Path, dsn: str) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Predict the picture with a model, and store what it says."""

    def run(model: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
        return mlpredict("predict", picture, "--dsn", dsn, "--model", model, *options)

    return run


def only(output: bytes) -> dict[str, Any]:
    """The one record of a JSON array."""
    (record,) = json.loads(output)
    return dict(record)


def test_several_labels_are_stored_listed_and_found(
    model: Words, predict: Any, mlpredict: Command, dsn: str
) -> None:
    path = model("tags.tflite", LABELS, 'task = "multi-label"')
    made = only(predict(path, "--json", "--top-k", "2").stdout)
    assert (made["labels"], made["label"], made["likely_class"]) == (["cat", "owl"], "cat", 0)
    assert made["score"] == pytest.approx(0.8808, abs=1e-4)
    assert [one["label"] for one in made.pop("top")] == ["cat", "owl"]
    assert predict(path).stdout.split(b"\t")[2] == b'["cat","owl"]'
    predict(model("logits.tflite", LABELS))
    for label, found in (("cat", 2), ("owl", 2), ("dog", 1), ("bat", 0)):
        listed = mlpredict("list", "--dsn", dsn, "--json", "--label", label)
        assert len(json.loads(listed.stdout)) == found, label
    both = mlpredict("list", "--dsn", dsn, "--json", "--label", "owl", "--label", "dog", "--all")
    assert [one["labels"] for one in json.loads(both.stdout)] == [None, ["cat", "owl"], ["cat", "owl"]]
    listed = mlpredict("list", "--dsn", dsn, "--json", "--before", "2")
    assert only(listed.stdout) == made
    rows = csv.DictReader(
        io.StringIO(mlpredict("list", "--dsn", dsn, "--format", "csv", "--columns", "labels").stdout.decode())
    )
    assert [row["labels"] for row in rows] == ["", '["cat","owl"]', '["cat","owl"]']
    assert only(mlpredict("show", "1", "--dsn", dsn, "--json").stdout) == made
    assert "labels      cat, owl" in mlpredict("show", "1", "--dsn", dsn, "--format", "table").stdout.decode()
    table = mlpredict("list", "--dsn", dsn, "--format", "table").stdout.decode()
    assert "cat, owl" in table


def test_sigmoids_with_labels_are_taken_for_several_and_it_is_said_and_recorded(
    model: Words, predict: Any, connection: psycopg.Connection[Any]
) -> None:
    path = model("tags.tflite")
    unknown = predict(path, "--json", "-v")
    assert only(unknown.stdout)["label"] is None
    assert b"its numbers as they are (its output comes from a sigmoid; labels" in unknown.stderr
    done = predict(path, "--json", "-v", "--labels", "cat,dog,owl")
    assert b"every label from 0.5 on holds (its output comes from a sigmoid" in done.stderr
    assert only(done.stdout)["labels"] == ["cat", "owl"]
    (choices,) = connection.execute(
        "SELECT description -> 'choices' FROM models WHERE task = 'multi-label'"
    ).fetchall()[0]
    assert {"what": "score_threshold", "value": "0.5", "reason": "default", "detail": ""} in choices


def test_thresholds_are_the_model_s_own(model: Words, predict: Any) -> None:
    strict = only(predict(model("tags.tflite", LABELS, "score_threshold = 0.8"), "--json").stdout)
    assert strict["labels"] == ["cat"]
    unsure = only(
        predict(model("tags.tflite", LABELS, "score_threshold = 0.9", "unknown_below = 0.9"), "--json").stdout
    )
    assert (unsure["labels"], unsure["label"], unsure["likely_class"]) == ([], "unknown", 0)
    assert unsure["score"] == strict["score"]
    assert len({strict["model"], unsure["model"]}) == 2


def test_logits_are_a_classifier_s_where_there_are_labels(model: Words, predict: Any) -> None:
    done = predict(model("logits.tflite"), "--json", "-v", "--labels", "cat,dog,owl")
    assert b"scores are the softmax of its logits" in done.stderr
    made = only(done.stdout)
    exponentials = np.exp(made["prediction"])
    assert made["label"] == "dog"
    assert made["score"] == pytest.approx(exponentials[1] / exponentials.sum(), abs=1e-6)


def test_one_sigmoid_is_binary_where_there_are_two_labels(model: Words, predict: Any) -> None:
    assert only(predict(model("ill.tflite"), "--json").stdout)["value"] == pytest.approx(0.8808, abs=1e-4)
    made = only(predict(model("ill.tflite"), "--json", "--labels", "healthy,ill").stdout)
    assert (made["label"], made["score"]) == ("ill", made["prediction"][0])


def test_a_number_has_a_unit_and_a_factor(model: Words, predict: Any, mlpredict: Command, dsn: str) -> None:
    path = model("age.tflite", 'unit = "years"', "factor = 116")
    made = only(predict(path, "--json").stdout)
    assert (made["prediction"], made["value"], made["unit"]) == ([0.3125], 36.25, "years")
    assert predict(path).stdout.split(b"\t")[2:4] == [b"36.25", b"years"]
    assert only(mlpredict("list", "--dsn", dsn, "--json", "--before", "2").stdout) == made
    assert "36.25 years" in mlpredict("show", "1", "--dsn", dsn, "--format", "table").stdout.decode()
    table = mlpredict("list", "--dsn", dsn, "--format", "table").stdout.decode()
    assert "36.25" in table
    assert "years" in table


@pytest.mark.parametrize(
    ("name", "kept"), [("people.keras", {"age": [0.3125]}), ("named.keras", {"years": [0.3125]})]
)
def test_no_output_is_lost_without_a_word(
    model: Words, predict: Any, mlpredict: Command, dsn: str, name: str, kept: dict[str, Any]
) -> None:
    path = model(name, 'labels = ["man", "woman"]')
    done = predict(path, "--json", "-v")
    made = only(done.stdout)
    assert (made["label"], made["prediction"], made["outputs"]) == ("woman", [0.25, 0.75], kept)
    assert f"{', '.join(kept)} kept beside it" in done.stderr.decode()
    assert only(mlpredict("list", "--dsn", dsn, "--json").stdout) == made
    shown = mlpredict("show", "1", "--dsn", dsn, "--format", "table").stdout.decode()
    assert f"{next(iter(kept))}" in shown
    assert "[0.3125]" in shown


def test_an_output_that_is_named_is_the_only_one(model: Words, predict: Any) -> None:
    made = only(predict(model("people.keras", 'output = "age"'), "--json").stdout)
    assert (made["prediction"], made["value"], made["outputs"]) == ([0.3125], 0.3125, None)
    by_place = only(predict(model("people.keras", 'output = "output_1"'), "--json").stdout)
    assert by_place["prediction"] == [0.25, 0.75]
    wrong = predict(model("people.keras", 'output = "sex"'))
    assert (wrong.returncode, wrong.stdout) == (4, b"")
    assert b"has no output 'sex'; it has age, gender" in wrong.stderr


def test_a_map_is_stored_as_shares_and_its_picture_on_request(
    model: Words, predict: Any, mlpredict: Command, dsn: str, tmp_path: Path
) -> None:
    labels = 'labels = ["ground", "road", "tree"]'
    made = only(predict(model("scene.tflite", labels), "--json").stdout)
    assert (made["prediction"], made["label"], made["score"]) == ([0.75, 0.25, 0.0], "ground", 0.75)
    missing = mlpredict("show", "1", "--dsn", dsn, "--export-map", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (5, b"")
    assert b"there is no map of prediction 1; keep_map = true" in missing.stderr
    kept = only(predict(model("scene.tflite", labels, "keep_map = true"), "--json").stdout)
    assert kept["model"].partition("@")[2] == made["model"].partition("@")[2]
    done = mlpredict("show", "2", "--dsn", dsn, "--export-map", cwd=tmp_path)
    assert (done.returncode, done.stderr.partition(b" (")[0]) == (0, b"mlpredict: wrote quarter-map.png")
    expected = np.zeros((8, 8), np.uint8)
    expected[:2] = 1
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "quarter-map.png")), expected)
    piped = mlpredict("show", "2", "--dsn", dsn, "--export-map", "-o", "-").stdout
    assert piped == (tmp_path / "quarter-map.png").read_bytes()
    again = mlpredict("show", "2", "--dsn", dsn, "--export-map", cwd=tmp_path)
    assert again.returncode == 1
    both = mlpredict("show", "2", "--dsn", dsn, "--export-map", "--export-image")
    assert (both.returncode, both.stderr.count(b"exclude each other")) == (2, 1)


def test_what_is_too_much_is_refused_before_anything_is_stored(
    model: Words, predict: Any, connection: psycopg.Connection[Any]
) -> None:
    done = predict(model("huge.tflite"))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (4, b"", 1)
    assert b"MB of JSON for each image, and at most 1 MB is stored; task = " in done.stderr
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    made = only(predict(model("huge.tflite", 'task = "segmentation"'), "--json").stdout)
    assert sum(made["prediction"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("logits.tflite", "score_threshold = 0.5", 'score_threshold is for task = "multi-label"'),
        ("logits.tflite", "keep_map = true", "keep_map is for a map of at most 256 classes"),
        ("logits.tflite", 'unit = "kg"', "unit is for a regression of one number"),
        ("age.tflite", "unknown_below = 0.5", "unknown_below is for a task with classes"),
    ],
)
def test_what_is_said_of_another_task_is_refused(
    model: Words, predict: Any, name: str, line: str, message: str
) -> None:
    done = predict(model(name, line))
    assert (done.returncode, done.stdout) == (4, b"")
    assert message in done.stderr.decode()


def test_the_server_says_the_same(model: Words, picture: Path, environment: dict[str, str], dsn: str) -> None:
    file = File(picture.read_bytes(), "quarter.png")
    path = model("scene.tflite", 'labels = ["ground", "road", "tree"]', "keep_map = true")
    with serving(environment, "--model", str(path), "--dsn", dsn) as served:
        (made,) = served.post("/v1/predictions", file).json["predictions"]
        assert (made["prediction"], made["label"]) == ([0.75, 0.25, 0.0], "ground")
        whole = served.ask(f"/v1/predictions/{made['prediction_id']}").json
        assert whole["map"] == f"/v1/predictions/{made['prediction_id']}/map"
        png = served.ask(whole["map"])
        assert (png.status, png.body[:4]) == (200, b"\x89PNG")
        assert served.ask("/v1/predictions/999/map").status == 404
    with serving(environment, "--model", str(model("tags.tflite", LABELS)), "--dsn", dsn) as served:
        (made,) = served.post("/v1/predictions", file).json["predictions"]
        assert made["labels"] == ["cat", "owl"]
        (found,) = served.ask("/v1/predictions?label=owl").json["predictions"]
        assert found["prediction_id"] == made["prediction_id"]


def test_python_has_the_same(
    model: Words, picture: Path, dsn: str, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPREDICT_CACHE", str(cache_home))
    tags = api.load_model(model("tags.tflite", LABELS))
    assert tags.predict(picture).labels == ("cat", "owl")
    age = api.load_model(model("age.tflite", 'unit = "years"', "factor = 116")).predict(picture)
    assert (age.value, age.unit, age.label) == (36.25, "years", None)
    assert api.load_model(model("people.keras")).predict(picture).outputs == {"age": [0.3125]}
    scene = api.load_model(model("scene.tflite", "keep_map = true"))
    with api.connect(dsn) as db:
        (stored,) = db.predict(scene, picture)
        assert isinstance(stored, PredictionRecord)
        assert stored.prediction_id is not None
        image = db.prediction(stored.prediction_id).map()
        assert image is not None
        assert np.asarray(image).sum() == 16
        (record,) = db.predict(tags, picture)
        assert list(db.predictions(label="owl")) == [record]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("people.keras", []),
        ("people.keras", ['output = "age"', 'unit = "years"', "factor = 116"]),
        ("tags.tflite", [LABELS, 'task = "multi-label"', "score_threshold = 0.7", "unknown_below = 0.6"]),
        ("scene.tflite", ["keep_map = true"]),
    ],
)
def test_what_was_understood_can_be_written_down(
    model: Words, mlpredict: Command, name: str, words: list[str]
) -> None:
    path = model(name, *words)
    before = json.loads(mlpredict("model", path, "--json").stdout)
    assert {one["what"] for one in before["meaning"]} >= {word.partition(" ")[0] for word in words} - {"name"}
    if name == "people.keras":
        assert [one["name"] for one in before["outputs"]] == ["age", "gender"]
    written = mlpredict("model", path, "--write", "--force")
    assert written.returncode == 0, written.stderr
    after = json.loads(mlpredict("model", path, "--json").stdout)
    assert (after["fingerprint"], after["task"]) == (before["fingerprint"], before["task"])
