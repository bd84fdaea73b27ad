"""The files around a model: names of its classes, its `mlpredict.toml`, and other models."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpredict.inference.labels import LabelFile, NoLabels, read_label_file
from mlpredict.inference.model_files import SIDECAR, ModelFiles, ModelFormat

MODEL_SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite")

LABEL_WORDS = (
    r"(?:class_?)?(?:labels?|names?)|classes|class_(?:indices|indexes|index|list|map)|labels?_?map|categories"
)
LABEL_SUFFIXES = r"\.(?:txt|json|csv|pbtxt|names)"
GENERAL = re.compile(rf"(?!names?\.)(?:{LABEL_WORDS}){LABEL_SUFFIXES}")
"""`labels.txt`, `classes.txt`, `class_names.json`, `class_indices.json`, `label_map.pbtxt` and their like."""

NAMED = re.compile(rf"(?P<model>.+?)[-_. ](?:{LABEL_WORDS}){LABEL_SUFFIXES}")
"""`pets_labels.txt`, `pets.labels.txt` or `pets-class_names.json`, beside the model `pets`."""

WORDS = re.compile(r"[-_. ]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may have the labels of a model; the lower its rank, the more its name says so."""

    rank: int
    file: LabelFile


def label_files(files: ModelFiles) -> list[Candidate]:
    """The files around a model that hold labels, whatever their number; what cannot be read is none."""
    found = []
    for rank, path in sorted(_label_paths(files)):
        try:
            found.append(Candidate(rank, read_label_file(path)))
        except NoLabels:
            # Many a text is called like labels and is none.
            continue
    return found


def chosen_labels(candidates: Sequence[Candidate], classes: int) -> list[LabelFile]:
    """The file whose labels are as many as a model has classes, the one that is named most like it first.

    Several where they disagree, and nothing tells which of them is right.
    """
    fitting = [one for one in candidates if len(one.file.labels) == classes]
    best = [one.file for one in fitting if one.rank == fitting[0].rank]
    return best[:1] if len({one.labels for one in best}) == 1 else best


def _label_paths(files: ModelFiles) -> Iterator[tuple[int, Path]]:
    stem = files.path.stem.lower()
    folders = [files.path.parent]
    if files.format is ModelFormat.SAVED_MODEL:
        for inside in ("assets.extra", "assets"):
            yield from (
                (1, path) for path in _entries(files.path / inside) if GENERAL.fullmatch(path.name.lower())
            )
        folders.insert(0, files.path)
    for folder in folders:
        for path in _entries(folder):
            if (rank := _rank(path.name.lower(), stem)) is not None:
                yield rank, path


def _rank(name: str, stem: str) -> int | None:
    if name == f"{stem}.txt":
        return 0
    if GENERAL.fullmatch(name):
        return 3
    match = NAMED.fullmatch(name)
    if match is None:
        return None
    named, words = WORDS.split(match["model"]), WORDS.split(stem)
    if match["model"] == stem:
        return 0
    starts = range(len(words) - len(named) + 1)
    return 2 if any(words[start : start + len(named)] == named for start in starts) else None


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The `mlpredict.toml` that counts for a model, if there is one, and those that are in vain."""

    read: Path | None
    unread: tuple[Path, ...]


def sidecars(files: ModelFiles) -> Sidecars:
    """The `mlpredict.toml` of a model, and those around it that are neither read nor another model's."""
    places = [path for path in files.sidecars if path.is_file()]
    # Looking through the folder is left to those that have none of their own: it may hold a million images.
    if places and places[0] != files.sidecars[-1]:
        return Sidecars(places[0], tuple(places[1:]))
    others = {path.stem for path in _models(files.path.parent) if path.name != files.path.name}
    read = places[0] if places and not others else None
    named = [path for path in _entries(files.path.parent) if path.name.lower().endswith(SIDECAR)]
    unread = [path for path in named if path != read and path.name.removesuffix(f".{SIDECAR}") not in others]
    return Sidecars(read, tuple(unread))


def _models(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name
                if path.suffix.lower() in MODEL_SUFFIXES or (entry.is_dir() and _is_saved_model(path)):
                    yield path
    except OSError:
        # What cannot be looked into holds no other model that anybody could use.
        return


def _is_saved_model(folder: Path) -> bool:
    return (folder / "saved_model.pb").is_file()


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where it cannot be looked into."""
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError:
        return []
