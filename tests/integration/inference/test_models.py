"""Models of every format: compiled, verified against TensorFlow, cached, run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from PIL import Image

from mlpredict.domain import Activation, EngineName, Sample, Source, Task
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Reason
from mlpredict.inference.model import Model, load_model
from mlpredict.inference.model_files import open_model
from mlpredict.settings import bundled
from tests.conftest import Command
from tests.make_models import pixels
from tests.notices import heard
from tests.serving import File, serving

TOLERANCE = 1e-5
# As it was before labels, task and activation were part of it, in everybody's databases.
BUNDLED = "285f0e48d7494f5eee6cfdf2aa59c90705f9374f27e4c58b834a2ab97c9134a6"
# One step of an output of 8 bits is 1/256; a few are lost within the network.
TOLERANCE_OF_8_BITS = 0.05


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models of `tests.make_models`."""
    folder = tmp_path_factory.mktemp("models")
    made = subprocess.run([sys.executable, "-m", "tests.make_models", folder], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def expected(models: Path) -> Mapping[str, NDArray[Any]]:
    """TensorFlow's own answers, by the model's file name."""
    with np.load(models / "expected.npz") as answers:
        return dict(answers)


def load(path: Path, cache: Path, engine: EngineName = EngineName.AUTO) -> tuple[Model, list[str]]:
    """A loaded model, and what was said meanwhile."""
    with heard() as notices:
        return load_model(path, engine=engine, cache=cache), notices


@pytest.mark.parametrize(
    ("name", "shape", "task", "activation"),
    [
        ("grey", (28, 28, 1), Task.CLASSIFICATION, Activation.SOFTMAX),
        ("grey.keras", (28, 28, 1), Task.CLASSIFICATION, Activation.SOFTMAX),
        ("grey.h5", (28, 28, 1), Task.CLASSIFICATION, Activation.SOFTMAX),
        ("tf2_save", (28, 28, 1), Task.CLASSIFICATION, Activation.SOFTMAX),
        ("plain.tflite", (28, 28, 1), Task.CLASSIFICATION, Activation.SOFTMAX),
        ("logits.keras", (16, 24, 3), Task.CLASSIFICATION, Activation.NONE),
        ("binary.tflite", (8, 8, 1), Task.BINARY, Activation.SIGMOID),
        ("regression.tflite", (8, 8, 1), Task.REGRESSION, Activation.NONE),
        ("raw.tflite", (8, 8, 1), Task.RAW, Activation.NONE),
        ("two_outputs.tflite", (8, 8, 1), Task.CLASSIFICATION, Activation.SOFTMAX),
        ("uint8.tflite", (8, 8, 3), Task.CLASSIFICATION, Activation.SOFTMAX),
    ],
)
def test_litert_answers_as_tensorflow_does(
    models: Path,
    expected: Mapping[str, NDArray[Any]],
    cache_home: Path,
    name: str,
    shape: tuple[int, int, int],
    task: Task,
    activation: Activation,
) -> None:
    model, _ = load(models / name, cache_home)
    assert model.engine.name is EngineName.LITERT
    assert (model.spec.height, model.spec.width, model.spec.channels) == shape
    assert (model.reader.task, model.reader.activation) == (task, activation)
    np.testing.assert_allclose(model.outputs(pixels(*shape)), expected[name], rtol=0, atol=TOLERANCE)


def test_a_model_of_any_size_takes_images_as_they_are(
    models: Path, expected: Mapping[str, NDArray[Any]], cache_home: Path
) -> None:
    model, _ = load(models / "any_size.tflite", cache_home)
    assert (model.spec.height, model.spec.width) == (None, None)
    answers = model.outputs(pixels(20, 30, 3))
    np.testing.assert_allclose(answers, expected["any_size.tflite"], rtol=0, atol=TOLERANCE)


def test_a_quantised_flatbuffer_takes_and_gives_real_numbers(
    models: Path, expected: Mapping[str, NDArray[Any]], cache_home: Path
) -> None:
    model, _ = load(models / "int8.tflite", cache_home)
    answers = model.outputs(pixels(28, 28, 1))
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected["int8.tflite"], rtol=0, atol=TOLERANCE_OF_8_BITS)


def test_what_litert_cannot_convert_runs_on_tensorflow_and_says_why_once(
    models: Path, expected: Mapping[str, NDArray[Any]], tmp_path: Path
) -> None:
    model, notices = load(models / "lstm.keras", tmp_path)
    assert model.engine.name is EngineName.TENSORFLOW
    assert [notice for notice in notices if "runs on TensorFlow: it" in notice] == notices[1:2]
    np.testing.assert_allclose(
        model.outputs(pixels(28, 28, 1)), expected["lstm.keras"], rtol=0, atol=TOLERANCE
    )
    _, notices = load(models / "lstm.keras", tmp_path)
    assert notices == []
    with pytest.raises(ModelError, match="LiteRT cannot run it: it"):
        load(models / "lstm.keras", tmp_path, EngineName.LITERT)


def test_a_model_that_answers_by_chance_runs_on_tensorflow(models: Path, tmp_path: Path) -> None:
    model, notices = load(models / "random", tmp_path)
    assert model.engine.name is EngineName.TENSORFLOW
    assert "differently every time" in notices[1]


def test_tensorflow_runs_a_model_when_it_is_asked_to(
    models: Path, expected: Mapping[str, NDArray[Any]], tmp_path: Path
) -> None:
    model, notices = load(models / "tf2_save", tmp_path, EngineName.TENSORFLOW)
    assert (model.engine.name, len(notices)) == (EngineName.TENSORFLOW, 1)
    assert "pixels 0..1 (nothing in the file says)" in notices[0]
    assert [path.name for path in tmp_path.iterdir()] == ["uses"]
    np.testing.assert_allclose(model.outputs(pixels(28, 28, 1)), expected["tf2_save"], rtol=0, atol=TOLERANCE)


def test_without_litert_tensorflow_runs_the_model(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpredict.inference.model.litert_is_installed", lambda: False)
    assert load(models / "grey", tmp_path)[0].engine.name is EngineName.TENSORFLOW
    for name, engine in (("grey", EngineName.LITERT), ("plain.tflite", EngineName.AUTO)):
        with pytest.raises(ModelError, match="no LiteRT for this platform"):
            load(models / name, tmp_path, engine)


def test_a_compiled_model_is_kept_and_a_damaged_one_made_again(
    models: Path, cache_home: Path, tmp_path: Path
) -> None:
    load(models / "grey", cache_home)
    shutil.copytree(cache_home, tmp_path / "cache")
    _, kept = load(models / "grey", tmp_path / "cache")
    assert kept == []
    flatbuffer = tmp_path / "cache" / "models" / f"{open_model(models / 'grey').sha256}.tflite"
    content = bytearray(flatbuffer.read_bytes())
    content[len(content) // 2] ^= 0xFF
    flatbuffer.write_bytes(content)
    _, made_again = load(models / "grey", tmp_path / "cache")
    assert [notice.partition(" ")[0] for notice in made_again] == ["preparing", "grey"]
    assert flatbuffer.read_bytes() != bytes(content)


def test_a_compiled_model_says_how_well_it_agrees(models: Path, cache_home: Path) -> None:
    load(models / "grey.keras", cache_home)
    facts = [json.loads(path.read_text()) for path in (cache_home / "models").glob("*.json")]
    assert all(fact["reason"] is not None or fact["difference"] < 1e-4 for fact in facts)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vector.keras", r"takes .*\(None, 10\) float32, which is no image: expected \(batch, height, width"),
        ("two_inputs.tflite", r"takes 2 inputs \(.*\), not one image"),
    ],
)
def test_a_model_that_takes_no_image_says_what_it_takes(
    models: Path, cache_home: Path, name: str, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        load(models / name, cache_home)


def test_a_truncated_model_is_refused(models: Path, cache_home: Path, tmp_path: Path) -> None:
    for name in ("grey.keras", "grey.h5", "plain.tflite"):
        content = (models / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ModelError, match=name):
            load(tmp_path / name, cache_home)


def test_nan_is_a_failure_with_that_reason(models: Path, cache_home: Path) -> None:
    model, _ = load(models / "nan.tflite", cache_home)
    sample = Sample(0, Source("x.png"), b"", "image/png", bytes(32), 8, 8, pixels(8, 8, 1)[0])
    assert model.predict([sample]) == ["the model answered NaN or infinity"]


def test_labels_and_name_come_from_the_sidecar(models: Path, cache_home: Path) -> None:
    model, _ = load(models / "logits.keras", cache_home)
    assert (model.identity.name, model.identity.labels) == ("pets", ("cat", "dog", "mouse"))


def test_the_fingerprint_is_of_the_model_its_preprocessing_and_its_labels(
    models: Path, cache_home: Path, tmp_path: Path
) -> None:
    def fingerprint(sidecar: str) -> str:
        (tmp_path / "copy.keras").write_bytes((models / "logits.keras").read_bytes())
        (tmp_path / "copy.mlpredict.toml").write_text(sidecar)
        return load(tmp_path / "copy.keras", cache_home)[0].identity.fingerprint

    labelled = 'labels = ["cat", "dog", "mouse"]\nactivation = "none"'
    renamed, rescaled = fingerprint('name = "other"'), fingerprint('scale = "-1..1"')
    assert fingerprint(labelled) == load(models / "logits.keras", cache_home)[0].identity.fingerprint
    assert fingerprint("") == renamed
    assert len({renamed, rescaled, fingerprint(labelled), fingerprint(labelled.replace("mouse", "rat"))}) == 4


def test_the_bundled_model_keeps_its_fingerprint_and_assumes_nothing(cache_home: Path) -> None:
    model, notices = load(bundled("saved_model"), cache_home)
    assert model.identity.fingerprint == BUNDLED
    assert {one.reason for one in model.choices} == {Reason.FILE}
    assert not any("pixels" in notice for notice in notices)


def test_tensorflow_writes_nothing_to_the_terminal(
    models: Path, mlpredict: Command, digits: list[Path], tmp_path: Path
) -> None:
    arguments = ["predict", str(digits[0]), "--no-store", "--model", str(models / "tf2_save")]
    first = mlpredict(*arguments, env={"MLPREDICT_CACHE": str(tmp_path)})
    assert first.returncode == 0
    preparing, prepared, *others = first.stderr.decode().splitlines()
    assert preparing == "mlpredict: preparing tf2_save for LiteRT, once; this takes a few seconds"
    assert prepared.startswith("mlpredict: tf2_save runs on LiteRT from now on: prepared in ")
    assert others == [
        "mlpredict: tf2_save: pixels 0..1 (nothing in the file says), numbers for labels (3 in labels.txt,"
        " for 10 classes), resized by bicubic to 28×28",
    ]
    on_tensorflow = mlpredict(*arguments, "--engine", "tensorflow")
    assert (on_tensorflow.returncode, on_tensorflow.stderr) == (0, b"")
    assert len(on_tensorflow.stdout.splitlines()) == len(first.stdout.splitlines()) == 1


def test_a_model_is_compiled_with_our_modules_and_not_with_the_working_folder_s(
    environment: dict[str, str], digits: list[Path], tmp_path: Path
) -> None:
    for name in ("json", "numpy", "tensorflow", "mlpredict"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)")
    program = Path(sys.executable).with_name("mlpredict")
    done = subprocess.run(
        [program, "predict", "--no-store", digits[0]],
        cwd=tmp_path,
        env={**environment, "MLPREDICT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
    )
    assert (done.returncode, done.stdout.split(b"\t")[2]) == (0, digits[0].name[:1].encode()), done.stderr


def test_one_image_that_the_model_refuses_costs_no_other(
    models: Path, tmp_path: Path, mlpredict: Command, environment: dict[str, str], dsn: str
) -> None:
    """The command and the server say the same: which image is at fault, and what the others show."""
    names = []
    for number, side in enumerate((40, 3, 40, 50)):
        names.append(str(tmp_path / f"{number}.png"))
        Image.effect_noise((side, side), 50).convert("RGB").save(names[-1])
    model = models / "sizeless.keras"
    done = mlpredict("predict", "--model", model, "--dsn", dsn, "--format", "jsonl", *names)
    assert done.returncode == 1
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["filename"] for record in records] == [names[0], names[2], names[3]]
    (complaint,) = [line for line in done.stderr.decode().splitlines() if names[1] in line]
    with psycopg.connect(dsn) as connection:
        ((failed, reason),) = connection.execute("SELECT filename, reason FROM failures").fetchall()
    assert failed == names[1]
    assert reason in complaint
    for text in (complaint, reason):
        assert "Graph execution" not in text
        assert ".py" not in text
    with serving(environment, "--model", str(model), "--dsn", dsn) as served:
        answer = served.post("/v1/predictions", *(File(Path(name).read_bytes(), name) for name in names))
    assert answer.status == 201
    assert [one.get("error") for one in answer.json["predictions"]] == [None, reason, None, None]
