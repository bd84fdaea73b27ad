"""Models that run code, that are damaged, or that make no sense: one line each, and nothing is run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mlpredict.domain import EngineName
from mlpredict.errors import ModelError
from mlpredict.inference import compilation
from mlpredict.inference.model import load_model
from tests.conftest import COMMAND, Command
from tests.make_hostile_models import MARKER
from tests.processes import started

TRUSTED_ALONE = {
    "lambda.keras": "has a Lambda layer, which would run code from the file",
    "lambda.h5": "has a Lambda layer, which would run code from the file",
    "both.keras": "has a Lambda layer, which would run code from the file",
    "lambda_2.h5": "has a Lambda layer, which would run code from the file",
    "lambda_2.keras": "has a Lambda layer, which would run code from the file",
    "python": "has the operation PyFunc, which reaches beyond the model",
    "writes": "has the operation WriteFile, which reaches beyond the model",
    "prints": "has the operation PrintV2, which reaches beyond the model",
    "saves": "has the operation Save, which reaches beyond the model",
    "reads": "has the operation ReadFile, which reaches beyond the model",
}
# What is not even harmless when it is trusted: it cannot be run.
TRUSTED_AND_BROKEN = {
    "operation_2.h5": "has the operation io.write_file, which reaches beyond the model",
    "graph_operation_2.h5": "has the operation WriteFile, which reaches beyond the model",
    "method_2.h5": "has a layer that would call any method of TensorFlow",
    "words_2.h5": "has a StringLookup layer that would read another file, /etc/passwd",
    "linked_weights_2.h5": "takes weights from another file, elsewhere.h5",
}
REFUSED = {
    "other_model.keras": "has a TFSMLayer, which would load another model",
    "torch.keras": "has a pickled Torch module, which would run code from the file",
    "function_of_os.keras": "needs os for its function, which is no part of Keras",
    "own_layer.keras": "needs pets.layers for its Blur, which is no part of Keras",
    "own_layer.h5": "needs pets>Blur, which is no part of Keras",
    "own_layer_2.h5": "needs pets>Blur, which is no part of Keras",
    "hidden_class_2.h5": "needs Outer.Dense, which is no part of Keras",
    "function_2.h5": "needs deserialize_keras_object, which is no part of Keras",
    "own_function_2.keras": "needs the function get_file of keras.utils, which is no part of Keras",
    "pickled_weights_2.keras": "has no model.weights.h5",
    "linked_weights_2.keras": "takes weights from another file, elsewhere.h5",
    "old_lambda.h5": "has a Lambda layer whose code was saved by another Python, and this one, ",
    "named_lambda.h5": "has a Lambda layer with the function blur, which is not in the file",
    "text": "answers with text: expected numbers",
    "complex": "answers with complex64 values: expected numbers",
    "nothing": "answers 4 images with an array of shape (4, 0): expected a row for each",
    "fails": "TensorFlow cannot run it: Input to reshape is a tensor with 256 values",
    "gigantic": "takes image (None, 1000000, 1000000, 3) float32: expected an image of 1 to",
    "too_wide": "takes image (None, 28, 1000000, 3) float32: expected an image of 1 to",
    "no_height": "takes image (None, 0, 8, 3) float32: expected an image of 1 to",
    "five_channels": "takes image (None, 8, 8, 5) float32, which is no image",
    "flat": "takes image (None, 10) float32, which is no image",
    "any_rank": "takes image () float32, which is no image",
    "words": "takes image (None) string, which is no image",
    "two_inputs": "takes 2 inputs (",
    "unsigned": "the SavedModel has no signatures",
    "bomb.keras": "unpacks to over 100 times its size",
    "deep.keras": "TensorFlow cannot load it: maximum recursion depth exceeded",
    "half_weights.keras": "TensorFlow cannot load it: Unable to synchronously open file (truncated file",
    "weights.h5": "an HDF5 file with no Keras model in it",
    "half_graph": "TensorFlow cannot load it: Error parsing message",
    "half_variables": "TensorFlow cannot load it: Read less bytes than requested",
    "no_variables": "TensorFlow cannot load it: Unsuccessful TensorSliceReader constructor",
}
ALL_WELL = ("plain_2.h5", "plain_2.keras", "plain.keras", "plain.h5", "says", "bfloat16", "truths", "cube")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models of `tests.make_hostile_models`, all of them loaded, trusted and not."""
    folder = tmp_path_factory.mktemp("hostile")
    program = [sys.executable, "-m", "tests.make_hostile_models", str(folder)]
    made = subprocess.run(program, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert (folder / MARKER).exists()
    (folder / MARKER).unlink()
    return folder


def said_of(folder: Path, *, trusted: bool) -> Mapping[str, str]:
    """What was said of each model, but for what was assumed of its pixels."""
    said: dict[str, str] = json.loads((folder / ("trusted.json" if trusted else "said.json")).read_text())
    return {name: "\n".join(without_assumptions(text.splitlines())) for name, text in said.items()}


def without_assumptions(lines: list[str]) -> list[str]:
    return [line for line in lines if "(nothing in the file says)" not in line]


def test_every_model_is_expected_to_be_something(hostile: Path) -> None:
    assert set(said_of(hostile, trusted=False)) == {
        *TRUSTED_ALONE,
        *TRUSTED_AND_BROKEN,
        *REFUSED,
        *ALL_WELL,
    }


@pytest.mark.parametrize("name", TRUSTED_ALONE)
def test_what_does_more_than_compute_has_to_be_trusted(hostile: Path, name: str) -> None:
    message = f"{hostile / name}: {TRUSTED_ALONE[name]}"
    assert said_of(hostile, trusted=False)[name] == message
    assert said_of(hostile, trusted=True)[name] == f"warning: {message}"


@pytest.mark.parametrize("name", TRUSTED_AND_BROKEN)
def test_what_reaches_out_by_keras_2_has_to_be_trusted(hostile: Path, name: str) -> None:
    assert said_of(hostile, trusted=False)[name] == f"{hostile / name}: {TRUSTED_AND_BROKEN[name]}"


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_on_one_line(hostile: Path, name: str) -> None:
    message = said_of(hostile, trusted=False)[name]
    assert message.startswith(f"{hostile / name}: {REFUSED[name]}")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("name", ALL_WELL)
def test_what_only_computes_needs_no_trust(hostile: Path, name: str) -> None:
    assert said_of(hostile, trusted=False)[name] == said_of(hostile, trusted=True)[name] == ""


def test_trust_is_asked_for_each_time(
    mlpredict: Command, hostile: Path, digits: list[Path], tmp_path: Path
) -> None:
    model = hostile / "lambda.keras"
    predict = ("predict", digits[0], "--no-store", "--model", model)
    env = {"MLPREDICT_CACHE": str(tmp_path)}
    hint = "--unsafe-model runs it all the same"
    refused = mlpredict(*predict, env=env)
    assert (refused.returncode, refused.stdout) == (4, b"")
    assert refused.stderr.decode().splitlines()[1:] == [
        f"mlpredict: {model}: {TRUSTED_ALONE[model.name]}; {hint}"
    ]
    assert not (hostile / MARKER).exists()
    trusted = mlpredict(*predict, "--unsafe-model", env=env)
    assert (trusted.returncode, len(trusted.stdout.splitlines())) == (0, 1)
    warning = f"mlpredict: warning: {model}: {TRUSTED_ALONE[model.name]}"
    assert without_assumptions(trusted.stderr.decode().splitlines())[2:] == [warning]
    assert (hostile / MARKER).exists()
    compiled = mlpredict(*predict, env=env)
    assert (compiled.returncode, compiled.stdout) == (4, b"")
    assert compiled.stderr.decode() == f"mlpredict: {model}: {TRUSTED_ALONE[model.name]}; {hint}\n"
    again = mlpredict(*predict, "--unsafe-model", env=env)
    assert (again.returncode, without_assumptions(again.stderr.decode().splitlines())) == (0, [warning])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("one_number", "answers 4 images with an array of shape (): expected a row for each"),
        ("no_batch", "answers 4 images with an array of shape (3,): expected a row for each"),
        ("first_alone", "answers 4 images with an array of shape (1, 3): expected a row for each"),
        ("twice", "answers 4 images with an array of shape (8, 3): expected a row for each"),
        ("wide", "takes image (None, 28, 1000000, 3) float32: expected an image of 1 to 67,108,864 numbers"),
    ],
)
def test_a_flatbuffer_that_makes_no_sense_is_one_line(
    mlpredict: Command, hostile: Path, digits: list[Path], name: str, message: str
) -> None:
    model = hostile / f"{name}.tflite"
    done = mlpredict("predict", digits[0], "--no-store", "--model", model)
    assert (done.returncode, done.stdout) == (4, b"")
    assert done.stderr.decode() == f"mlpredict: {model}: {message}\n"


def test_a_model_that_never_ends_can_be_interrupted(
    environment: dict[str, str], hostile: Path, digits: list[Path]
) -> None:
    command = [*COMMAND, "predict", str(digits[0]), "--no-store", "--model", str(hostile / "endless.tflite")]
    with started(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # It is being tried by then.
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (b"", b"mlpredict: interrupted\n")
    assert process.returncode == 130


def test_a_model_that_takes_all_memory_is_ended(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "memory_of_a_model", lambda: 1_500_000_000)
    with pytest.raises(ModelError) as raised:
        load_model(hostile / "greedy", engine=EngineName.AUTO, cache=tmp_path)
    said = "TensorFlow took more than 1.5 GB of memory over it, and was ended"
    assert raised.value.message == f"{hostile / 'greedy'}: {said}"


def test_a_model_that_never_ends_is_given_up(
    hostile: Path, environment: dict[str, str], digits: list[Path]
) -> None:
    """By a command whose patience is shorter than usual."""
    code = "from mlpredict.inference import probe; probe.PROBE_SECONDS = 2.0\n" + COMMAND[2]
    arguments = ["predict", str(digits[0]), "--no-store", "--model", str(hostile / "endless.tflite")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, timeout=60, text=True
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.endswith("endless.tflite: took more than 0 minutes to answer 4 images\n")


def test_nan_is_a_failure_that_is_recorded(
    mlpredict: Command,
    hostile: Path,
    digits: list[Path],
    dsn: str,
    connection: psycopg.Connection[Any],
) -> None:
    model = hostile / "not_finite.tflite"
    done = mlpredict("predict", *digits[:2], "--dsn", dsn, "--model", model)
    assert (done.returncode, done.stdout) == (1, b"")
    reason = "the model answered NaN or infinity"
    told = without_assumptions(done.stderr.decode().splitlines())
    assert told == [f"mlpredict: {path}: {reason}" for path in digits[:2]]
    rows = connection.execute("SELECT filename, reason FROM failures ORDER BY position").fetchall()
    assert rows == [(str(path), reason) for path in digits[:2]]
    assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (0,)
