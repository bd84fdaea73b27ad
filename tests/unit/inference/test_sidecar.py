"""`mlpredict.toml`: every entry, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.domain import Activation, Fit, Preprocessing, Resize, Scaling, Task
from mlpredict.errors import ModelError
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.inference.sidecar import Sidecar, read_sidecar

WHOLE = """
name = "mnist-convnet"
labels = ["zero", "one"]
task = "classification"
activation = "none"
output = "logits"
scale = "-1..1"
resize = "nearest"
fit = "pad"
background = "white"
"""


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    (tmp_path / "model" / "assets.extra").mkdir(parents=True)
    return ModelFiles(tmp_path / "model", ModelFormat.SAVED_MODEL, "0" * 64)


def read(files: ModelFiles, text: str) -> Sidecar:
    files.sidecar.write_text(text, "utf-8")
    return read_sidecar(files)


def test_without_a_file_nothing_is_said(files: ModelFiles) -> None:
    assert read_sidecar(files) == Sidecar()


def test_an_empty_file_says_nothing(files: ModelFiles) -> None:
    assert read(files, "") == Sidecar()


def test_every_entry_is_read(files: ModelFiles) -> None:
    assert read(files, WHOLE) == Sidecar(
        name="mnist-convnet",
        labels=("zero", "one"),
        task=Task.CLASSIFICATION,
        activation=Activation.NONE,
        output="logits",
        preprocessing=Preprocessing(Scaling(127.5, (1.0,), (1.0,)), Resize.NEAREST, Fit.PAD, "white"),
    )


@pytest.mark.parametrize("task", list(Task))
def test_every_task_is_known(files: ModelFiles, task: Task) -> None:
    assert read(files, f'task = "{task}"').task is task


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_is_known(files: ModelFiles, activation: Activation) -> None:
    assert read(files, f'activation = "{activation}"').activation is activation


@pytest.mark.parametrize("resize", list(Resize))
def test_every_filter_is_known(files: ModelFiles, resize: Resize) -> None:
    assert read(files, f'resize = "{resize}"').preprocessing.resize is resize


@pytest.mark.parametrize("fit", list(Fit))
def test_every_fit_is_known(files: ModelFiles, fit: Fit) -> None:
    assert read(files, f'fit = "{fit}"').preprocessing.fit is fit


@pytest.mark.parametrize("colour", ["white", "#ffeedd", "#fed", "rgb(1, 2, 3)"])
def test_a_background_is_any_colour(files: ModelFiles, colour: str) -> None:
    assert read(files, f'background = "{colour}"').preprocessing.background == colour


@pytest.mark.parametrize(
    ("scale", "pixel", "expected"),
    [
        ('"0..1"', 255, 1.0),
        ('"-1..1"', 0, -1.0),
        ('"-1..1"', 255, 1.0),
        ('"0..255"', 200, 200.0),
        ("{ mean = [0.5], std = [0.25] }", 255, 2.0),
        ("{ mean = [1], std = [2] }", 0, -0.5),
    ],
)
def test_a_scale_says_what_becomes_of_a_pixel(
    files: ModelFiles, scale: str, pixel: int, expected: float
) -> None:
    scaling = read(files, f"scale = {scale}").preprocessing.scaling
    assert scaling is not None
    assert (pixel / scaling.divisor - scaling.mean[0]) / scaling.std[0] == expected


def test_labels_may_stand_in_a_file(files: ModelFiles) -> None:
    files.companion("labels.txt").write_text("cat\n dog \r\nmöwe\n", "utf-8")
    assert read(files, 'labels = "labels.txt"').labels == ("cat", "dog", "möwe")


def test_labels_may_be_numbers(files: ModelFiles) -> None:
    assert read(files, "labels = [7, 8]").labels == ("7", "8")


@pytest.mark.parametrize("name", ["labels.txt", "more/labels.txt"])
def test_labels_of_a_single_file_stand_beside_it(tmp_path: Path, name: str) -> None:
    files = ModelFiles(tmp_path / "cats.v2.keras", ModelFormat.KERAS, "0" * 64)
    (tmp_path / "more").mkdir()
    (tmp_path / name).write_text("cat\ndog\n")
    (tmp_path / "cats.v2.mlpredict.toml").write_text(f'labels = "{name}"')
    assert read_sidecar(files).labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("lables = []", "unknown entry lables"),
        ("name = 3", "name must be text"),
        ('task = "guess"', "task = 'guess': expected one of classification, binary"),
        ("task = 1", "task must be text"),
        ('activation = "relu"', "activation = 'relu': expected one of softmax"),
        ("output = 0", "output must be text"),
        ('resize = "area"', "resize = 'area': expected one of nearest"),
        ('fit = "fill"', "fit = 'fill': expected one of stretch"),
        ('background = "whitish"', "background = 'whitish': expected a colour"),
        ("background = 255", "background must be text"),
        ("labels = []", "labels must be a list"),
        ("labels = 10", "labels must be a list"),
        ("labels = [1.5]", "labels must be a list"),
        ('labels = "missing.txt"', "labels: .*missing.txt"),
        ('labels = ""', "labels: .*no regular file"),
        ('labels = "/etc/passwd"', "labels = '/etc/passwd': expected the name of a file beside the model"),
        ('labels = "../../labels.txt"', "expected the name of a file beside the model"),
        ("labels = " + "[" * 50_000, "recursion"),
        ('scale = "0..2"', "scale: expected one of 0..1"),
        ("scale = 255", "scale: expected"),
        ("scale = { mean = [0.5] }", "scale: expected"),
        ("scale = { mean = [], std = [] }", "scale: expected"),
        ("scale = { mean = [1, 2], std = [1] }", "scale: expected"),
        ("scale = { mean = [true], std = [1] }", "scale: expected"),
        ("scale = { mean = [0], std = [0] }", "scale: std must not be 0"),
        ("name = ", "Invalid value"),
    ],
)
def test_an_error_names_the_file_and_the_entry(files: ModelFiles, text: str, entry: str) -> None:
    with pytest.raises(ModelError, match=entry) as raised:
        read(files, text)
    assert raised.value.message.startswith(f"{files.sidecar}: ")


def test_an_empty_file_of_labels_is_refused(files: ModelFiles) -> None:
    files.companion("labels.txt").write_bytes(b"")
    with pytest.raises(ModelError, match=r"labels: .*labels\.txt is empty"):
        read(files, 'labels = "labels.txt"')


@pytest.mark.parametrize("name", ["mlpredict.toml", "labels.txt"])
def test_text_that_is_not_utf8_is_refused(files: ModelFiles, name: str) -> None:
    files.sidecar.write_text('labels = "labels.txt"')
    files.companion(name).write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="utf-8"):
        read_sidecar(files)
