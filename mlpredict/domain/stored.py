"""Stored images on their way back to pixels."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mlpredict.domain.predictions import StoredImage
from mlpredict.domain.samples import Rejected, Sample


class StoredInput(NamedTuple):
    """An image that is stored, as one of its predictions names it.

    `filename` and `contenttype` are those of the prediction's source; None where a row of the 2020 program
    does not tell. `kept` says what the image's URI holds: "original", "reference", or "model-input/" and
    the name of a preprocessing; None for a row of the 2020 program.
    """

    prediction_id: int
    filename: str | None
    contenttype: str | None
    kept: str | None
    image: StoredImage

    @property
    def name(self) -> str:
        """What the image is called when it is talked about."""
        return self.filename if self.filename is not None else f"input {self.image.input_id}"


class Trouble(StrEnum):
    """Why a stored image gives no pixels."""

    UNAVAILABLE = "unavailable"
    """Its row is damaged, or the file that it refers to cannot be read."""
    CHANGED = "changed"
    """Its bytes are not those that were predicted."""
    OTHER_MODEL_INPUT = "other-model-input"
    """Only what another model saw of it was kept."""
    UNDECODABLE = "undecodable"
    """Its bytes are right, and they are no image that can be decoded."""


class DecodedInput(NamedTuple):
    """A stored image with its pixels as a model takes them, or the reason why it has none.

    The URI of `stored` and the content of the sample are left out: they are large. The sample's `sha256` is
    that of the file that was predicted, whatever is kept of it; an image of the 2020 program has the eight
    bytes of its id in its place.
    """

    stored: StoredInput
    item: Sample | Rejected
    trouble: Trouble | None = None
