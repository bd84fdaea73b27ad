"""Arrays that were made for a model's input → the pixels that they were made of.

It is `to_tensor` the other way round: the levels 0..255 of which it makes the same numbers. Numbers that
are none of these have no pixels, and are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.domain import ChannelOrder, ImageSpec, Preprocessing
from mlpredict.errors import ImageError
from mlpredict.inference.signature import (
    AS_THEY_ARE,
    UNIT_INTERVAL,
    Layout,
    TensorSpec,
    layout_of,
    to_tensor,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1 / 64
"""In levels: clients round to four decimals of 0..1, and what lies between two levels lies further off."""

NUMBERS = "iuf"
HINT = 'send the image itself, as {"b64": …}'


def pixels_of(array: NDArray[Any], tensor: TensorSpec, spec: ImageSpec) -> NDArray[np.uint8]:
    """The pixels of one image, RGB and of shape (height, width, channels), that an input is made of.

    The array has the shape that the model takes, without the batch; the channels may be left out where
    there is one, and be there where the model takes none.

    Raises:
        ImageError: it is no such array, or its numbers are no levels.
    """
    if array.dtype.kind not in NUMBERS or not array.size:
        raise ImageError("an array of numbers is expected")
    if spec.preprocessing.scaling is not None and spec.preprocessing.scaling.per_image is not None:
        raise ImageError(
            "this model is given each image by its own mean or range, from which its pixels cannot be told;"
            f" {HINT}"
        )
    values = _as_image(array, tensor, spec)
    if not np.isfinite(values).all():
        raise ImageError("NaN and infinity are no pixels")
    with np.errstate(over="ignore"):
        levels = _levels(values.astype(np.float64), tensor, spec.preprocessing)
        whole, found = _whole(levels, values, tensor, spec.preprocessing)
    if not found.all():
        raise _no_level(values, levels, found, tensor, spec.preprocessing)
    if spec.preprocessing.channels is ChannelOrder.BGR:
        whole = _other_order(whole)
    return np.ascontiguousarray(whole)


def _as_image(array: NDArray[Any], tensor: TensorSpec, spec: ImageSpec) -> NDArray[Any]:
    """The array as (height, width, channels), in the order of the model's channels.

    Raises:
        ImageError: it has another shape.
    """
    shape = tensor.shape[1:]
    layout, *_ = layout_of(tensor.shape) or (Layout.CHANNELS_LAST,)
    given = array
    if layout is Layout.CHANNELS_LAST and array.ndim == 2 and spec.channels == 1:
        given = array[..., None]
    elif layout is Layout.NO_CHANNELS and array.ndim == 3 and array.shape[2] == 1:
        given = array[..., 0]
    if given.ndim != len(shape) or any(
        size not in (None, has) for size, has in zip(shape, given.shape, strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ImageError(f"its shape is {array.shape}, and the model takes ({wanted})")
    match layout:
        case Layout.CHANNELS_FIRST:
            return given.transpose(1, 2, 0)
        case Layout.NO_CHANNELS:
            return given[..., None]
        case Layout.FLAT:
            return given.reshape(spec.height or 1, spec.width or 1, spec.channels)
        case _:
            return given


def _levels(
    values: NDArray[np.float64], tensor: TensorSpec, preprocessing: Preprocessing
) -> NDArray[np.float64]:
    """What the numbers are in levels of 0..255, whole or not."""
    scaling, quantisation = preprocessing.scaling, tensor.quantisation
    if tensor.takes_pixels and scaling in (None, AS_THEY_ARE):
        return values if tensor.dtype == "uint8" else values + 128
    if scaling is None:
        of_unit = np.dtype(tensor.dtype).kind == "f" or quantisation is not None
        scaling = UNIT_INTERVAL if of_unit else AS_THEY_ARE
    if quantisation is not None:
        values = (values - quantisation.zero_point) * quantisation.scale
    levels: NDArray[np.float64] = (
        values * np.asarray(scaling.std) + np.asarray(scaling.mean)
    ) * scaling.divisor
    return levels


def _whole(
    levels: NDArray[np.float64], values: NDArray[Any], tensor: TensorSpec, preprocessing: Preprocessing
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The levels of which numbers are made, and of which of them there is one."""
    whole = np.rint(levels).clip(0, 255).astype(np.uint8)
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "f":
        close = np.abs(levels - whole) <= TOLERANCE
        if close.all():
            return whole, close
        # Floats of 16 bits have no room to be close, and are the very same.
        return whole, close | (_as_fed(whole, tensor, preprocessing) == values.astype(dtype))
    same = _as_fed(whole, tensor, preprocessing) == values
    # Several levels may be one integer: the nearest is not always one of them.
    for beside in (np.floor(levels), np.ceil(levels)):
        if not same.all():
            other = beside.clip(0, 255).astype(np.uint8)
            better = ~same & (_as_fed(other, tensor, preprocessing) == values)
            whole, same = np.where(better, other, whole), same | better
    return whole, same


def _no_level(
    values: NDArray[Any],
    levels: NDArray[np.float64],
    found: NDArray[np.bool_],
    tensor: TensorSpec,
    preprocessing: Preprocessing,
) -> ImageError:
    """Why the first number of which there is no level is none."""
    place = tuple(int(index) for index in np.argwhere(~found)[0])
    level, value = float(levels[place]), float(values[place])
    where = "".join(f"[{index}]" for index in place)
    if -TOLERANCE <= level <= 255 + TOLERANCE:
        return ImageError(
            f"{value:g} at {where} lies between the levels {int(level)} and {int(level) + 1} of 255,"
            f" and nothing is stored that is not what the model was given; {HINT}, or whole levels"
        )
    low, high = _range(values.shape[-1], tensor, preprocessing)
    return ImageError(
        f"{value:g} at {where} is none of {low:g}..{high:g}, which this model takes;"
        f" prepare the array as the model was trained, or {HINT}"
    )


def _as_fed(whole: NDArray[np.uint8], tensor: TensorSpec, preprocessing: Preprocessing) -> NDArray[Any]:
    """What the model is given for pixels in its own order, in the same shape."""
    flat = TensorSpec(tensor.name, (None, *whole.shape), tensor.dtype, tensor.quantisation)
    ordered = _other_order(whole) if preprocessing.channels is ChannelOrder.BGR else whole
    fed: NDArray[Any] = to_tensor(ordered[None], flat, preprocessing)[0]
    return fed


def _range(channels: int, tensor: TensorSpec, preprocessing: Preprocessing) -> tuple[float, float]:
    """The least and the greatest number that the model is given."""
    ends = np.array([[[0] * channels, [255] * channels]], np.uint8)
    fed = _as_fed(ends, tensor, preprocessing)
    return float(fed.min()), float(fed.max())


def _other_order(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB for BGR and BGR for RGB; alpha stays the last."""
    return pixels.take([2, 1, 0, 3][: pixels.shape[-1]], axis=-1)
