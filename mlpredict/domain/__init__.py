"""The words everybody uses: frozen values that travel between the layers.

Each file is loaded when one of its words is first used: a short command needs few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpredict.domain.labels import (
        Labelled as Labelled,
    )
    from mlpredict.domain.labels import (
        LabelSource as LabelSource,
    )
    from mlpredict.domain.labels import (
        NewLabel as NewLabel,
    )
    from mlpredict.domain.labels import (
        Truth as Truth,
    )
    from mlpredict.domain.models import (
        Activation as Activation,
    )
    from mlpredict.domain.models import (
        EngineName as EngineName,
    )
    from mlpredict.domain.models import (
        ModelIdentity as ModelIdentity,
    )
    from mlpredict.domain.models import (
        Task as Task,
    )
    from mlpredict.domain.models import (
        model_label as model_label,
    )
    from mlpredict.domain.predictions import (
        FIELD_TYPES as FIELD_TYPES,
    )
    from mlpredict.domain.predictions import (
        FIELDS as FIELDS,
    )
    from mlpredict.domain.predictions import (
        LAST_RUN as LAST_RUN,
    )
    from mlpredict.domain.predictions import (
        Format as Format,
    )
    from mlpredict.domain.predictions import (
        Keep as Keep,
    )
    from mlpredict.domain.predictions import (
        Order as Order,
    )
    from mlpredict.domain.predictions import (
        PredictionDetail as PredictionDetail,
    )
    from mlpredict.domain.predictions import (
        PredictionFilter as PredictionFilter,
    )
    from mlpredict.domain.predictions import (
        PredictionRecord as PredictionRecord,
    )
    from mlpredict.domain.predictions import (
        StoredImage as StoredImage,
    )
    from mlpredict.domain.preprocessing import (
        OTSU as OTSU,
    )
    from mlpredict.domain.preprocessing import (
        ChannelOrder as ChannelOrder,
    )
    from mlpredict.domain.preprocessing import (
        Decode as Decode,
    )
    from mlpredict.domain.preprocessing import (
        Fit as Fit,
    )
    from mlpredict.domain.preprocessing import (
        ImageSpec as ImageSpec,
    )
    from mlpredict.domain.preprocessing import (
        PerImage as PerImage,
    )
    from mlpredict.domain.preprocessing import (
        Preprocessing as Preprocessing,
    )
    from mlpredict.domain.preprocessing import (
        Resize as Resize,
    )
    from mlpredict.domain.preprocessing import (
        Scaling as Scaling,
    )
    from mlpredict.domain.requests import (
        KeyedRequest as KeyedRequest,
    )
    from mlpredict.domain.requests import (
        KnownReply as KnownReply,
    )
    from mlpredict.domain.requests import (
        Reply as Reply,
    )
    from mlpredict.domain.reviews import (
        ReviewOrder as ReviewOrder,
    )
    from mlpredict.domain.samples import (
        DataUri as DataUri,
    )
    from mlpredict.domain.samples import (
        NewInput as NewInput,
    )
    from mlpredict.domain.samples import (
        NewPrediction as NewPrediction,
    )
    from mlpredict.domain.samples import (
        Pages as Pages,
    )
    from mlpredict.domain.samples import (
        Pixels as Pixels,
    )
    from mlpredict.domain.samples import (
        Prediction as Prediction,
    )
    from mlpredict.domain.samples import (
        Rejected as Rejected,
    )
    from mlpredict.domain.samples import (
        Remote as Remote,
    )
    from mlpredict.domain.samples import (
        Run as Run,
    )
    from mlpredict.domain.samples import (
        Sample as Sample,
    )
    from mlpredict.domain.samples import (
        Source as Source,
    )

_FILES = {
    "labels": ("LabelSource", "Labelled", "NewLabel", "Truth"),
    "models": ("Activation", "EngineName", "ModelIdentity", "Task", "model_label"),
    "predictions": (
        "FIELDS",
        "FIELD_TYPES",
        "Format",
        "Keep",
        "LAST_RUN",
        "Order",
        "PredictionDetail",
        "PredictionFilter",
        "PredictionRecord",
        "StoredImage",
    ),
    "preprocessing": (
        "ChannelOrder",
        "Decode",
        "Fit",
        "ImageSpec",
        "OTSU",
        "PerImage",
        "Preprocessing",
        "Resize",
        "Scaling",
    ),
    "requests": ("KeyedRequest", "KnownReply", "Reply"),
    "reviews": ("ReviewOrder",),
    "samples": (
        "DataUri",
        "NewInput",
        "NewPrediction",
        "Pages",
        "Prediction",
        "Rejected",
        "Remote",
        "Run",
        "Sample",
        "Source",
    ),
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> Any:
    if (file := _FILE_OF.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{file}"), name)
    globals()[name] = value
    return value
