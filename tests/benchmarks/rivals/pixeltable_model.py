"""A SavedModel of digits as a function of pixeltable, which looks for it in a module of its own."""

import os
from functools import cache
from typing import Any

import numpy as np
import pixeltable as pxt
import tensorflow as tf
from pixeltable.func import Batch

BATCH_SIZE = 256


@cache
def signature() -> Any:
    """What the model does, loaded once a process."""
    return tf.saved_model.load(os.environ["BENCHMARK_MODEL"]).signatures["serving_default"]


@pxt.udf(batch_size=BATCH_SIZE)  # type: ignore[untyped-decorator]
def probabilities(images: Batch[pxt.Image]) -> Batch[pxt.Json]:
    """The model's output for each image."""
    pixels = np.stack([np.asarray(one.convert("L"), np.float32) for one in images])[..., None] / 255
    (name,) = signature().structured_input_signature[1]
    (output,) = signature()(**{name: tf.constant(pixels)}).values()
    return output.numpy().tolist()
