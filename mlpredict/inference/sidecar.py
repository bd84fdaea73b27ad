"""`mlpredict.toml`: what a model's author says of its labels, its output and its preprocessing."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from mlpredict.domain import Activation, Fit, Preprocessing, Resize, Scaling, Task
from mlpredict.errors import ModelError
from mlpredict.inference.model_files import ModelFiles

NAMED_SCALES = {
    "0..1": Scaling(255.0),
    "-1..1": Scaling(127.5, mean=(1.0,)),
    "0..255": Scaling(1.0),
}
KNOWN_KEYS = frozenset(
    {"name", "labels", "task", "activation", "output", "scale", "resize", "fit", "background"}
)
Choice = TypeVar("Choice", bound=StrEnum)


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
    except _Misstated as error:
        raise ModelError(f"{path}: {error}") from error


class _Misstated(Exception):
    """What is wrong with an entry."""


def _parse(table: dict[str, Any], files: ModelFiles) -> Sidecar:
    if unknown := sorted(table.keys() - KNOWN_KEYS):
        raise _Misstated(f"unknown entry {unknown[0]}; known are {', '.join(sorted(KNOWN_KEYS))}")
    return Sidecar(
        name=_text(table, "name"),
        labels=_labels(table.get("labels"), files),
        task=_choice(table, "task", Task),
        activation=_choice(table, "activation", Activation),
        output=_text(table, "output"),
        preprocessing=Preprocessing(
            scaling=_scaling(table.get("scale")),
            resize=_choice(table, "resize", Resize) or Resize.BICUBIC,
            fit=_choice(table, "fit", Fit) or Fit.STRETCH,
            background=_colour(_text(table, "background")),
        ),
    )


def _text(table: dict[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise _Misstated(f"{key} must be text in quotes")
    return value


def _choice(table: dict[str, Any], key: str, kind: type[Choice]) -> Choice | None:
    value = _text(table, key)
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        raise _Misstated(f"{key} = {value!r}: expected one of {', '.join(kind)}") from None


def _labels(value: object, files: ModelFiles) -> tuple[str, ...] | None:
    match value:
        case None:
            return None
        case str() if Path(value).is_absolute() or ".." in Path(value).parts:
            raise _Misstated(f"labels = {value!r}: expected the name of a file beside the model")
        case str():
            return _labels_file(files.companion(value))
        case list() if value and all(type(label) in (str, int) for label in value):
            return tuple(str(label) for label in value)
        case _:
            raise _Misstated("labels must be a list of texts, or the name of a file with one a line")


def _labels_file(path: Path) -> tuple[str, ...]:
    if path.exists() and not path.is_file():
        raise _Misstated(f"labels: {path} is no regular file")
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise _Misstated(f"labels: {error}") from error
    labels = tuple(line.strip() for line in text.rstrip().splitlines())
    if not labels:
        raise _Misstated(f"labels: {path} is empty")
    return labels


def _scaling(value: object) -> Scaling | None:
    match value:
        case None:
            return None
        case str() if value in NAMED_SCALES:
            return NAMED_SCALES[value]
        case {"mean": [*mean], "std": [*std], **rest} if (
            not rest and _numbers(mean) and _numbers(std) and len(mean) == len(std)
        ):
            if 0 in std:
                raise _Misstated("scale: std must not be 0")
            return Scaling(255.0, tuple(map(float, mean)), tuple(map(float, std)))
        case _:
            raise _Misstated(
                f"scale: expected one of {', '.join(NAMED_SCALES)} or {{ mean = […], std = […] }}"
            )


def _numbers(values: list[Any]) -> bool:
    return bool(values) and all(type(value) in (int, float) and math.isfinite(value) for value in values)


def _colour(name: str | None) -> str | None:
    if name is None:
        return None
    from PIL import ImageColor

    try:
        ImageColor.getrgb(name)
    except ValueError:
        raise _Misstated(f"background = {name!r}: expected a colour such as white or #ffeedd") from None
    return name
