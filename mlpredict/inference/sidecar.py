"""`mlpredict.toml`: what a model's author says of its labels, its output and its preprocessing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from mlpredict.domain import Activation, Preprocessing, Task
from mlpredict.errors import ModelError
from mlpredict.inference.model_files import SIDECAR, ModelFiles
from mlpredict.inference.neighbours import sidecars
from mlpredict.inference.preprocessing_entries import KEYS, preprocessing_of, stated_fields
from mlpredict.inference.toml_entries import Misstated, Table, choice, factor, flag, share, text
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

OF_OUTPUT = ("task", "activation", "output", "score_threshold", "unknown_below", "unit", "factor", "keep_map")
"""The entries that say what the output means."""

KNOWN_KEYS = KEYS | {"name", "labels", *OF_OUTPUT}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The content of a `mlpredict.toml`; None is what it does not say."""

    name: str | None = None
    labels: tuple[str, ...] | None = None
    task: Task | None = None
    activation: Activation | None = None
    output: str | None = None
    score_threshold: float | None = None
    unknown_below: float | None = None
    unit: str | None = None
    factor: float | None = None
    keep_map: bool | None = None
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    stated: frozenset[str] = field(default=frozenset(), compare=False)
    """The fields of `preprocessing` that it says something of."""
    path: Path | None = field(default=None, compare=False)
    """Where it lies; None where there is none."""


def read_sidecar(files: ModelFiles) -> Sidecar:
    """Read the model's `mlpredict.toml`; one beside it that is not read, by its name, is told of.

    Raises:
        ModelError: it is there and cannot be understood.
    """
    found = sidecars(files)
    for other in found.unread:
        logger.warning(f"warning: {other} is not read: {_why_unread(files, found.read)}")
    if found.read is None:
        return Sidecar()
    path = found.read
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"{path}: {error}") from error
    try:
        return _parse(table, path)
    except Misstated as error:
        raise ModelError(f"{path}: {error}") from error


def _why_unread(files: ModelFiles, read: Path | None) -> str:
    if read is not None:
        return f"{read} is"
    own = files.path.with_name(f"{files.path.stem}.{SIDECAR}")
    return f"that of {files.path.name} is called {own.name}"


def _parse(table: Table, path: Path) -> Sidecar:
    if unknown := sorted(table.keys() - KNOWN_KEYS):
        raise Misstated(f"unknown entry {unknown[0]}; known are {', '.join(sorted(KNOWN_KEYS))}")
    return Sidecar(
        name=text(table, "name"),
        labels=_labels(table.get("labels"), path.parent),
        task=choice(table, "task", Task),
        activation=choice(table, "activation", Activation),
        output=text(table, "output"),
        score_threshold=share(table, "score_threshold"),
        unknown_below=share(table, "unknown_below"),
        unit=_unit(text(table, "unit")),
        factor=factor(table, "factor"),
        keep_map=flag(table, "keep_map"),
        preprocessing=preprocessing_of(table),
        stated=stated_fields(table),
        path=path,
    )


def _unit(unit: str | None) -> str | None:
    if unit is None or (unit.strip() and unit.isprintable()):
        return unit
    raise Misstated(f'unit = {unit!r}: expected what the number counts, such as "years"')


def _labels(value: object, folder: Path) -> tuple[str, ...] | None:
    match value:
        case None:
            return None
        case str() if Path(value).is_absolute() or ".." in Path(value).parts:
            raise Misstated(f"labels = {value!r}: expected the name of a file beside the model")
        case str():
            return _labels_file(folder / value)
        case list() if value and all(type(label) in (str, int) for label in value):
            return tuple(str(label) for label in value)
        case _:
            raise Misstated("labels must be a list of texts, or the name of a file with one a line")


def _labels_file(path: Path) -> tuple[str, ...]:
    from mlpredict.inference.labels import NoLabels, read_label_file

    try:
        return read_label_file(path).labels
    except NoLabels as error:
        raise Misstated(f"labels: {path} {error}") from error
