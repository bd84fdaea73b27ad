"""A batch in parts: as many images a call as the model takes, or as few as are fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.inference.signature import Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray


Call = Callable[["NDArray[Any]"], "list[NDArray[Any]]"]


def fixed_batch(signature: Signature) -> int | None:
    """How many images a call has to have; None where any number will do.

    The image is the first input, and the batch its first dimension.
    """
    shape = signature.inputs[0].shape if signature.inputs else ()
    return shape[0] if shape else None


def run_fixed(call: Call, tensor: NDArray[Any], images: int) -> list[NDArray[Any]]:
    """All outputs of a model that takes exactly `images` a call, for a tensor of any length.

    The last call is filled up with its last image, and what is answered to that is left out.
    """
    if len(tensor) == images:
        return [_rows(output, images) for output in call(tensor)]
    missing = -len(tensor) % images
    padded = np.concatenate([tensor, np.repeat(tensor[-1:], missing, axis=0)]) if missing else tensor
    outputs = _concatenated(
        [
            [_rows(output, images) for output in call(padded[n : n + images])]
            for n in range(0, len(padded), images)
        ]
    )
    return [output[: len(tensor)] if len(output) == len(padded) else output for output in outputs]


def run_at_most(call: Call, tensor: NDArray[Any], images: int) -> list[NDArray[Any]]:
    """All outputs of a model that takes any number, called with no more than `images` at a time."""
    if len(tensor) <= images:
        return call(tensor)
    return _concatenated([call(tensor[n : n + images]) for n in range(0, len(tensor), images)])


def row_shape(shape: tuple[int | None, ...], batch: int | None) -> tuple[int | None, ...]:
    """The shape of an output with its batch, which a model for one image may leave out."""
    return shape if batch != 1 or shape[:1] in ((1,), (None,)) else (1, *shape)


def _rows(output: NDArray[Any], images: int) -> NDArray[Any]:
    return output if images != 1 or output.shape[:1] == (1,) else output[None]


def _concatenated(parts: list[list[NDArray[Any]]]) -> list[NDArray[Any]]:
    # An output without a batch is the same number however many images there are: it stays wrong.
    return [
        np.concatenate(outputs) if outputs[0].ndim else outputs[0] for outputs in zip(*parts, strict=True)
    ]
