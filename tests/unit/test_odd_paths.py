"""Where a path may stand, what no system takes as one: an error of ours, or another meaning."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpredict.api.named import may_be_a_name
from mlpredict.cli.saved_image import require_folder
from mlpredict.errors import MlpredictError, ModelError
from mlpredict.inference.labels import NoLabels, labels_option
from mlpredict.inference.model_files import ModelFiles, ModelFormat, open_model
from mlpredict.inference.neighbours import sidecars
from mlpredict.inputs.file_lists import names_from
from mlpredict.pipeline.label_files import read_entries
from mlpredict.support.whole_file import FileNotWritten, whole_file

ODD = ("x" * 300, "x" * 5000, "y/" * 3000, "a\0b", "loop", "loop/x", "file/x")


def _list(text: str) -> None:
    list(names_from(text, separator=b"\n"))


def _labelled(text: str) -> None:
    list(read_entries(text))


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("loop", "loop")
    Path("file").write_bytes(b"")


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize(
    ("use", "error"),
    [
        (labels_option, NoLabels),
        (lambda text: open_model(Path(text)), ModelError),
        (_list, MlpredictError),
        (_labelled, MlpredictError),
        (require_folder, MlpredictError),
    ],
)
def test_what_cannot_be_a_path_is_told_in_our_words(
    use: Callable[[str], object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error):
        use(text)


@pytest.mark.parametrize("text", ["x" * 300, "x" * 5000, "a\0b", "loop/x", "file/x"])
def test_no_file_of_such_a_name_is_written(text: str) -> None:
    with pytest.raises(FileNotWritten), whole_file(Path(text), force=False):
        pass


@pytest.mark.parametrize("text", ["x" * 300, "a\0b"])
def test_what_is_no_file_may_be_a_name(text: str) -> None:
    assert may_be_a_name(text)


def test_labels_may_be_longer_than_a_file_s_name() -> None:
    labels = tuple(f"class {number}" for number in range(1000))
    assert labels_option(",".join(labels)) == (labels, None)


def test_a_model_may_have_a_name_as_long_as_can_be(tmp_path: Path) -> None:
    path = tmp_path / f"{'m' * 248}.tflite"
    path.write_bytes(b"\0\0\0\0TFL3")
    assert sidecars(open_model(path)).read is None
    assert sidecars(ModelFiles(path, ModelFormat.TFLITE, "0" * 64)).unread == ()
