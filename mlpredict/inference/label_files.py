"""The files around a model that have the names of its classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpredict.inference.labels import LabelFile, NoLabels, read_label_file
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.inference.neighbours import entries

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
                (1, path) for path in entries(files.path / inside) if GENERAL.fullmatch(path.name.lower())
            )
        folders.insert(0, files.path)
    for folder in folders:
        for path in entries(folder):
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
