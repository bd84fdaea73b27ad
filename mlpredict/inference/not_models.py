"""What people take for a model and is none of ours: told from its first bytes and its name."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from mlpredict.inference.model_files import KERAS_WEIGHTS

HEAD_BYTES = 4096
PICKLE_BYTES = 1 << 20
SAVE = "save the whole model where it was trained: model.save('model.keras')"
WEIGHTS_ALONE = "build the model as its code does, load_weights(…) into it, and model.save('model.keras')"
ORIGINAL = "take the Keras, SavedModel or .tflite file that it was made of"


class NotAModel(NamedTuple):
    """What a file or folder is, in words that follow its name, and what to take instead."""

    what: str
    instead: str


LFS_POINTER = NotAModel(
    "a Git LFS pointer: the model itself was not downloaded",
    "git lfs pull fetches it; or download it by hand",
)
COMPRESSED = NotAModel("a compressed archive", "unpack it first")
WEB_PAGE = NotAModel(
    "a web page that was saved instead of a file", "on GitHub, “Download raw file” gives the file itself"
)
EMPTY = NotAModel("an empty file", "copy or download it again")
PYTORCH = NotAModel("a PyTorch file", "litert-torch makes a .tflite file of a PyTorch model")
SKLEARN = NotAModel("a pickled scikit-learn model", "only Keras models and .tflite files run here")
PICKLED_KERAS = NotAModel("a pickled Keras model", SAVE)
PICKLE = NotAModel("a Python pickle, which is a program and no model file", SAVE)
ONNX = NotAModel("an ONNX model", "onnx2tf makes a SavedModel and a .tflite file of it")
SAFETENSORS = NotAModel("safetensors: weights alone, without the layers they belong to", WEIGHTS_ALONE)
CORE_ML = NotAModel("a Core ML model", ORIGINAL)
OPENVINO = NotAModel("an OpenVINO model", ORIGINAL)
FROZEN_GRAPH = NotAModel(
    "a frozen graph of TensorFlow 1",
    "export the model as a SavedModel, or convert it to .tflite with TensorFlow 1",
)
TENSORFLOW_JS = NotAModel("a TensorFlow.js model", f"{ORIGINAL}, or tensorflowjs_converter to turn it back")
ARCHITECTURE = NotAModel("the layers of a Keras model without their weights", SAVE)
CHECKPOINT = NotAModel("a checkpoint: weights alone, without the layers they belong to", WEIGHTS_ALONE)
WEIGHTS = NotAModel("weights alone, without the layers they belong to", WEIGHTS_ALONE)
NO_WEIGHTS = NotAModel("a .keras file without its weights", SAVE)
OTHER_HDF5 = NotAModel("an HDF5 file with no Keras model in it", SAVE)
ARRAYS = NotAModel("arrays of numpy", SAVE)
EDGE_TPU = NotAModel(
    "compiled for the Edge TPU, and runs nowhere else",
    "take the .tflite file that it was compiled from, usually the one without _edgetpu in its name",
)
BY_SUFFIX = {
    **dict.fromkeys((".pt", ".pth", ".torchscript", ".ptl"), PYTORCH),
    **dict.fromkeys((".ckpt", ".index"), CHECKPOINT),
    ".onnx": ONNX,
    ".safetensors": SAFETENSORS,
    ".mlmodel": CORE_ML,
    ".mlpackage": CORE_ML,
    ".pb": FROZEN_GRAPH,
    ".pbtxt": FROZEN_GRAPH,
    **dict.fromkeys(
        (".caffemodel", ".prototxt"),
        NotAModel("a Caffe model", "only Keras models and .tflite files run here"),
    ),
    ".gguf": NotAModel("a GGUF file, a language model for llama.cpp", "a model of images is needed"),
    ".engine": NotAModel("a TensorRT engine", ORIGINAL),
    ".joblib": SKLEARN,
}
# A model's protocol buffers begin with the version of the format; who wrote it comes next.
ONNX_WRITERS = (b"pytorch", b"onnx", b"tf2onnx", b"keras2onnx", b"skl2onnx", b"paddle")
PICKLED = (
    (b"sklearn", SKLEARN),
    (b"torch", PYTORCH),
    (b"keras", PICKLED_KERAS),
    (b"tensorflow", PICKLED_KERAS),
)

COMPRESSED_HEADS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
"""gzip, bzip2, xz, 7z and RAR."""

TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
"""The number that torch.save began with until PyTorch 1.6, as pickle writes it."""


def file_that_is_none(path: Path) -> NotAModel | None:
    """What a file is that is neither HDF5, nor a flatbuffer, nor an archive with a Keras model."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return EMPTY
    if path.name == "saved_model.pb":
        return NotAModel("the graph of a SavedModel, which is a folder", f"take the folder: {path.parent}")
    found = _told_by_text(head) or _told_by_bytes(path, head)
    return found or BY_SUFFIX.get(path.suffix.lower()) or (CHECKPOINT if _is_shard(path.name) else None)


def what_else(path: Path) -> NotAModel | None:
    """What a path is that is no model; None where that is not known.

    Raises:
        OSError: it cannot be read.
    """
    if not path.exists():
        return checkpoint_of(path)
    if path.is_dir():
        return folder_that_is_none(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive_that_is_none(archive.namelist())
    return file_that_is_none(path)


def archive_that_is_none(names: Iterable[str]) -> NotAModel | None:
    """What a zip archive is that has these members, where it is no `.keras` file."""
    members = set(names)
    bare = {name.rpartition("/")[2] for name in members}
    if "config.json" in members:
        return None if members & KERAS_WEIGHTS else NO_WEIGHTS
    if "data.pkl" in bare:
        return PYTORCH
    if "model.weights.h5" in members:
        return WEIGHTS
    inside = sorted(
        name for name in members if name.endswith((".keras", ".h5", ".hdf5", ".tflite", "saved_model.pb"))
    )
    if inside:
        return NotAModel(f"a zip archive with {inside[0]} in it", "unpack it first")
    if "Manifest.json" in bare:
        return CORE_ML
    if members and all(name.endswith(".npy") for name in members):
        return ARRAYS
    return None


def folder_that_is_none(path: Path) -> NotAModel | None:
    """What a folder without `saved_model.pb` is."""
    names = {entry.name for entry in path.iterdir()}
    if (path.parent / "saved_model.pb").is_file() and path.name in ("variables", "assets", "assets.extra"):
        return NotAModel(
            f"the {path.name} folder of a SavedModel", f"take the folder around it: {path.parent}"
        )
    if path.suffix == ".mlpackage" or {"Manifest.json", "Data"} <= names:
        return CORE_ML
    if {"config.json", "model.weights.h5"} <= names:
        return NotAModel(
            "an unpacked .keras file", "pack what is in it, not the folder, as a zip archive again"
        )
    if inside := sorted(filter(_is_saved_model, path.iterdir())):
        return NotAModel("a folder around a SavedModel", f"take {' or '.join(map(str, inside[:3]))}")
    models = sorted(name for name in names if name.endswith((".keras", ".h5", ".hdf5", ".tflite")))
    models = [name for name in models if not name.endswith(".weights.h5")]
    if models:
        return NotAModel(f"a folder with {', '.join(models[:3])} in it", f"take {path / models[0]}")
    if "model.json" in names and (found := file_that_is_none(path / "model.json")):
        return found
    if "checkpoint" in names or any(name.endswith(".index") for name in names):
        return CHECKPOINT
    if any(name.endswith(".safetensors") for name in names):
        return SAFETENSORS
    if {name.rpartition(".")[0] for name in names if name.endswith(".xml")} & {
        name.rpartition(".")[0] for name in names if name.endswith(".bin")
    }:
        return OPENVINO
    return None


def _is_saved_model(folder: Path) -> bool:
    # What cannot be looked into is no model that anybody could take.
    return os.path.isfile(folder / "saved_model.pb")


def checkpoint_of(path: Path) -> NotAModel | None:
    """What a path is that does not exist, where it is the beginning of a checkpoint's files."""
    return CHECKPOINT if os.path.isfile(f"{path}.index") else None


def _told_by_text(head: bytes) -> NotAModel | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs.github.com/"):
        return LFS_POINTER
    if text.startswith((b"<!doctype html", b"<html")):
        return WEB_PAGE
    if b"<net " in text and text.startswith(b"<"):
        return OPENVINO
    if text.startswith(b"model_checkpoint_path:"):
        return CHECKPOINT
    if text.startswith(b"{"):
        if b'"modeltopology"' in text or b'"weightsmanifest"' in text or b'-model"' in text:
            return TENSORFLOW_JS
        if b'"class_name"' in text and b'"config"' in text:
            return ARCHITECTURE
    return None


def _told_by_bytes(path: Path, head: bytes) -> NotAModel | None:
    tests: tuple[tuple[Callable[[Path, bytes], bool], NotAModel], ...] = (
        (lambda _path, head: head.startswith(TORCH_MAGIC), PYTORCH),
        (_is_safetensors, SAFETENSORS),
        (_is_onnx, ONNX),
        (lambda _path, head: head.startswith(b"\x93NUMPY"), ARRAYS),
        (lambda _path, head: head.startswith(COMPRESSED_HEADS), COMPRESSED),
        (_is_graph, FROZEN_GRAPH),
    )
    for test, what in tests:
        if test(path, head):
            return what
    # A pickle of protocol 2 to 5.
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        with path.open("rb") as file:
            content = file.read(PICKLE_BYTES)
        return next((what for name, what in PICKLED if name in content), PICKLE)
    return None


def _is_safetensors(_path: Path, head: bytes) -> bool:
    """The length of a JSON object in 8 bytes, and the object."""
    return (
        len(head) > 9 and struct.unpack("<Q", head[:8])[0] < 100 << 20 and head[8:10] in (b'{"', b"{}", b"{ ")
    )


def _is_onnx(_path: Path, head: bytes) -> bool:
    return head[:1] == b"\x08" and any(name in head[:64].lower() for name in ONNX_WRITERS)


def _is_graph(_path: Path, head: bytes) -> bool:
    """A GraphDef: its first field is a node, whose fields 1 and 2 are its name and its operation."""
    start = head.find(b"\x0a", 1, 6)
    if head[:1] != b"\x0a" or start < 0 or start + 1 >= len(head):
        return False
    end = start + 2 + head[start + 1]
    return head[end : end + 1] == b"\x12" and head[end + 2 : end + 3].isalpha()


def _is_shard(name: str) -> bool:
    return ".data-0" in name or name == "checkpoint"
