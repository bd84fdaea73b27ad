"""What a model is, what its output means and what may run it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Task(StrEnum):
    """What a model's output means."""

    CLASSIFICATION = "classification"
    """One class of several, each with its own number."""
    BINARY = "binary"
    """One class of two; the one number is that of the second."""
    MULTI_LABEL = "multi-label"
    """As many labels as hold, each with its own number."""
    REGRESSION = "regression"
    """A number, or several, that are no classes."""
    SEGMENTATION = "segmentation"
    """The class of each pixel."""
    RAW = "raw"
    """Anything else."""

    @property
    def has_classes(self) -> bool:
        """Whether there is a likely class, with a label and a score."""
        return self not in (Task.REGRESSION, Task.RAW)


class Activation(StrEnum):
    """The activation of a model's last layer."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    NONE = "none"


class EngineName(StrEnum):
    """What may run a model."""

    AUTO = "auto"
    LITERT = "litert"
    TENSORFLOW = "tensorflow"


class ModelIdentity(NamedTuple):
    """What the database knows of a model; `fingerprint` is a SHA-256 in hexadecimal."""

    name: str
    fingerprint: str
    format: str
    path: str
    task: Task
    labels: tuple[str, ...] | None
    description: Mapping[str, Any]

    def __str__(self) -> str:
        return model_label(self.name, self.fingerprint)


def model_label(name: str, fingerprint: str) -> str:
    """How a model is shown: its name and the first eight digits of its fingerprint."""
    return f"{name}@{fingerprint[:8]}"
