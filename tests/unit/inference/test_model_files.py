"""A model on disk: recognised by content, hashed by what is its own."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlpredict.errors import ModelError
from mlpredict.inference.model_files import ModelFormat, open_model
from tests.unit.images import png

HDF5 = b"\x89HDF\r\n\x1a\n" + b"weights"
FLATBUFFER = b"\x1c\0\0\0TFL3" + b"weights"


def saved_model(folder: Path, **files: bytes) -> Path:
    """A SavedModel folder; further files by their paths with `__` for `/`."""
    contents = {
        "saved_model.pb": b"graph",
        "variables/variables.index": b"index",
        "variables/variables.data-00000-of-00001": b"data",
        **{name.replace("__", "/"): content for name, content in files.items()},
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def archive(path: Path, entries: Mapping[str, bytes], year: int = 2026) -> Path:
    """A `.keras` file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return path


KERAS = {"config.json": b"{}", "metadata.json": b'{"date": 1}', "model.weights.h5": HDF5}


@pytest.mark.parametrize("name", ["model", "model.png", "model.keras"])
@pytest.mark.parametrize(
    ("content", "expected"), [(HDF5, ModelFormat.H5), (FLATBUFFER, ModelFormat.TFLITE)], ids=["h5", "tflite"]
)
def test_a_file_is_recognised_by_its_content(
    tmp_path: Path, name: str, content: bytes, expected: ModelFormat
) -> None:
    (tmp_path / name).write_bytes(content)
    assert open_model(tmp_path / name).format is expected


def test_an_archive_is_a_keras_file(tmp_path: Path) -> None:
    assert open_model(archive(tmp_path / "model.h5", KERAS)).format is ModelFormat.KERAS


def test_a_folder_with_a_graph_is_a_saved_model(tmp_path: Path) -> None:
    assert open_model(saved_model(tmp_path / "model.keras")).format is ModelFormat.SAVED_MODEL


def test_the_path_of_a_model_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved_model(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    assert open_model(Path("model")).path == tmp_path / "model"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "no such model", id="missing"),
        pytest.param({}, "no SavedModel", id="empty folder"),
        pytest.param({"keras_metadata.pb": b""}, "no SavedModel", id="folder without a graph"),
        pytest.param(png(), "not a model", id="PNG"),
        pytest.param(b"PK\x03\x04 and so on", "not a model", id="beginning of an archive"),
    ],
)
def test_what_is_no_model_is_refused_by_name_with_what_is_expected(
    tmp_path: Path, content: bytes | dict[str, bytes] | None, reason: str
) -> None:
    path = tmp_path / "thing"
    if isinstance(content, dict):
        path.mkdir()
        for name, part in content.items():
            (path / name).write_bytes(part)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=reason) as raised:
        open_model(path)
    assert raised.value.message.startswith(f"{path}: ")
    assert "SavedModel folder" in str(raised.value.hint)


def test_a_flatbuffer_larger_than_any_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tflite"
    path.write_bytes(FLATBUFFER)
    os.truncate(path, 200 << 30)
    with pytest.raises(ModelError, match=r"sparse\.tflite: larger than a \.tflite file can be"):
        open_model(path)


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.keras", {"config.json": b"{}", "model.weights.h5": bytes(4 << 20)})
    assert bomb.stat().st_size < 8192
    with pytest.raises(ModelError, match=r"bomb\.keras: unpacks to over 100 times its size"):
        open_model(bomb)


@pytest.mark.parametrize(
    ("offset", "damage"),
    [
        pytest.param(0, b"PK\x09\x09", id="entry"),
        pytest.param(41, b"\xff" * 16, id="compressed data"),
        pytest.param(-79, b"PK\x09\x09", id="directory"),
        pytest.param(-71, b"\x01", id="encrypted, it says"),
        pytest.param(-69, b"\x63", id="unheard-of compression"),
        pytest.param(-63, b"\0\0", id="checksum"),
    ],
)
def test_a_damaged_archive_is_refused(tmp_path: Path, offset: int, damage: bytes) -> None:
    path = archive(tmp_path / "model.keras", {"config.json": b"{}" + os.urandom(4096)})
    content = bytearray(path.read_bytes())
    offset %= len(content)
    content[offset : offset + len(damage)] = damage
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.keras: "):
        open_model(path)


def test_the_same_content_has_the_same_hash_wherever_and_whenever_it_is(tmp_path: Path) -> None:
    first, second = saved_model(tmp_path / "first"), saved_model(tmp_path / "else" / "second")
    for path in second.rglob("*"):
        os.utime(path, (0, 0))
    assert open_model(first).sha256 == open_model(second).sha256


@pytest.mark.parametrize(
    "name",
    ["assets.extra__mlpredict.toml", "fingerprint.pb", "MODEL_CARD.md", "train.py", "keras_metadata.pb"],
)
def test_what_goes_with_a_saved_model_does_not_change_its_hash(tmp_path: Path, name: str) -> None:
    bare = saved_model(tmp_path / "bare")
    accompanied = saved_model(tmp_path / "accompanied", **{name: b"anything"})
    assert open_model(bare).sha256 == open_model(accompanied).sha256


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("saved_model.pb", b"other graph"),
        ("variables__variables.index", b"other"),
        ("variables__variables.data-00000-of-00001", b"other"),
        ("assets__vocabulary.txt", b"new"),
        ("variables__more", b""),
    ],
)
def test_every_part_of_a_saved_model_changes_its_hash(tmp_path: Path, name: str, content: bytes) -> None:
    first = open_model(saved_model(tmp_path / "first"))
    second = open_model(saved_model(tmp_path / "second", **{name: content}))
    assert first.sha256 != second.sha256


def test_bytes_do_not_move_from_one_part_to_the_next_unnoticed(tmp_path: Path) -> None:
    first = saved_model(tmp_path / "first", assets__a=b"xy", assets__b=b"z")
    second = saved_model(tmp_path / "second", assets__a=b"x", assets__b=b"yz")
    assert open_model(first).sha256 != open_model(second).sha256


def test_saving_a_keras_file_again_does_not_change_its_hash(tmp_path: Path) -> None:
    first = archive(tmp_path / "first.keras", KERAS)
    again = dict(reversed({**KERAS, "metadata.json": b'{"date": 22}'}.items()))
    assert open_model(first).sha256 == open_model(archive(tmp_path / "again.keras", again, year=2020)).sha256


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "assets/vocabulary.txt"])
def test_every_part_of_a_keras_file_changes_its_hash(tmp_path: Path, name: str) -> None:
    first = archive(tmp_path / "first.keras", KERAS)
    second = archive(tmp_path / "second.keras", {**KERAS, name: b"other"})
    assert open_model(first).sha256 != open_model(second).sha256


@pytest.mark.parametrize("content", [HDF5, FLATBUFFER], ids=["h5", "tflite"])
def test_a_single_file_is_hashed_by_content_alone(tmp_path: Path, content: bytes) -> None:
    for name, own in (("a", content), ("b", content), ("c", content + b"!")):
        (tmp_path / name).write_bytes(own)
    hashes = [open_model(tmp_path / name).sha256 for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_companions_lie_in_the_folder_or_beside_the_file(tmp_path: Path) -> None:
    folder = open_model(saved_model(tmp_path / "model"))
    (tmp_path / "cats.v2.h5").write_bytes(HDF5)
    single = open_model(tmp_path / "cats.v2.h5")
    assert folder.sidecar == tmp_path / "model" / "assets.extra" / "mlpredict.toml"
    assert single.sidecar == tmp_path / "cats.v2.mlpredict.toml"
    assert single.companion("labels.txt") == tmp_path / "labels.txt"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into any folder")
def test_a_folder_that_nobody_may_look_into_hides_no_model(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    with pytest.raises(ModelError, match="no SavedModel"):
        open_model(tmp_path)
    closed.chmod(0o700)
