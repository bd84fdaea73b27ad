"""The truth of images: what somebody says that they show."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class LabelSource(StrEnum):
    """How the images that are labelled were chosen, which decides what a share of them says of all."""

    FOLDERS = "folders"
    """A folder that has a folder a class."""
    CSV = "csv"
    """A list."""
    COMMAND = "command"
    """Images that were named one by one."""
    REVIEW = "review"
    """Those of which a model was least certain: a biased sample."""
    REVIEW_WRONG = "review-wrong"
    """Those that a model was wrong about, looked at again."""
    REVIEW_RANDOM = "review-random"
    """Those that chance chose of all: a fair sample."""
    PAGE = "page"
    """What a person looked at in the web page."""
    API = "api"
    """A program decided."""


class NewLabel(NamedTuple):
    """A label on its way to an image, which is named in one of these ways.

    `sha256` is the digest of the image file (32 bytes), `filename` what the file was called when it was
    predicted, and `text` the label as somebody wrote it. `called` is what the user calls the image.
    """

    text: str
    prediction_id: int | None = None
    input_id: int | None = None
    sha256: bytes | None = None
    filename: str | None = None
    called: str | None = None

    @property
    def name(self) -> str:
        """What the image is called in messages."""
        if self.called is not None:
            return self.called
        if self.filename is not None:
            return self.filename
        if self.sha256 is not None:
            return self.sha256.hex()
        return f"prediction {self.prediction_id}" if self.input_id is None else f"input {self.input_id}"


class Truth(NamedTuple):
    """What an image is: a label, several where several may hold, and the number that the label is, if any."""

    label: str
    labels: tuple[str, ...] | None = None
    value: float | None = None


class KnownLabel(NamedTuple):
    """What is said of an input at present, by whom and since when; all None where nothing is."""

    input_id: int
    true_label: str | None
    true_labels: list[str] | None
    true_value: float | None
    source: str | None
    labelled_by: str | None
    labelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Labelled:
    """What came of labelling images.

    `revised` had another label before, and `missing` names those that nobody has predicted yet, or that
    cannot be told from others. `removed` counts labels that were taken away.
    """

    labelled: int = 0
    unchanged: int = 0
    revised: int = 0
    removed: int = 0
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """What a person should know of how labels were understood."""

    @property
    def not_stored(self) -> int:
        """How many images are in no prediction."""
        return len(self.missing)

    def __add__(self, other: Labelled) -> Labelled:
        return Labelled(
            self.labelled + other.labelled,
            self.unchanged + other.unchanged,
            self.revised + other.revised,
            self.removed + other.removed,
            self.missing + other.missing,
            tuple(dict.fromkeys(self.remarks + other.remarks)),
        )


class Vocabulary:
    """The labels that models know, to understand a label by that somebody wrote.

    It is what a model calls it where only capitals, `_`, `-` and spaces differ. With `several` a text with
    commas that is no label itself states several labels, and an empty one that none holds.

    Example:
        >>> Vocabulary(["golden retriever"]).truth("golden_retriever").label
        'golden retriever'
    """

    def __init__(self, labels: Iterable[str], *, several: bool = False) -> None:
        self.labels = frozenset(labels)
        self.several = several
        self._by_plain: dict[str, str | None] = {}
        for label in self.labels:
            key = plain(label)
            self._by_plain[key] = None if key in self._by_plain else label

    def truth(self, text: str) -> Truth:
        """What a text states."""
        whole = self._known(text)
        if not self.several or whole in self.labels:
            return Truth(whole, value=_number(whole))
        parts = (part.strip() for part in text.split(","))
        labels = tuple(sorted({self._known(part) for part in parts if part}))
        return Truth(",".join(labels), labels, _number(whole))

    def unknown(self, truth: Truth) -> list[str]:
        """The labels of a truth that no model knows."""
        return [one for one in truth.labels or (truth.label,) if one not in self.labels]

    def _known(self, text: str) -> str:
        return text if text in self.labels else self._by_plain.get(plain(text)) or text


def plain(name: str) -> str:
    """A name without what people write differently."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if "_" in text:  # which Python takes for a separator
        return None
    return number if math.isfinite(number) else None
