"""What a model takes and gives, and whether that is an image."""

from __future__ import annotations

import pytest

from mlpredict.domain import ChannelOrder, Fit, Preprocessing, Scaling
from mlpredict.errors import ModelError
from mlpredict.inference.compilation import loaded_message
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.signature import Signature, TensorSpec, image_spec, natural_order

Shape = tuple[int | None, ...]


def taking(*shapes: Shape, dtype: str = "float32") -> Signature:
    inputs = tuple(TensorSpec(f"input_{n}", shape, dtype) for n, shape in enumerate(shapes))
    return Signature(inputs, (TensorSpec("output", (None, 10), "float32"),))


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((None, 28, 28, 1), (28, 28, 1)),
        ((None, 20, 30, 3), (20, 30, 3)),
        ((1, 8, 8, 4), (8, 8, 4)),
        ((None, None, None, 3), (None, None, 3)),
        ((None, 28, 30), (28, 30, 1)),
        ((None, 1, 28, 30), (28, 30, 1)),
        ((None, 3, None, None), (None, None, 3)),
        ((None, 3, 32, 3), (3, 32, 3)),
        ((None, 784), (28, 28, 1)),
        ((None, 3072), (32, 32, 3)),
        ((None, 784, 1), (28, 28, 1)),
        ((None, 28, 1), (28, 1, 1)),
    ],
)
def test_an_image_has_height_width_and_perhaps_channels(
    shape: Shape, size: tuple[int | None, int | None, int]
) -> None:
    preprocessing = Preprocessing(background="white")
    spec = image_spec(taking(shape), preprocessing, "model")
    assert (spec.height, spec.width, spec.channels) == size
    assert spec.preprocessing is preprocessing


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int32"])
def test_images_are_numbers_of_any_kind(dtype: str) -> None:
    assert image_spec(taking((None, 2, 2, 1), dtype=dtype), Preprocessing(), "model").channels == 1


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((None, 785), "(None, 785)"),
        # A square, but hardly of pixels.
        ((None, 4), "(None, 4)"),
        ((None, None), "(None, None)"),
        ((None, 2, 32, 32), "(None, 2, 32, 32)"),
        ((None, 28, 28, 2), "(None, 28, 28, 2)"),
        ((None, 28, 28, None), "(None, 28, 28, None)"),
        ((None, 5, 28, 28, 3), "(None, 5, 28, 28, 3)"),
        ((), "()"),
    ],
)
def test_anything_else_is_no_image_and_the_message_says_what_it_is(shape: Shape, told: str) -> None:
    with pytest.raises(ModelError, match=r"^cats: takes input_0 ") as raised:
        image_spec(taking(shape), Preprocessing(), "cats")
    assert told in raised.value.message


@pytest.mark.parametrize(
    "shape",
    [
        (None, 1_000_000, 1_000_000, 3),
        (None, 28, 1_000_000, 3),
        (None, 10**30, 1),
        (None, None, 10**9, 1),
        (None, 0, 28, 1),
        (None, 28, 0),
    ],
)
def test_an_image_of_any_size_would_not_do(shape: Shape) -> None:
    with pytest.raises(
        ModelError, match=r"^cats: takes input_0 .* expected an image of 1 to 67,108,864 numbers$"
    ):
        image_spec(taking(shape), Preprocessing(), "cats")


def test_a_large_image_will_do() -> None:
    assert image_spec(taking((None, 4096, 4096, 4)), Preprocessing(), "cats").height == 4096


@pytest.mark.parametrize("dtype", ["string", "bool", "complex64"])
def test_text_is_no_image(dtype: str) -> None:
    with pytest.raises(ModelError, match=f"^cats: .* {dtype}: expected numbers"):
        image_spec(taking((None, 2, 2, 1), dtype=dtype), Preprocessing(), "cats")


def test_a_model_of_several_inputs_is_refused_with_their_names() -> None:
    with pytest.raises(ModelError, match=r"takes 2 inputs \(input_0 .*; input_1 .*\), not one image"):
        image_spec(taking((None, 28, 28, 1), (None, 4)), Preprocessing(), "cats")


@pytest.mark.parametrize(("means", "channels"), [(1, 1), (1, 3), (3, 3), (4, 4)])
def test_a_scale_is_for_all_channels_or_for_each(means: int, channels: int) -> None:
    scaling = Scaling(mean=(0.5,) * means, std=(0.5,) * means)
    spec = image_spec(taking((None, 2, 2, channels)), Preprocessing(scaling), "cats")
    assert spec.preprocessing.scaling == scaling


def test_a_scale_for_other_channels_is_refused() -> None:
    scaling = Scaling(mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(ModelError, match="cats: scale has 3 means for 1 channels"):
        image_spec(taking((None, 2, 2, 1)), Preprocessing(scaling), "cats")


@pytest.mark.parametrize(
    ("preprocessing", "channels", "told"),
    [
        (Preprocessing(channels=ChannelOrder.BGR), 1, "channels says bgr, and it takes one channel"),
        (
            Preprocessing(threshold="otsu"),
            3,
            "threshold says otsu, which is for grey, and it takes 3 channels",
        ),
        (
            Preprocessing(fit=Fit.CROP, resize_to=223),
            3,
            "no 224×200 pixels can be cut out of what resize_to = 223 leaves",
        ),
    ],
)
def test_what_does_not_go_with_the_input_is_refused(
    preprocessing: Preprocessing, channels: int, told: str
) -> None:
    with pytest.raises(ModelError, match=f"^cats: {told}$"):
        image_spec(taking((None, 224, 200, channels)), preprocessing, "cats")


def test_nothing_is_cut_out_for_a_model_of_any_size() -> None:
    with pytest.raises(ModelError, match="no any×any pixels can be cut out"):
        image_spec(taking((None, None, None, 3)), Preprocessing(fit=Fit.CROP, resize_to=256), "cats")


def test_outputs_are_ordered_by_their_numbers() -> None:
    names = ["output_10", "output_9", "output_0", "logits", "b_2", "a_11"]
    assert natural_order(names) == ["a_11", "b_2", "logits", "output_0", "output_9", "output_10"]


def test_a_signature_survives_its_way_between_processes() -> None:
    signature = taking((None, 28, 28, 1))
    message = loaded_message(signature, Evidence())
    assert Signature.from_json(message["signature"]) == signature
