"""Images on their way out of the database, into a folder a class."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mlpredict.domain.predictions import StoredImage


class FolderBy(StrEnum):
    """What names the folder of an image."""

    TRUTH = "truth"
    """Its label; an image without one is left out."""
    PREDICTED = "predicted"
    """Its label, and without one what was predicted."""


@dataclass(frozen=True, slots=True)
class ImageOut:
    """An image with the newest prediction of it; `label` is what was predicted, `true_label` the truth.

    `created_at` is in ISO 8601, as other programs may have stored times that Python does not know."""

    prediction_id: int
    filename: str | None
    label: str | None
    score: float | None
    value: float | None
    model: str | None
    created_at: str | None
    true_label: str | None
    image: StoredImage


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of an export.

    `written` are new files, `present` were there already, `unlabelled` are images that were left out as there
    is no folder for them, `failed` those that cannot be had. `unread` counts files of formats that
    TensorFlow's `image_dataset_from_directory` passes over.
    """

    written: int = 0
    present: int = 0
    unlabelled: int = 0
    failed: int = 0
    unread: int = 0
    rows: int | None = None
    """Of a table; None where images were exported."""

    @property
    def images(self) -> int:
        """How many images are in the folder now that the export has to do with."""
        return self.written + self.present

    @property
    def steps(self) -> int:
        """How far it is: images that were looked at, or rows."""
        return self.images + self.failed + (self.rows or 0)
