"""What a model answers to noise, and whether that is a row of numbers for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.domain import ImageSpec
from mlpredict.errors import ModelError
from mlpredict.inference.engines import Engine
from mlpredict.inference.fixed_batch import fixed_batch
from mlpredict.inference.image_size import PROBE_SIDE
from mlpredict.inference.output_facts import OutputFacts
from mlpredict.inference.outputs import NUMBERS
from mlpredict.inference.signature import random_pixels, to_tensor
from mlpredict.settings import memory_of_a_model
from mlpredict.support.bounded import Bounds, Exceeded, bounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROBE_IMAGES = 4

PROBE_SECONDS = 300.0
"""A thousand times what the slowest model took that was tried."""


def facts_of_outputs(engine: Engine, spec: ImageSpec, where: str) -> tuple[OutputFacts | None, ...]:
    """What each output is like; None for one that has no row of numbers for each image.

    Raises:
        ModelError: it cannot be run, or takes more time or memory than any model should.
    """
    outputs, images = _probed(engine, spec, where)
    return tuple(None if _why_unusable(one, images) else OutputFacts.of(one) for one in outputs)


def facts_of_output(engine: Engine, spec: ImageSpec, index: int, where: str) -> OutputFacts:
    """What one of them is like.

    Raises:
        ModelError: it has no row of numbers for each image.
    """
    outputs, images = _probed(engine, spec, where)
    return OutputFacts.of(rows_for(outputs[index], images, where))


def rows_for(output: NDArray[Any], images: int, where: str) -> NDArray[Any]:
    """The output itself, where it has something to store for every image.

    Raises:
        ModelError: it has not.
    """
    if (reason := _why_unusable(output, images)) is not None:
        raise ModelError(f"{where}: {reason}")
    return output


def _probed(engine: Engine, spec: ImageSpec, where: str) -> tuple[list[NDArray[Any]], int]:
    """All outputs for noise, and for how many images."""
    images = fixed_batch(engine.signature) or PROBE_IMAGES
    shape = (images, spec.height or PROBE_SIDE, spec.width or PROBE_SIDE, spec.channels)
    tensor = to_tensor(random_pixels(shape), engine.signature.inputs[0], spec.preprocessing)
    try:
        return bounded(lambda: engine.run(tensor), Bounds(PROBE_SECONDS, memory_of_a_model())), images
    except Exceeded as exceeded:
        raise ModelError(f"{where}: took {exceeded} to answer {images} images") from exceeded


def _why_unusable(output: NDArray[Any], images: int) -> str | None:
    if output.dtype.kind not in NUMBERS:
        return f"answers with {_kind(output.dtype)}: expected numbers"
    if output.shape[:1] != (images,) or not output.size:
        asked = f"{images} image{'s' if images > 1 else ''}"
        return f"answers {asked} with an array of shape {output.shape}: expected a row for each"
    return None


def _kind(dtype: np.dtype[Any]) -> str:
    return "text" if dtype.kind in "OSUT" else f"{dtype} values"
