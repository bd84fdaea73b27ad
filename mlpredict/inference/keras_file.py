"""What a `.keras` or `.h5` file says of itself, read without Keras: its configuration and who wrote it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from mlpredict.errors import ModelError
from mlpredict.inference.model_files import damaged_archive

MAX_CONFIG_BYTES = 64 << 20

UNREADABLE: tuple[type[Exception], ...] = (
    OSError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,
    *damaged_archive(),
)
"""What reading the description of a damaged file, or of one that was made to cause trouble, raises."""


def configs(path: Path) -> list[Any]:
    """The configurations in a file, as JSON has them; none where it cannot be read.

    Whatever the file is called and looks like at first: it may be an archive and HDF5 at once.

    Raises:
        ModelError: its description is too large to be one.
    """
    found = [_zipped(path, "config.json"), _in_h5(path, "model_config")]
    return [config for config in found if config is not None]


def written_by(path: Path) -> str | None:
    """The version of the Keras that saved a file, as `2.4.0` or `2.2.4-tf`; None where it is not told."""
    metadata = _zipped(path, "metadata.json")
    version = metadata.get("keras_version") if isinstance(metadata, Mapping) else _version_in_h5(path)
    return version if isinstance(version, str) else None


def major_version(version: str | None) -> int | None:
    """The 2 of `2.4.0`."""
    number = (version or "").partition(".")[0]
    return int(number) if number.isdecimal() else None


def objects_in(config: object) -> Iterator[Mapping[str, Any]]:
    """Everything in a configuration that stands for an object, at any depth.

    What a model was compiled with is left out: it is not loaded.
    """
    if isinstance(config, Mapping) and "class_name" in config:
        config = {key: value for key, value in config.items() if key != "compile_config"}
    pending = [config]
    while pending:
        match pending.pop():
            case Mapping() as described:
                pending.extend(described.values())
                if isinstance(described.get("class_name"), str):
                    yield described
            case list() as several:
                pending.extend(several)


def kind_of(described: Mapping[str, Any]) -> str:
    """The class of an object in a configuration: registered names have a package in front."""
    return str(described["class_name"]).rpartition(">")[2]


def _zipped(path: Path, name: str) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(name).file_size > MAX_CONFIG_BYTES:
                raise ModelError(f"{path}: its {name} is larger than any model's")
            return json.loads(archive.read(name))
    except UNREADABLE:
        return None


def _in_h5(path: Path, name: str) -> Any:
    text = _attribute(path, name)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _version_in_h5(path: Path) -> str | None:
    return _attribute(path, "keras_version")


def _attribute(path: Path, name: str) -> str | None:
    import h5py

    if not h5py.is_hdf5(path):
        return None
    try:
        with h5py.File(path) as file:
            # Some versions wrote it beside the weights alone.
            for group in (file, file.get("model_weights")):
                if isinstance(group, h5py.Group) and name in group.attrs:
                    value = group.attrs[name]
                    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
    except UNREADABLE:
        pass
    return None


def links_out_of(file: IO[bytes] | Path) -> str | None:
    """Another file that an HDF5 file would read, by a link or as a dataset's storage; None for none."""
    import h5py

    try:
        with h5py.File(file) as opened:
            return _link_out_of(opened)
    except UNREADABLE:
        return None


def _link_out_of(group: Any) -> str | None:
    import h5py

    pending, seen = [group], set()
    while pending:
        current = pending.pop()
        for name in current:
            link = current.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                return str(link.filename)
            if not isinstance(link, h5py.HardLink):
                continue
            member = current[name]
            if isinstance(member, h5py.Dataset):
                if member.external:
                    return str(member.external[0][0])
                if member.is_virtual:
                    return str(
                        next((source.file_name for source in member.virtual_sources()), "another file")
                    )
            elif isinstance(member, h5py.Group) and member.id not in seen:
                seen.add(member.id)
                pending.append(member)
    return None
