"""What is said of a model: by the command line, by files around it, and in metadata of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mlpredict.errors import WrongValue
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.inference.sidecar import Sidecar, read_sidecar
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from mlpredict.inference.label_files import Candidate
    from mlpredict.inference.tflite_metadata import TfliteMetadata

logger = get_logger(__name__)


@dataclass(frozen=True)
class Described:
    """All that is said of a model; make one with `describe`."""

    files: ModelFiles
    sidecar: Sidecar = field(default_factory=Sidecar)
    metadata: TfliteMetadata | None = None
    labels: tuple[str, ...] | None = None
    """The labels of the command line."""
    labels_from: str = "--labels"
    """The file that they are from, or the option itself."""
    content: bytes = field(default=b"", repr=False)
    """Of a `.tflite` file."""

    @cached_property
    def label_files(self) -> list[Candidate]:
        """The files with labels around the model, looked for when they are asked for."""
        from mlpredict.inference.label_files import label_files

        return label_files(self.files)


def describe(files: ModelFiles, labels: str | None = None) -> Described:
    """Read what is said of a model; `labels` is what the command line says of them.

    Metadata that are damaged are told of and left out.

    Raises:
        ModelError: its `mlpredict.toml` cannot be understood.
        UsageError: the labels are none.
    """
    sidecar = read_sidecar(files)
    given, source = _given(labels)
    if files.format is not ModelFormat.TFLITE:
        return Described(files, sidecar, labels=given, labels_from=source)
    content = files.path.read_bytes()
    return Described(files, sidecar, _metadata(content, files.path), given, source, content)


def _metadata(content: bytes, path: Path) -> TfliteMetadata | None:
    from mlpredict.inference.flatbuffer import Damaged
    from mlpredict.inference.tflite_metadata import read_metadata

    try:
        return read_metadata(content)
    except Damaged as error:
        logger.warning(f"warning: {path}: its metadata are not used: {error}")
        return None


def _given(labels: str | None) -> tuple[tuple[str, ...] | None, str]:
    if labels is None:
        return None, ""
    from mlpredict.inference.labels import NoLabels, labels_option

    try:
        found, path = labels_option(labels)
    except NoLabels as error:
        raise WrongValue(
            "labels", labels, str(error), hint="name a file, or labels with commas between"
        ) from error
    return found, str(path or "--labels")
