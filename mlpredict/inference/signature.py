"""What a model takes and gives, as TensorFlow or LiteRT tells it, and whether that is an image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from math import isqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mlpredict.domain import OTSU, ChannelOrder, ImageSpec, PerImage, Preprocessing, Scaling
from mlpredict.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlpredict.domain import Pixels


CHANNELS = (1, 3, 4)

LEAST_SIDE = 8
"""A vector of fewer numbers than an image of 8×8 has is more likely something else."""

# A quarter of a gigabyte of float32, and a few images are needed at once.
MAX_VALUES = 1 << 26
INPUT_DTYPES = ("float32", "float16", "float64", "uint8", "int8", "int16", "int32", "int64")

UNIT_INTERVAL = Scaling(255.0)
AS_THEY_ARE = Scaling(1.0)


class Quantisation(NamedTuple):
    """What an integer stands for: `(value - zero_point) * scale`."""

    scale: float
    zero_point: int

    @property
    def is_of_pixels(self) -> bool:
        """Whether 0..1 in steps of 1/255 is what it stands for: then 0..1, quantised, is the pixel itself."""
        return math.isclose(self.scale, 1 / 255, rel_tol=1e-4) and self.zero_point in (0, -128)


class TensorSpec(NamedTuple):
    """A tensor: its name, its shape with None for what varies, and its dtype by numpy's name."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    quantisation: Quantisation | None = None
    """Of an input of integers that stand for other numbers."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TensorSpec:
        """What `to_json` made of one; of integers it is not known any more what they stand for."""
        return cls(str(value["name"]), tuple(value["shape"]), str(value["dtype"]))

    def to_json(self) -> dict[str, Any]:
        """The tensor as JSON takes it."""
        return {"name": self.name, "shape": self.shape, "dtype": self.dtype}

    @property
    def takes_pixels(self) -> bool:
        """Whether it has 8 bits, and thus is given the pixels themselves where nothing says otherwise.

        It is how the examples of Coral and the Task Library of TensorFlow Lite feed such models, whatever
        their quantisation says: a pixel for uint8, and the pixel minus 128 for int8.
        """
        return self.dtype in ("uint8", "int8")

    def __str__(self) -> str:
        shape = ", ".join("None" if n is None else str(n) for n in self.shape)
        return f"{self.name} ({shape}) {self.dtype}"


class Signature(NamedTuple):
    """A model's inputs and outputs, in the model's own order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Signature:
        """What `to_json` made of one."""
        inputs, outputs = (
            tuple(TensorSpec.from_json(tensor) for tensor in value[kind]) for kind in ("inputs", "outputs")
        )
        return cls(inputs, outputs)

    def to_json(self) -> dict[str, Any]:
        """The signature as JSON takes it."""
        return {
            "inputs": [tensor.to_json() for tensor in self.inputs],
            "outputs": [tensor.to_json() for tensor in self.outputs],
        }


class Layout(Enum):
    """Where an input has the height, the width and the channels of an image."""

    CHANNELS_LAST = "(batch, height, width, channels)"
    CHANNELS_FIRST = "(batch, channels, height, width)"
    NO_CHANNELS = "(batch, height, width)"
    FLAT = "(batch, height × width × channels)"


Size = tuple[Layout, int | None, int | None, int]


def layout_of(shape: Sequence[int | None]) -> Size | None:
    """The layout of an input of this shape with the image's height, width and channels; None for no image.

    A vector is a square image, row by row, with the channels of a pixel side by side: grey where the
    square root of its length is whole, in colour where that of a third is.
    """
    match shape:
        case (_, height, width, int() as channels) if channels in CHANNELS:
            return Layout.CHANNELS_LAST, height, width, channels
        case (_, int() as channels, height, width) if channels in CHANNELS:
            return Layout.CHANNELS_FIRST, height, width, channels
        case (_, int() as length) | (_, int() as length, 1) if flat := _square(length):
            return Layout.FLAT, *flat
        case (_, height, width):
            return Layout.NO_CHANNELS, height, width, 1
        case _:
            return None


def _square(length: int) -> tuple[int, int, int] | None:
    for channels in (1, 3):
        side = isqrt(length // channels)
        if side >= LEAST_SIDE and side * side * channels == length:
            return side, side, channels
    return None


def image_spec(signature: Signature, preprocessing: Preprocessing, where: str) -> ImageSpec:
    """The image that a model takes.

    Raises:
        ModelError: it takes something else than one image; the message says what.
    """
    if len(signature.inputs) != 1:
        takes = "; ".join(map(str, signature.inputs))
        raise ModelError(f"{where}: takes {len(signature.inputs)} inputs ({takes}), not one image")
    tensor = signature.inputs[0]
    size = layout_of(tensor.shape)
    if size is None:
        raise ModelError(
            f"{where}: takes {tensor}, which is no image: "
            "expected (batch, height, width, channels) with 1, 3 or 4 channels"
        )
    _, height, width, channels = size
    if tensor.dtype not in INPUT_DTYPES:
        raise ModelError(f"{where}: takes {tensor}: expected numbers")
    if 0 in (height, width) or (height or 1) * (width or 1) * channels > MAX_VALUES:
        raise ModelError(f"{where}: takes {tensor}: expected an image of 1 to {MAX_VALUES:,} numbers")
    _check_preprocessing(preprocessing, height, width, channels, where)
    return ImageSpec(height, width, channels, preprocessing)


def natural_order(names: Sequence[str]) -> list[str]:
    """Output names in their order: `output_10` after `output_9`."""

    def key(name: str) -> tuple[str, int]:
        stem, _, number = name.rpartition("_")
        return (stem, int(number)) if number.isdigit() else (name, -1)

    return sorted(names, key=key)


def _check_preprocessing(
    preprocessing: Preprocessing, height: int | None, width: int | None, channels: int, where: str
) -> None:
    scaling, wanted = preprocessing.scaling, preprocessing.resize_to
    if scaling is not None and len(scaling.mean) not in (1, channels):
        raise ModelError(f"{where}: scale has {len(scaling.mean)} means for {channels} channels")
    if preprocessing.channels is ChannelOrder.BGR and channels == 1:
        raise ModelError(f"{where}: channels says bgr, and it takes one channel")
    if preprocessing.threshold == OTSU and channels != 1:
        raise ModelError(
            f"{where}: threshold says {OTSU}, which is for grey, and it takes {channels} channels"
        )
    if wanted is not None and (height is None or width is None or wanted < max(height, width)):
        size = f"{height or 'any'}×{width or 'any'}"
        raise ModelError(f"{where}: no {size} pixels can be cut out of what resize_to = {wanted} leaves")


def to_tensor(pixels: Pixels, spec: TensorSpec, preprocessing: Preprocessing) -> NDArray[Any]:
    """Bring pixels of shape (batch, height, width, channels), 0..255 and RGB, to what an input takes.

    Floats are `(pixel / divisor - mean) / std` in float32, and quantised where the input is. Without a
    scaling they are 0..1 for an input of floats, and the pixels themselves for one of integers: minus 128
    for int8, which has no more room. So they are when 0..255 is stated for 8 bits, as no quantisation
    has room for it but the one that changes nothing.
    """
    scaling = preprocessing.scaling
    if len(spec.shape) == 3 and layout_of(spec.shape) == (Layout.NO_CHANNELS, *spec.shape[1:], 1):
        pixels = pixels[..., :1]
    ordered = pixels if preprocessing.channels is ChannelOrder.RGB else _blue_first(pixels)
    if spec.takes_pixels and scaling in (None, AS_THEY_ARE):
        tensor = _themselves(ordered, spec.dtype)
    else:
        tensor = _real(ordered, spec, scaling)
    return np.ascontiguousarray(_arranged(tensor, spec.shape))


def _arranged(tensor: NDArray[Any], shape: Sequence[int | None]) -> NDArray[Any]:
    match layout_of(shape):
        case (Layout.CHANNELS_FIRST, *_):
            return tensor.transpose(0, 3, 1, 2)
        case (Layout.NO_CHANNELS, *_):
            return tensor[..., 0]
        case (Layout.FLAT, *_):
            return tensor.reshape(len(tensor), -1, *shape[2:])
        case _:
            return tensor


def _themselves(pixels: NDArray[Any], dtype: str) -> NDArray[Any]:
    whole = pixels if pixels.dtype == np.uint8 else np.rint(pixels).clip(0, 255).astype(np.uint8)
    # The highest bit turned is 128 less, in two's complement.
    return whole if dtype == "uint8" else (whole ^ np.uint8(128)).view(np.int8)


def _real(pixels: NDArray[Any], spec: TensorSpec, scaling: Scaling | None) -> NDArray[Any]:
    """Pixels as real numbers, and as the integers that stand for them where the input takes these."""
    dtype, quantisation = np.dtype(spec.dtype), spec.quantisation
    if scaling is None:
        scaling = UNIT_INTERVAL if dtype.kind == "f" or quantisation is not None else AS_THEY_ARE
    tensor = pixels if scaling == AS_THEY_ARE else _scaled(pixels, scaling)
    if quantisation is not None:
        tensor = tensor / np.float32(quantisation.scale) + np.float32(quantisation.zero_point)
    if dtype.kind != "f" and (tensor.dtype.kind == "f" or dtype.itemsize == 1):
        most = np.iinfo(dtype)
        tensor = np.rint(tensor).clip(most.min, most.max)
    return tensor.astype(dtype, copy=False)


def _blue_first(pixels: NDArray[Any]) -> NDArray[Any]:
    """The same with the first three channels the other way round; alpha stays the last."""
    return pixels.take([2, 1, 0, 3][: pixels.shape[-1]], axis=-1)


def _scaled(pixels: NDArray[Any], scaling: Scaling) -> NDArray[np.float32]:
    match scaling.per_image:
        case PerImage.STANDARDIZATION:
            return _standardized(pixels)
        case PerImage.MIN_MAX:
            return _stretched(pixels)
    tensor: NDArray[np.float32] = np.divide(pixels, np.float32(scaling.divisor), dtype=np.float32)
    if any(scaling.mean):
        tensor -= np.asarray(scaling.mean, np.float32)
    if any(std != 1 for std in scaling.std):
        tensor /= np.asarray(scaling.std, np.float32)
    return tensor


EACH_IMAGE = (1, 2, 3)
"""The axes of height, width and channels."""


def _standardized(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Every image with a mean of 0 and a standard deviation of 1, or less where it is uniform."""
    values = pixels.astype(np.float64)
    mean = values.mean(EACH_IMAGE, keepdims=True)
    least = 1 / math.sqrt(math.prod(values.shape[1:]))
    std = np.maximum(values.std(EACH_IMAGE, keepdims=True), least)
    return np.asarray((values - mean) / std, np.float32)


def _stretched(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Every image from 0 to 1; 0 where it is uniform."""
    values = pixels.astype(np.float32)
    low = values.min(EACH_IMAGE, keepdims=True)
    span = values.max(EACH_IMAGE, keepdims=True) - low
    return np.asarray((values - low) / np.where(span > 0, span, 1), np.float32)


def random_pixels(shape: tuple[int, int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Noise to try a model on: uint8 of shape (batch, height, width, channels)."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
