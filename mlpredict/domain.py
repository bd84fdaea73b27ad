"""The words everybody uses: frozen values that travel between the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8 | np.float32]


class Task(StrEnum):
    """What a model's output means."""

    CLASSIFICATION = "classification"
    BINARY = "binary"
    REGRESSION = "regression"
    RAW = "raw"


class Activation(StrEnum):
    """The activation of a model's last layer."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    NONE = "none"


class Resize(StrEnum):
    """The filter that brings an image to the model's height and width.

    The first six are Pillow's, the others those of `cv2.resize` for 8 bits a channel, which never
    antialias. `Preprocessing.antialias` makes the first three those of `tf.image.resize`.
    """

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"
    BOX = "box"
    HAMMING = "hamming"
    OPENCV_NEAREST = "opencv-nearest"
    OPENCV_LINEAR = "opencv-linear"
    OPENCV_CUBIC = "opencv-cubic"
    OPENCV_AREA = "opencv-area"


class Fit(StrEnum):
    """What happens to an image whose aspect ratio is not the model's."""

    STRETCH = "stretch"
    PAD = "pad"
    CROP = "crop"


class ChannelOrder(StrEnum):
    """The order of the colours in a model's input; alpha is always the last."""

    RGB = "rgb"
    BGR = "bgr"


class Decode(StrEnum):
    """How much of a large image is decoded: all of it, or a part, still larger than the model's input."""

    FULL = "full"
    REDUCED = "reduced"


class PerImage(StrEnum):
    """Scalings that depend on all the values of an image."""

    STANDARDIZATION = "per-image-standardization"
    """`(pixel - mean) / max(std, 1 / sqrt(values))`, as `tf.image.per_image_standardization`."""
    MIN_MAX = "min-max"
    """`(pixel - min) / (max - min)`; 0 where all values are the same."""


OTSU: Final = "otsu"
"""The threshold that Otsu's method finds for each image."""


class Keep(StrEnum):
    """What of an image is stored."""

    ORIGINAL = "original"
    MODEL_INPUT = "model-input"
    REFERENCE = "reference"


class EngineName(StrEnum):
    """What may run a model."""

    AUTO = "auto"
    LITERT = "litert"
    TENSORFLOW = "tensorflow"


@dataclass(frozen=True, slots=True)
class Scaling:
    """Pixel values 0..255 to what the model takes: `(pixel / divisor - mean) / std`, by channel.

    Means and deviations are in the order of the model's channels. `per_image` is another formula, in
    the place of this one.
    """

    divisor: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    per_image: PerImage | None = None


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From an image file to a model's input; the defaults are the 2020 program's rules.

    The steps are taken in this order:

    1. `decode`: all of a large image, or a part.
    2. `white`: the value that becomes 255 where there are more than 8 bits; with None the format tells,
       or the brightest pixel.
    3. `background`: the colour behind transparency; with None alpha is dropped. Then grey or colours.
    4. `threshold`: what is above it becomes 255, anything else 0, as with `cv2.threshold`.
    5. `invert`: 255 minus the value, but for alpha.
    6. `central_crop`: this part of both sides is cut out of the middle, as by `tf.image.central_crop`.
    7. `resize`, `antialias` and `fit`; with `resize_to` the shorter side is brought to so many pixels,
       and the model's height and width are cut out of the middle.
    8. `channels`, then `scaling`. None is decided by the input's dtype: 0..1 for floats, 0..255 for
       integers.
    """

    scaling: Scaling | None = None
    resize: Resize = Resize.BICUBIC
    fit: Fit = Fit.STRETCH
    background: str | None = None
    antialias: bool = True
    channels: ChannelOrder = ChannelOrder.RGB
    invert: bool = False
    threshold: int | Literal["otsu"] | None = None
    white: float | None = None
    central_crop: float | None = None
    resize_to: int | None = None
    decode: Decode = Decode.FULL

    @property
    def rounds(self) -> bool:
        """Whether pixels are whole levels (uint8), and not float32 between them."""
        return self.antialias or self.resize is Resize.NEAREST

    def stated(self) -> dict[str, Any]:
        """What names this preprocessing, for hashes: the same as ever for what could ever be said.

        Entries that came later are in it only where they differ from their defaults, so that no model
        gets another fingerprint when the program learns a new word.
        """
        stated = asdict(self)
        if self.scaling is not None and self.scaling.per_image is None:
            del stated["scaling"]["per_image"]
        return {
            entry.name: stated[entry.name]
            for entry in fields(self)
            if entry.name in _FIRST_ENTRIES or stated[entry.name] != entry.default
        }


_FIRST_ENTRIES = frozenset({"scaling", "resize", "fit", "background"})


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The image a model takes: size in pixels (None: any), 1, 3 or 4 channels, and how to get there."""

    height: int | None
    width: int | None
    channels: int
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def __str__(self) -> str:
        size = "×".join("any" if n is None else str(n) for n in (self.height, self.width))
        return f"{size} pixels of {self.channels} channel{'s' if self.channels > 1 else ''}"


@dataclass(frozen=True, slots=True)
class ModelIdentity:
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


@dataclass(frozen=True, slots=True)
class Source:
    """Where an image comes from: a path as the user wrote it, or `-` with the bytes read already."""

    filename: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A decoded image, ready for the model.

    `content` is the file itself, `sha256` its digest (32 bytes), `width` and `height` the size of
    the original in pixels as its header has it, before EXIF turns it, `pixels` the model's view of
    shape (height, width, channels), 0..255 and RGB: uint8, or float32 where the preprocessing has a
    filter that does not round.
    """

    position: int
    source: Source
    content: bytes
    contenttype: str
    sha256: bytes
    width: int
    height: int
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Rejected:
    """A source that gave no prediction, and why, in words a person understands."""

    position: int
    source: Source
    reason: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model said of one sample.

    `values` is the model's output as JSON text whose numbers round-trip float32 exactly. `score` is
    the probability of the likely class; both are None where the task has no classes.
    """

    values: str
    likely_class: int | None = None
    label: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class NewInput:
    """An image on its way into the database: a `data:` or `file:` URI, and what `kept` of the original.

    `sha256` is the digest of the original file (32 bytes), `width` and `height` its size in pixels,
    `contenttype` the type of what the URI holds.
    """

    uri: str
    kept: str
    sha256: bytes
    contenttype: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class NewPrediction:
    """A prediction on its way into the database; `contenttype` is that of the source."""

    position: int
    filename: str
    contenttype: str
    input: NewInput
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation of predict, as the database knows it."""

    run_id: int
    model_id: int
    model: str


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """A prediction as it is printed: the public field names, in their order.

    Ids are None when nothing was stored; model, filename and time are None where a row of the
    2020 program does not tell. `prediction` is JSON text.
    """

    prediction_id: int | None
    input_id: int | None
    run_id: int | None
    filename: str | None
    contenttype: str | None
    prediction: str
    likely_class: int | None
    label: str | None
    score: float | None
    model: str | None
    created_at: datetime | None

    @classmethod
    def of(
        cls,
        prediction: Prediction,
        *,
        filename: str,
        contenttype: str,
        model: str,
        prediction_id: int | None = None,
        input_id: int | None = None,
        run_id: int | None = None,
        created_at: datetime | None = None,
    ) -> PredictionRecord:
        """The record of a prediction that has just been made."""
        return cls(
            prediction_id=prediction_id,
            input_id=input_id,
            run_id=run_id,
            filename=filename,
            contenttype=contenttype,
            prediction=prediction.values,
            likely_class=prediction.likely_class,
            label=prediction.label,
            score=prediction.score,
            model=model,
            created_at=created_at,
        )


FIELDS = tuple(one.name for one in fields(PredictionRecord))
"""The public names of what is printed of a prediction, in their order."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An input as it stands in the database: a `data:` or `file:` URI and what is known of it."""

    input_id: int | None
    uri: str | None
    sha256: bytes | None
    contenttype: str | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class PredictionDetail:
    """Everything `show` tells of a prediction."""

    record: PredictionRecord
    image: StoredImage
    task: Task | None
    activation: Activation | None
    labels: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class PredictionFilter:
    """Which predictions `list` shows; None, or no labels, is no restriction.

    `model` is a name, `name@digits` or the first digits of a fingerprint; `filename` a glob, of the
    whole name where it has a slash, else of its last part. Both scores and `since` are included,
    `until` is not.
    """

    labels: tuple[str, ...] = ()
    model: str | None = None
    run_id: int | None = None
    min_score: float | None = None
    max_score: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    filename: str | None = None


class Format(StrEnum):
    """How records are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
