"""Small images, image files and records for the tests of this folder."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mlpredict.domain import ImageSpec, PredictionRecord, Preprocessing, Rejected, Sample, Source
from mlpredict.inputs.image import as_sample, decode_source
from mlpredict.inputs.limits import USUAL_LIMITS, Limits

CREATED = datetime(2026, 11, 23, 9, 30, 0, 123000, tzinfo=UTC)


def array(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an image."""
    return np.asarray(image, dtype=np.uint8)


def picture(width: int = 4, height: int = 3, mode: str = "RGB") -> Image.Image:
    """An image without two pixels alike."""
    count = width * height * 3
    values = np.arange(count, dtype=np.uint32) * 251 // max(1, count - 1)
    return Image.fromarray(values.astype(np.uint8).reshape(height, width, 3)).convert(mode)


def file_of(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def png(width: int = 4, height: int = 3, mode: str = "RGB") -> bytes:
    """The bytes of a PNG file."""
    return file_of(picture(width, height, mode))


def spec(
    channels: int = 3,
    height: int | None = None,
    width: int | None = None,
    preprocessing: Preprocessing | None = None,
) -> ImageSpec:
    """What a model takes; any size where none is given."""
    return ImageSpec(height, width, channels, preprocessing or Preprocessing())


def decode(
    position: int, source: Source, wanted: ImageSpec, limits: Limits = USUAL_LIMITS
) -> Sample | Rejected:
    """A source, decoded in this process, whatever it is."""
    return as_sample(position, source, decode_source(source, wanted, limits))


def decoded(content: bytes, wanted: ImageSpec | None = None, name: str = "image.png") -> Sample:
    """A source of these bytes, decoded."""
    sample = decode(0, Source(name, content), wanted or spec())
    assert isinstance(sample, Sample), sample
    return sample


def refused(content: bytes, wanted: ImageSpec | None = None, name: str = "image.png") -> str:
    """The reason why these bytes give no sample."""
    rejected = decode(0, Source(name, content), wanted or spec())
    assert isinstance(rejected, Rejected), rejected
    return rejected.reason


def record(
    prediction_id: int | None = 7,
    filename: str | None = "scans/three.png",
    prediction: str = "[0.25,0.75]",
    label: str | None = "1",
    score: float | None = 0.75,
) -> PredictionRecord:
    """A prediction as it is printed."""
    return PredictionRecord(
        prediction_id=prediction_id,
        input_id=3,
        run_id=2,
        filename=filename,
        contenttype="image/png",
        prediction=prediction,
        likely_class=1,
        label=label,
        score=score,
        model="mnist-convnet@3f2a91c0",
        created_at=CREATED,
    )
