"""What lies beside a model: labels, its `mlpredict.toml`, other models."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.inference.label_files import chosen_labels, label_files
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.inference.neighbours import sidecars
from mlpredict.inference.sidecar import read_sidecar
from tests.notices import heard

CAT_DOG = "cat\ndog\n"


def keras(folder: Path, name: str = "pets.keras") -> ModelFiles:
    (folder / name).write_bytes(b"")
    return ModelFiles(folder / name, ModelFormat.KERAS, "0" * 64)


def saved_model(folder: Path, name: str = "pets") -> ModelFiles:
    (folder / name).mkdir()
    (folder / name / "saved_model.pb").write_bytes(b"")
    return ModelFiles(folder / name, ModelFormat.SAVED_MODEL, "0" * 64)


def taken(files: ModelFiles, classes: int = 2) -> list[str]:
    folder = files.path.parent
    return [str(one.path.relative_to(folder)) for one in chosen_labels(label_files(files), classes)]


GENERAL = ("labels.txt", "classes.txt", "class_names.txt", "Labels.TXT", "label.txt", "labelmap.txt")
OWN = ("pets.txt", "pets_labels.txt", "pets.labels.txt", "pets-classes.txt", "pets_class_names.txt")


@pytest.mark.parametrize("name", [*GENERAL, *OWN])
def test_labels_beside_a_model_are_found(tmp_path: Path, name: str) -> None:
    files = keras(tmp_path)
    (tmp_path / name).write_text(CAT_DOG)
    assert taken(files) == [name]
    assert taken(files, classes=3) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("class_indices.json", '{"cat": 0, "dog": 1}'),
        ("class_names.json", '["cat", "dog"]'),
        ("labels_map.json", '{"0": "cat", "1": "dog"}'),
        ("labels.csv", CAT_DOG),
        ("label_map.pbtxt", "item { id: 1 name: 'cat' } item { id: 2 name: 'dog' }"),
    ],
)
def test_labels_may_have_any_form(tmp_path: Path, name: str, content: str) -> None:
    files = keras(tmp_path)
    (tmp_path / name).write_text(content)
    assert taken(files) == [name]


@pytest.mark.parametrize(
    "name", ["requirements.txt", "names.txt", "readme.txt", "birds_labels.txt", "birds.txt", "pets.json"]
)
def test_other_texts_are_none(tmp_path: Path, name: str) -> None:
    files = keras(tmp_path)
    (tmp_path / name).write_text(CAT_DOG)
    assert taken(files) == []


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        ("mobilenet_v2_1.0_224_inat_bird_quant.tflite", "inat_bird_labels.txt"),
        ("tm_waste_keras240.h5", "tm_waste_labels.txt"),
        ("my_model.h5", "model_labels.txt"),
    ],
)
def test_labels_named_after_a_part_of_the_model_s_name_are_its_own(
    tmp_path: Path, model: str, labels: str
) -> None:
    files = keras(tmp_path, model)
    (tmp_path / labels).write_text(CAT_DOG)
    assert taken(files) == [labels]


@pytest.mark.parametrize("place", ["pets/assets.extra", "pets/assets", "pets", "."])
def test_labels_of_a_saved_model_are_inside_or_beside(tmp_path: Path, place: str) -> None:
    files = saved_model(tmp_path)
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "labels.txt").write_text(CAT_DOG)
    assert taken(files) == [str(Path(place, "labels.txt"))]


def test_two_that_agree_are_as_good_as_one(tmp_path: Path) -> None:
    files = keras(tmp_path)
    (tmp_path / "classes.txt").write_text(CAT_DOG)
    (tmp_path / "labels.txt").write_text("0 cat\n1 dog\n")
    assert taken(files) == ["classes.txt"]


def test_two_that_disagree_are_both_told(tmp_path: Path) -> None:
    files = keras(tmp_path)
    (tmp_path / "classes.txt").write_text(CAT_DOG)
    (tmp_path / "labels.txt").write_text("dog\ncat\n")
    assert taken(files) == ["classes.txt", "labels.txt"]


def test_the_one_that_fits_is_taken(tmp_path: Path) -> None:
    files = keras(tmp_path)
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\n")
    (tmp_path / "labels.txt").write_text(CAT_DOG)
    assert taken(files) == ["labels.txt"]
    assert taken(files, classes=3) == ["classes.txt"]


def test_the_one_named_after_the_model_comes_first(tmp_path: Path) -> None:
    files = keras(tmp_path)
    (tmp_path / "labels.txt").write_text("dog\ncat\n")
    (tmp_path / "pets_labels.txt").write_text(CAT_DOG)
    assert taken(files) == ["pets_labels.txt"]


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    files = keras(tmp_path)
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "classes.txt").mkdir()
    assert taken(files) == []


@pytest.mark.parametrize("place", ["pets.mlpredict.toml", "mlpredict.toml"])
def test_a_sidecar_in_the_model_s_own_folder_is_read(tmp_path: Path, place: str) -> None:
    files = keras(tmp_path)
    (tmp_path / "labels.txt").write_text(CAT_DOG)
    (tmp_path / place).write_text('labels = "labels.txt"')
    with heard() as said:
        assert read_sidecar(files).labels == ("cat", "dog")
    assert said == []


@pytest.mark.parametrize("place", ["pets/assets.extra", "pets", "."])
def test_a_saved_model_s_sidecar_is_inside_or_beside(tmp_path: Path, place: str) -> None:
    files = saved_model(tmp_path)
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "mlpredict.toml").write_text('name = "inside"')
    assert read_sidecar(files).name == "inside"


@pytest.mark.parametrize("other", ["dogs.h5", "dogs.hdf5", "dogs.tflite", "dogs"])
def test_a_sidecar_beside_two_models_is_neither_s(tmp_path: Path, other: str) -> None:
    files = keras(tmp_path)
    if other == "dogs":
        saved_model(tmp_path, other)
    else:
        keras(tmp_path, other)
    (tmp_path / "mlpredict.toml").write_text('name = "whose"')
    with heard() as said:
        assert read_sidecar(files).name is None
    assert said == [
        f"warning: {tmp_path}/mlpredict.toml is not read: that of pets.keras is called pets.mlpredict.toml"
    ]


@pytest.mark.parametrize("name", ["other.mlpredict.toml", "pets.keras.mlpredict.toml", "MLpredict.toml"])
def test_a_sidecar_that_is_called_wrongly_is_told_of(tmp_path: Path, name: str) -> None:
    files = keras(tmp_path)
    (tmp_path / name).write_text('name = "whose"')
    assert [path.name for path in sidecars(files).unread] == [name]


def test_another_model_s_sidecar_is_not_told_of(tmp_path: Path) -> None:
    files = keras(tmp_path)
    keras(tmp_path, "dogs.keras")
    (tmp_path / "dogs.mlpredict.toml").write_text("")
    assert sidecars(files).unread == ()


def test_a_sidecar_in_vain_is_told_of(tmp_path: Path) -> None:
    files = keras(tmp_path)
    (tmp_path / "pets.mlpredict.toml").write_text('name = "mine"')
    (tmp_path / "mlpredict.toml").write_text('name = "vain"')
    with heard() as said:
        assert read_sidecar(files).name == "mine"
    assert said == [f"warning: {tmp_path}/mlpredict.toml is not read: {tmp_path}/pets.mlpredict.toml is"]


def test_a_folder_that_cannot_be_looked_into_has_nothing(tmp_path: Path) -> None:
    files = ModelFiles(tmp_path / "gone" / "pets.keras", ModelFormat.KERAS, "0" * 64)
    assert (label_files(files), sidecars(files).read, sidecars(files).unread) == ([], None, ())
