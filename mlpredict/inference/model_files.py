"""A model on disk: its format, its own files, their hash and the sidecar beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mlpredict.errors import ModelError

BLOCK_BYTES = 1 << 20
MAX_INFLATION = 100
# Its offsets have 31 bits.
MAX_FLATBUFFER_BYTES = 1 << 31
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
SIDECAR = "mlpredict.toml"
EXPECTED = "expected a SavedModel folder, or a .keras, .h5 or .tflite file"
KERAS_WEIGHTS = frozenset({"model.weights.h5", "model.weights.npz", "model.weights.json"})
"""One of these is in every `.keras` file."""

KERAS_ARCHIVE_STAMPS = frozenset({"metadata.json"})
"""Written anew by every save, and saying nothing that the weights and the configuration do not."""


class ModelFormat(StrEnum):
    """The formats that are read."""

    SAVED_MODEL = "saved_model"
    KERAS = "keras"
    H5 = "h5"
    TFLITE = "tflite"


class ModelFiles(NamedTuple):
    """A model as it lies on disk; `sha256` is over the model's own files, in hexadecimal."""

    path: Path
    format: ModelFormat
    sha256: str

    @property
    def sidecar(self) -> Path:
        """Where the model's own `mlpredict.toml` is, if it has one."""
        return self.companion(SIDECAR)

    @property
    def sidecars(self) -> tuple[Path, ...]:
        """Where its `mlpredict.toml` may be, the first of which counts.

        The last is in the folder that it lies in, and is its own only where no other model does.
        """
        beside = self.path.with_name(f"{self.path.stem}.{SIDECAR}")
        inside = (self.path / SIDECAR,) if self.format is ModelFormat.SAVED_MODEL else ()
        return tuple(dict.fromkeys((self.sidecar, *inside, beside, self.path.parent / SIDECAR)))

    def companion(self, name: str) -> Path:
        """A file that goes with the model: in `assets.extra/`, or beside a single file."""
        if self.format is ModelFormat.SAVED_MODEL:
            return self.path / "assets.extra" / name
        if name == SIDECAR:
            return self.path.with_name(f"{self.path.stem}.{SIDECAR}")
        return self.path.parent / name


def open_model(path: Path) -> ModelFiles:
    """Recognise the model at `path` and hash it.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    try:
        model_format = _recognise(path)
        return ModelFiles(path.absolute(), model_format, _sha256(path, model_format))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    except damaged_archive() as error:
        raise ModelError(f"{path}: damaged: {error}") from error


def _recognise(path: Path) -> ModelFormat:
    if path.exists() and not path.is_dir() and not path.is_file():
        raise ModelError(f"{path}: not a regular file", hint=EXPECTED)
    if (recognised := _format_of(path)) is not None:
        return recognised
    # A model needs none of this.
    from mlpredict.inference.not_models import what_else

    if (known := what_else(path)) is not None:
        raise ModelError(f"{path}: {known.what}", hint=known.instead)
    if path.is_dir():
        raise ModelError(f"{path}: a folder without saved_model.pb is no SavedModel", hint=EXPECTED)
    raise ModelError(f"{path}: {'not a model' if path.exists() else 'no such model'}", hint=EXPECTED)


def _format_of(path: Path) -> ModelFormat | None:
    if (path / "saved_model.pb").is_file():
        return ModelFormat.SAVED_MODEL
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:8] == b"TFL3":
        if path.stat().st_size > MAX_FLATBUFFER_BYTES:
            raise ModelError(f"{path}: larger than a .tflite file can be")
        return ModelFormat.TFLITE
    if head == HDF5_SIGNATURE:
        return ModelFormat.H5
    return ModelFormat.KERAS if _is_keras_archive(path) else None


def damaged_archive() -> tuple[type[Exception], ...]:
    """What zipfile raises on damage; RuntimeError stands for encrypted and oddly compressed members."""
    import zipfile
    import zlib

    return zipfile.BadZipFile, zlib.error, EOFError, RuntimeError


def _is_keras_archive(path: Path) -> bool:
    """Whether it is a zip archive, and none that is known to be something else."""
    import zipfile

    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        members = set(archive.namelist())
    if "config.json" in members and members & KERAS_WEIGHTS:
        return True
    from mlpredict.inference.not_models import archive_that_is_none

    return archive_that_is_none(members) is None


def _sha256(path: Path, model_format: ModelFormat) -> str:
    digest = hashlib.sha256()
    for name, size, blocks in _parts(path, model_format):
        digest.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
        for block in blocks:
            digest.update(block)
    return digest.hexdigest()


def _parts(path: Path, model_format: ModelFormat) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    if model_format is ModelFormat.SAVED_MODEL:
        yield from _saved_model_parts(path)
    elif model_format is ModelFormat.KERAS:
        yield from _keras_archive_parts(path)
    else:
        yield "model", path.stat().st_size, _blocks(path)


def own_files(files: ModelFiles) -> list[Path]:
    """The files that are the model itself, in a fixed order."""
    return _of_saved_model(files.path) if files.format is ModelFormat.SAVED_MODEL else [files.path]


def _of_saved_model(folder: Path) -> list[Path]:
    own = [folder / "saved_model.pb"]
    for part in ("variables", "assets"):
        own += sorted(path for path in (folder / part).rglob("*") if path.is_file())
    return own


def _saved_model_parts(folder: Path) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    for path in _of_saved_model(folder):
        yield path.relative_to(folder).as_posix(), path.stat().st_size, _blocks(path)


def _keras_archive_parts(path: Path) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
        if sum(entry.file_size for entry in entries) > MAX_INFLATION * path.stat().st_size:
            raise ModelError(f"{path}: unpacks to over {MAX_INFLATION} times its size, which no model does")
        for entry in entries:
            if entry.filename not in KERAS_ARCHIVE_STAMPS:
                with archive.open(entry) as member:
                    yield (
                        entry.filename,
                        entry.file_size,
                        iter(partial(member.read, BLOCK_BYTES), b""),
                    )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
