"""The words everybody uses: frozen values that travel between the layers."""

from typing import TYPE_CHECKING

from mlpredict.domain.models import (
    Activation,
    EngineName,
    ModelIdentity,
    Task,
    model_label,
)
from mlpredict.domain.predictions import (
    FIELDS,
    Format,
    PredictionDetail,
    PredictionFilter,
    PredictionRecord,
    StoredImage,
)
from mlpredict.domain.preprocessing import (
    OTSU,
    ChannelOrder,
    Decode,
    Fit,
    ImageSpec,
    PerImage,
    Preprocessing,
    Resize,
    Scaling,
)
from mlpredict.domain.samples import (
    Keep,
    NewInput,
    NewPrediction,
    Prediction,
    Rejected,
    Run,
    Sample,
    Source,
)

if TYPE_CHECKING:
    from mlpredict.domain.samples import Pixels as Pixels

__all__ = [
    "FIELDS",
    "OTSU",
    "Activation",
    "ChannelOrder",
    "Decode",
    "EngineName",
    "Fit",
    "Format",
    "ImageSpec",
    "Keep",
    "ModelIdentity",
    "NewInput",
    "NewPrediction",
    "PerImage",
    "Prediction",
    "PredictionDetail",
    "PredictionFilter",
    "PredictionRecord",
    "Preprocessing",
    "Rejected",
    "Resize",
    "Run",
    "Sample",
    "Scaling",
    "Source",
    "StoredImage",
    "Task",
    "model_label",
]
