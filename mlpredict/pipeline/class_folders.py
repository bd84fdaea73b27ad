"""A folder with one folder a class: images whose labels are known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mlpredict.domain import Source
from mlpredict.domain.labels import plain
from mlpredict.errors import UsageError, describe_os_error
from mlpredict.inputs.limits import USUAL_LIMITS, Limits
from mlpredict.inputs.sources import discover

SHOWN = 5


class Labelled(NamedTuple):
    """Images with their true labels, and what was assumed of the folders' names."""

    images: tuple[tuple[str, str], ...]
    """A file and its label, folder by folder."""
    assumed: str | None = None
    """How folders became labels, where their names do not say; None where they do."""
    in_order: tuple[str, ...] | None = None
    """The folders' names in the order of the classes, where no name is a label."""


def labelled_images(folder: str, labels: Sequence[str], most: int, limits: Limits = USUAL_LIMITS) -> Labelled:
    """The images below a folder, each labelled with the folder that it is in.

    Folders are labels by their names; capitals, `_`, `-` and spaces make no difference. Where the
    labels are only numbers, and there are as many folders, they are the classes in their sorted order. Of
    more images than `most` an even part is taken from each folder.

    Raises:
        UsageError: it cannot be read, has no folders, or one that is no label.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != ".")
    except OSError as error:
        raise UsageError(f"{folder}: {describe_os_error(error)}") from error
    if len(names) < 2:
        raise UsageError(
            f"{folder}: there is no folder a class in it",
            hint="expected one folder a class, named as its label",
        )
    by_name, assumed = _matched(folder, names, labels)
    found = {name: _images(Path(folder, name), limits) for name in names}
    each = max(1, most // len(names))
    chosen = [(path, by_name[name]) for name in names for path in _evenly(found[name], each)]
    if not chosen:
        raise UsageError(f"{folder}: there are no images in its folders")
    return Labelled(tuple(chosen), assumed, tuple(names) if assumed else None)


def _matched(folder: str, names: Sequence[str], labels: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """The label of each folder, and what was assumed."""
    known = {plain(label): label for label in labels}
    by_name = {name: known[plain(name)] for name in names if plain(name) in known}
    if len(by_name) == len(names):
        return by_name, None
    are_numbers = all(label.isdecimal() for label in labels)
    if not by_name and len(names) == len(labels) and are_numbers:
        ordered = dict(zip(names, labels, strict=True))
        pairs = [f"{name} is {label}" for name, label in ordered.items()]
        more = ", …" if len(pairs) > SHOWN else ""
        return (
            ordered,
            f"no folder is called as a label, so they are taken in order: {', '.join(pairs[:SHOWN])}{more}",
        )
    strange = [name for name in names if name not in by_name]
    raise UsageError(
        f"{folder}: {', '.join(strange[:SHOWN])} {'is no label' if len(strange) == 1 else 'are no labels'}"
        f" of this model, which has {', '.join(labels[:SHOWN])}{', …' if len(labels) > SHOWN else ''}",
        hint="name the folders as the labels, or the labels with --labels",
    )


def _images(folder: Path, limits: Limits) -> list[str]:
    return [found.filename for found in discover([str(folder)], limits) if isinstance(found, Source)]


def _evenly(paths: Sequence[str], most: int) -> list[str]:
    if len(paths) <= most:
        return list(paths)
    return [paths[number * len(paths) // most] for number in range(most)]
