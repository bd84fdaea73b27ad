"""A model's files and what is recorded of their use are what its fingerprint was made of, or are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlpredict.domain import (
    Activation,
    ChannelOrder,
    Decode,
    Fit,
    PerImage,
    Preprocessing,
    Resize,
    Scaling,
    Task,
)
from mlpredict.domain.verification import RecordedModel
from mlpredict.inference.identity import fingerprint, words
from mlpredict.inference.outputs import OutputReader
from mlpredict.inference.recorded import is_recorded
from mlpredict.inference.signature import Quantisation, TensorSpec

FILES = "ab" * 32
FLOATS = TensorSpec("input", (None, 28, 28, 1), "float32")
BYTES = TensorSpec("input", (None, 28, 28, 1), "uint8", Quantisation(0.5, 3))
PREPROCESSINGS = (
    Preprocessing(),
    Preprocessing(Scaling(127.5, (1.0,)), Resize.LANCZOS, Fit.CROP, "white"),
    Preprocessing(Scaling(1.0, (103.939, 116.779, 123.68)), channels=ChannelOrder.BGR, resize_to=256),
    Preprocessing(Scaling(1.0, per_image=PerImage.MIN_MAX), threshold="otsu", white=4095.0, invert=True),
    Preprocessing(central_crop=0.875, decode=Decode.REDUCED, antialias=False),
)
READERS = (
    OutputReader(Task.CLASSIFICATION, Activation.SOFTMAX, ("cat", "dog")),
    OutputReader(Task.CLASSIFICATION, Activation.SOFTMAX, ("0", "1")),
    OutputReader(Task.CLASSIFICATION, Activation.NONE, None, unknown_below=0.3),
    OutputReader(Task.MULTI_LABEL, Activation.SIGMOID, ("a", "b"), score_threshold=0.7),
    OutputReader(Task.REGRESSION, Activation.NONE, None, unit="years", factor=100.0),
)


def recorded(
    preprocessing: Preprocessing,
    reader: OutputReader,
    tensor: TensorSpec,
    output: str | None,
    told: tuple[Task, Activation],
    hashed: OutputReader | None = None,
) -> RecordedModel:
    """What the database has of a model, after a way through JSON."""
    description = {
        "activation": reader.activation,
        "output": output,
        "preprocessing": preprocessing.stated(),
        **words(reader),
    }
    made = fingerprint(FILES, preprocessing, output, tensor, hashed or reader, told)
    described: dict[str, Any] = json.loads(json.dumps(description))
    return RecordedModel("pets", made, "keras", str(reader.task), reader.labels, described, ())


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS)
def test_a_preprocessing_comes_back_from_the_record(preprocessing: Preprocessing) -> None:
    assert Preprocessing.of(json.loads(json.dumps(preprocessing.stated()))) == preprocessing


@pytest.mark.parametrize("stated", [{"sharpen": 2}, {"resize": "magic"}, {"scaling": {"divisor": 1}}])
def test_words_of_a_newer_version_are_refused(stated: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Preprocessing.of(stated)


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("tensor", [FLOATS, BYTES])
def test_what_was_recorded_proves_the_files(
    preprocessing: Preprocessing, reader: OutputReader, tensor: TensorSpec
) -> None:
    for told in ((reader.task, reader.activation), (Task.RAW, Activation.NONE)):
        known = recorded(preprocessing, reader, tensor, "logits", told)
        assert is_recorded(FILES, known)
        assert not is_recorded("cd" * 32, known)


def test_several_labels_that_were_guessed_are_proven() -> None:
    reader = READERS[3]
    hashed = reader._replace(task=Task.CLASSIFICATION)
    assert is_recorded(
        FILES, recorded(Preprocessing(), reader, FLOATS, None, (Task.RAW, Activation.NONE), hashed)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ("dog", "cat")},
        {"labels": None},
        {"task": "multi-label"},
        {"description": {"preprocessing": Preprocessing(invert=True).stated(), "output": None}},
    ],
)
def test_a_changed_record_is_not_what_the_fingerprint_is_of(change: dict[str, Any]) -> None:
    known = recorded(Preprocessing(), READERS[0], FLOATS, None, (Task.RAW, Activation.NONE))
    assert is_recorded(FILES, known)
    assert not is_recorded(FILES, known._replace(**change))


def test_numbers_for_labels_are_changed_as_well() -> None:
    told = (Task.CLASSIFICATION, Activation.SOFTMAX)
    known = recorded(Preprocessing(), READERS[1], FLOATS, None, told)
    assert not is_recorded(FILES, known._replace(labels=("1", "0")))
