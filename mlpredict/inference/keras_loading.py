"""Which Keras reads a `.keras` or `.h5` file: 3, or 2 as tf-keras."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from mlpredict.errors import ModelError
from mlpredict.inference.keras2 import load_with_tf_keras
from mlpredict.inference.keras3 import load_with_keras_3
from mlpredict.inference.keras_file import configs, major_version, written_by
from mlpredict.inference.model_files import HDF5_SIGNATURE
from mlpredict.inference.not_models import OTHER_HDF5, WEIGHTS
from mlpredict.inference.tensorflow_errors import why
from mlpredict.support.scratch import scratch_folder


class KerasLibrary(Enum):
    """What loaded a model."""

    KERAS_2 = "tf_keras"
    KERAS_3 = "keras"


Loader = Callable[[Path], Any]

WEIGHTS_IN = frozenset({"layers", "_layer_checkpoint_dependencies", "layer_names", "model_weights"})
"""What `save_weights` writes: groups since Keras 3, and an attribute with the layers' names before."""


def load_keras_model(path: Path, where: str, *, trusted: bool) -> tuple[Any, KerasLibrary]:
    """A model, not compiled, and the library whose model it is.

    The library that saved the file is tried first, and the other where it fails. What says no version
    is older than Keras 3.

    Raises:
        ModelError: neither reads it; the reason is that of the first.
    """
    _check_that_it_is_whole(path, where)
    version = written_by(path)
    loaders: dict[KerasLibrary, Loader] = {
        KerasLibrary.KERAS_2: lambda named: load_with_tf_keras(named, where, trusted=trusted),
        KerasLibrary.KERAS_3: lambda named: load_with_keras_3(named, where, trusted=trusted),
    }
    order = list(loaders) if (major_version(version) or 2) < 3 else list(reversed(loaders))
    failures: list[Exception] = []
    with _named_after_content(path) as named:
        for library in order:
            try:
                return loaders[library](named), library
            except Exception as error:  # noqa: BLE001 - Keras raises whatever the file makes it stumble over
                failures.append(error)
    if isinstance(failures[0], ModelError):
        raise failures[0]
    hint = f"export it as a SavedModel with Keras {version}, which saved it" if version else None
    raise ModelError(f"{where}: TensorFlow cannot load it: {why(failures[0])}", hint=hint) from failures[0]


def _check_that_it_is_whole(path: Path, where: str) -> None:
    """Raise ModelError for HDF5 that holds weights alone, or something else."""
    import h5py

    if not h5py.is_hdf5(path) or configs(path):
        return
    try:
        with h5py.File(path) as file:
            if "model_config" in file.attrs:
                return
            found = (
                WEIGHTS
                if WEIGHTS_IN & {name.partition("\\")[0] for name in (*file, *file.attrs)}
                else OTHER_HDF5
            )
    except OSError:
        # It is damaged, which Keras says.
        return
    raise ModelError(f"{where}: {found.what}", hint=found.instead)


@contextmanager
def _named_after_content(path: Path) -> Iterator[Path]:
    """The file by a name that ends as Keras wants it, whatever it is called."""
    with path.open("rb") as file:
        suffix = ".h5" if file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE else ".keras"
    if path.suffix == suffix:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="mlpredict-", dir=scratch_folder()) as folder:
        named = Path(folder, f"model{suffix}")
        try:
            os.symlink(path.absolute(), named)
        except OSError:
            shutil.copyfile(path, named)
        yield named
