"""What lies around a model: its `mlpredict.toml`, and other models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlpredict.inference.model_files import SIDECAR, ModelFiles

MODEL_SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite")


class Sidecars(NamedTuple):
    """The `mlpredict.toml` that counts for a model, if there is one, and those that are in vain."""

    read: Path | None
    unread: tuple[Path, ...]


def sidecars(files: ModelFiles) -> Sidecars:
    """The `mlpredict.toml` of a model, and those around it that are neither read nor another model's."""
    places = [path for path in files.sidecars if os.path.isfile(path)]
    # Looking through the folder is left to those that have none of their own: it may hold a million images.
    if places and places[0] != files.sidecars[-1]:
        return Sidecars(places[0], tuple(places[1:]))
    others = {path.stem for path in _models(files.path.parent) if path.name != files.path.name}
    read = places[0] if places and not others else None
    named = [path for path in entries(files.path.parent) if path.name.lower().endswith(SIDECAR)]
    unread = [path for path in named if path != read and path.name.removesuffix(f".{SIDECAR}") not in others]
    return Sidecars(read, tuple(unread))


def _models(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            for entry in found:
                path = folder / entry.name
                if path.suffix.lower() in MODEL_SUFFIXES or os.path.isfile(path / "saved_model.pb"):
                    yield path
    except OSError:
        # What cannot be looked into holds no other model that anybody could use.
        return


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where it cannot be looked into."""
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError:
        return []
