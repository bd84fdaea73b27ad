"""`mlpredict.toml`: what a model's author says of its labels, its output and its preprocessing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from mlpredict.domain import Activation, Preprocessing, Task
from mlpredict.errors import ModelError
from mlpredict.inference.model_files import ModelFiles
from mlpredict.inference.preprocessing_entries import KEYS, preprocessing_of
from mlpredict.inference.toml_entries import Misstated, Table, choice, text

KNOWN_KEYS = KEYS | {"name", "labels", "task", "activation", "output"}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The content of a `mlpredict.toml`; None is what it does not say."""

    name: str | None = None
    labels: tuple[str, ...] | None = None
    task: Task | None = None
    activation: Activation | None = None
    output: str | None = None
    preprocessing: Preprocessing = field(default_factory=Preprocessing)


def read_sidecar(files: ModelFiles) -> Sidecar:
    """Read the model's `mlpredict.toml`; without one the 2020 program's rules hold.

    Raises:
        ModelError: it is there and cannot be understood.
    """
    path = files.sidecar
    if not path.is_file():
        return Sidecar()
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"{path}: {error}") from error
    try:
        return _parse(table, files)
    except Misstated as error:
        raise ModelError(f"{path}: {error}") from error


def _parse(table: Table, files: ModelFiles) -> Sidecar:
    if unknown := sorted(table.keys() - KNOWN_KEYS):
        raise Misstated(f"unknown entry {unknown[0]}; known are {', '.join(sorted(KNOWN_KEYS))}")
    return Sidecar(
        name=text(table, "name"),
        labels=_labels(table.get("labels"), files),
        task=choice(table, "task", Task),
        activation=choice(table, "activation", Activation),
        output=text(table, "output"),
        preprocessing=preprocessing_of(table),
    )


def _labels(value: object, files: ModelFiles) -> tuple[str, ...] | None:
    match value:
        case None:
            return None
        case str() if Path(value).is_absolute() or ".." in Path(value).parts:
            raise Misstated(f"labels = {value!r}: expected the name of a file beside the model")
        case str():
            return _labels_file(files.companion(value))
        case list() if value and all(type(label) in (str, int) for label in value):
            return tuple(str(label) for label in value)
        case _:
            raise Misstated("labels must be a list of texts, or the name of a file with one a line")


def _labels_file(path: Path) -> tuple[str, ...]:
    if path.exists() and not path.is_file():
        raise Misstated(f"labels: {path} is no regular file")
    try:
        content = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise Misstated(f"labels: {error}") from error
    labels = tuple(line.strip() for line in content.rstrip().splitlines())
    if not labels:
        raise Misstated(f"labels: {path} is empty")
    return labels
