"""What a model is, apart from what runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlpredict.domain import (
    Activation,
    ChannelOrder,
    EngineName,
    Fit,
    ImageSpec,
    ModelIdentity,
    PerImage,
    Prediction,
    Preprocessing,
    Resize,
    Scaling,
    Task,
)
from mlpredict.inference.identity import fingerprint
from mlpredict.inference.model import Model
from mlpredict.inference.outputs import OutputReader
from mlpredict.inference.signature import Signature, TensorSpec
from tests.unit.images import decoded, png, spec

FILES = "ab" * 32
IDENTITY = ModelIdentity("fake", "0" * 64, "keras", "/fake.keras", Task.RAW, None, {})


class FakeEngine:
    """Two outputs: the batch's first pixels, and their negatives."""

    name = EngineName.LITERT
    workers = 1
    signature = Signature(
        (TensorSpec("image", (None, 2, 2, 3), "float32"),),
        (TensorSpec("first", (None, 3), "float32"), TensorSpec("negative", (None, 3), "float32")),
    )

    def facts(self) -> dict[str, Any]:
        return {"engine": "none"}

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        return [tensor[:, 0, 0], -tensor[:, 0, 0]]


def model(output: int, image: ImageSpec | None = None) -> Model:
    reader = OutputReader(Task.RAW, Activation.NONE, None)
    return Model(IDENTITY, image or spec(3, 2, 2), FakeEngine(), reader, output)


def test_a_batch_is_scaled_run_and_read_in_order() -> None:
    samples = [decoded(png(width, 3), spec(3, 2, 2)) for width in (4, 9)]
    expected = [sample.pixels[0, 0].astype(np.float32) / 255 for sample in samples]
    answers = model(0).predict(samples)
    assert [type(answer) for answer in answers] == [Prediction, Prediction]
    for answer, wanted in zip(answers, expected, strict=True):
        assert isinstance(answer, Prediction)
        np.testing.assert_array_equal(np.array(answer.values[1:-1].split(","), np.float32), wanted)


def test_the_chosen_output_is_read() -> None:
    pixels = np.full((1, 2, 2, 3), 51, np.uint8)
    assert model(0).outputs(pixels)[0, 0] == np.float32(0.2)
    assert model(1).outputs(pixels)[0, 0] == np.float32(-0.2)


@pytest.mark.parametrize(
    ("height", "width", "batch"), [(28, 28, 256), (224, 224, 6), (4000, 4000, 1), (None, None, 37)]
)
def test_large_images_make_small_batches(height: int | None, width: int | None, batch: int) -> None:
    assert model(0, spec(3, height, width)).batch_size == batch


def test_the_fingerprint_of_the_same_model_used_alike_is_the_same() -> None:
    first = fingerprint(FILES, Preprocessing(scaling=Scaling(255.0)), None)
    assert first == fingerprint(FILES, Preprocessing(scaling=Scaling(255.0)), None)
    assert len(bytes.fromhex(first)) == 32


@pytest.mark.parametrize(
    ("preprocessing", "output", "expected"),
    [
        (Preprocessing(), None, "dd88b5fc54d5463cd5b1118a82013ab2e5b848c4a0260de55068d79ea3aa0023"),
        (
            Preprocessing(Scaling(255.0), Resize.BICUBIC, Fit.STRETCH, "white"),
            None,
            "59cad4b6793dcedd4025b80418a2c848c06f6a61a9de73ed381747014891efc3",
        ),
        (
            Preprocessing(Scaling(127.5, (1.0,)), Resize.NEAREST, Fit.PAD),
            "logits",
            "b10c438cff8677d4a7204329c597cadd6bce2baa4daad69de6e99520e68be07d",
        ),
    ],
)
def test_new_words_change_no_fingerprint_that_is_stored(
    preprocessing: Preprocessing, output: str | None, expected: str
) -> None:
    assert fingerprint(FILES, preprocessing, output) == expected


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(("cd" * 32, Preprocessing(), None), id="files"),
        pytest.param((FILES, Preprocessing(), "logits"), id="output"),
        pytest.param((FILES, Preprocessing(scaling=Scaling(127.5, (1.0,))), None), id="scale"),
        pytest.param((FILES, Preprocessing(resize=Resize.NEAREST), None), id="resize"),
        pytest.param((FILES, Preprocessing(fit=Fit.CROP), None), id="fit"),
        pytest.param((FILES, Preprocessing(background="white"), None), id="background"),
        pytest.param((FILES, Preprocessing(resize=Resize.BILINEAR, antialias=False), None), id="antialias"),
        pytest.param((FILES, Preprocessing(channels=ChannelOrder.BGR), None), id="channels"),
        pytest.param((FILES, Preprocessing(invert=True), None), id="invert"),
        pytest.param((FILES, Preprocessing(threshold=0), None), id="threshold"),
        pytest.param((FILES, Preprocessing(white=4095.0), None), id="white"),
        pytest.param((FILES, Preprocessing(central_crop=0.875), None), id="central crop"),
        pytest.param((FILES, Preprocessing(resize_to=256), None), id="resize to"),
        pytest.param((FILES, Preprocessing(Scaling(per_image=PerImage.MIN_MAX)), None), id="per image"),
    ],
)
def test_whatever_changes_the_answers_changes_the_fingerprint(
    other: tuple[str, Preprocessing, str | None],
) -> None:
    assert fingerprint(*other) != fingerprint(FILES, Preprocessing(), None)
