"""Arrays as a model takes them are known by their pixels, or refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpredict.domain import ChannelOrder, ImageSpec, PerImage, Preprocessing, Scaling
from mlpredict.errors import ImageError
from mlpredict.inference.given_arrays import pixels_of
from mlpredict.inference.signature import Quantisation, Signature, TensorSpec, image_spec, to_tensor

IMAGENET = Scaling(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CAFFE = Scaling(1.0, (103.939, 116.779, 123.68))
UNIT, SIGNED, LEVELS = Scaling(255.0), Scaling(127.5, (1.0,)), Scaling(1.0)


def spec_of(tensor: TensorSpec, preprocessing: Preprocessing) -> ImageSpec:
    return image_spec(Signature((tensor,), ()), preprocessing, "model")


def noise(spec: ImageSpec) -> NDArray[np.uint8]:
    shape = (spec.height or 9, spec.width or 7, spec.channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pixels[:2, 0] = [[0], [255]]
    return pixels


@pytest.mark.parametrize("decimals", [None, 4])
@pytest.mark.parametrize(
    ("shape", "dtype", "scaling", "quantisation"),
    [
        ((None, 28, 28, 1), "float32", None, None),
        ((None, 28, 28, 1), "float32", UNIT, None),
        ((None, 28, 28), "float32", UNIT, None),
        ((None, 784), "float32", UNIT, None),
        ((None, 784, 1), "float32", SIGNED, None),
        ((None, None, None, 3), "float32", SIGNED, None),
        ((None, 3, 8, 9), "float32", IMAGENET, None),
        ((None, 8, 9, 3), "float32", IMAGENET, None),
        ((None, 8, 9, 3), "float32", CAFFE, None),
        ((None, 8, 9, 4), "float32", LEVELS, None),
        ((None, 8, 9, 3), "float64", UNIT, None),
        ((None, 8, 9, 3), "uint8", None, None),
        ((None, 8, 9, 3), "int8", None, None),
        ((None, 8, 9, 3), "int32", None, None),
        ((1, 8, 9, 3), "uint8", None, Quantisation(1 / 255, 0)),
        ((1, 8, 9, 3), "int8", SIGNED, Quantisation(2 / 255, -1)),
    ],
)
def test_what_a_client_prepares_as_we_do_is_what_it_was_made_of(
    shape: tuple[int | None, ...],
    dtype: str,
    scaling: Scaling | None,
    quantisation: Quantisation | None,
    decimals: int | None,
) -> None:
    tensor = TensorSpec("input", shape, dtype, quantisation)
    for order in ChannelOrder if 3 in shape else [ChannelOrder.RGB]:
        preprocessing = Preprocessing(scaling, channels=order)
        spec = spec_of(tensor, preprocessing)
        pixels = noise(spec)
        made = to_tensor(pixels[None], tensor, preprocessing)[0]
        if decimals is not None and dtype.startswith("float"):
            made = made.round(decimals)
        sent = np.asarray(json.loads(json.dumps(made.tolist())))
        found = pixels_of(sent, tensor, spec)
        if quantisation is None:
            assert np.array_equal(found, pixels)
        else:  # several levels may be one integer
            assert np.array_equal(to_tensor(found[None], tensor, preprocessing)[0], made)


def test_floats_of_16_bits_are_known_too() -> None:
    tensor = TensorSpec("input", (None, 16, 16, 1), "float16")
    spec = spec_of(tensor, Preprocessing())
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    sent = to_tensor(pixels[None], tensor, spec.preprocessing)[0].astype(np.float64)
    assert np.array_equal(pixels_of(sent, tensor, spec), pixels)


def test_one_channel_may_be_left_out_or_be_there() -> None:
    for shape, given in (((None, 8, 9, 1), (8, 9)), ((None, 8, 9), (8, 9, 1))):
        tensor = TensorSpec("input", shape, "float32")
        assert pixels_of(np.zeros(given), tensor, spec_of(tensor, Preprocessing())).shape == (8, 9, 1)


GREY = TensorSpec("input", (None, 8, 8, 1), "float32")


def filled(*values: float) -> NDArray[Any]:
    array = np.zeros((8, 8, 1))
    array.flat[: len(values)] = values
    return array


@pytest.mark.parametrize(
    ("array", "tensor", "words"),
    [
        (np.zeros((8, 7, 1)), GREY, r"its shape is \(8, 7, 1\), and the model takes \(8, 8, 1\)"),
        (np.zeros((1, 8, 8, 1)), GREY, "its shape is"),
        (np.zeros(()), GREY, "its shape is"),
        (np.zeros((0, 8, 1)), GREY, "an array of numbers"),
        (np.full((8, 8, 1), "1"), GREY, "an array of numbers"),
        (np.full((8, 8, 1), True), GREY, "an array of numbers"),
        (np.full((8, 8, 1), None), GREY, "an array of numbers"),
        (filled(np.nan), GREY, "NaN"),
        (filled(0, 0.4512), GREY, r"0.4512 at \[0\]\[1\]\[0\] lies between the levels 115 and 116"),
        (filled(0, 255), GREY, r"255 at \[0\]\[1\]\[0\] is none of 0\.\.1"),
        (filled(-1), GREY, r"-1 at .* is none of 0\.\.1"),
        (filled(1e308), GREY, r"is none of 0\.\.1"),
        (filled(0.5), TensorSpec("input", (None, 8, 8, 1), "uint8"), "lies between the levels 0 and 1"),
        (filled(256), TensorSpec("input", (None, 8, 8, 1), "uint8"), r"is none of 0\.\.255"),
        (filled(128), TensorSpec("input", (None, 8, 8, 1), "int8"), r"is none of -128\.\.127"),
    ],
)
def test_anything_else_is_refused_with_the_reason(
    array: NDArray[Any], tensor: TensorSpec, words: str
) -> None:
    with pytest.raises(ImageError, match=words):
        pixels_of(array, tensor, spec_of(tensor, Preprocessing()))


@pytest.mark.parametrize("scaling", list(PerImage))
def test_what_depends_on_all_of_an_image_cannot_be_undone(scaling: PerImage) -> None:
    spec = spec_of(GREY, Preprocessing(Scaling(per_image=scaling)))
    with pytest.raises(ImageError, match="send the image itself"):
        pixels_of(np.zeros((8, 8, 1)), GREY, spec)
