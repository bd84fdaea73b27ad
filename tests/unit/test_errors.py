"""Errors and the words of the domain."""

from __future__ import annotations

import pytest

from mlpredict.domain import ImageSpec, ModelIdentity, Task, model_label
from mlpredict.errors import (
    DatabaseError,
    Interrupted,
    MlpredictError,
    ModelError,
    NoSpace,
    NotFound,
    OutputError,
    SchemaOutdated,
    Terminated,
    TransientDatabaseError,
    UsageError,
    WrongValue,
)
from mlpredict.inputs.remote.keep_choice import keep_of


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (MlpredictError, 1),
        (OutputError, 1),
        (UsageError, 2),
        (DatabaseError, 3),
        (SchemaOutdated, 3),
        (ModelError, 4),
        (NotFound, 5),
        (TransientDatabaseError, 3),
        (NoSpace, 3),
        (Interrupted, 130),
        (Terminated, 143),
    ],
)
def test_every_kind_has_its_exit_status(kind: type[MlpredictError], status: int) -> None:
    assert kind().exit_status == status


def test_a_message_is_what_is_said() -> None:
    error = ModelError("cats.h5: not a model", hint="give a .keras file")
    assert (str(error), error.message, error.hint) == (
        "cats.h5: not a model",
        "cats.h5: not a model",
        "give a .keras file",
    )


def test_without_a_message_it_is_the_first_line_of_the_docstring() -> None:
    class Melted(MlpredictError):
        """The disk has melted.

        It was hot.
        """

    assert str(Melted()) == Melted().message == "The disk has melted."
    assert Melted().hint is None


def test_a_model_is_shown_by_name_and_the_first_digits_of_its_fingerprint() -> None:
    fingerprint = "3f2a91c0" + "0" * 56
    identity = ModelIdentity("mnist", fingerprint, "keras", "/m.keras", Task.RAW, None, {})
    assert str(identity) == model_label("mnist", fingerprint) == "mnist@3f2a91c0"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ImageSpec(28, 30, 1), "28×30 pixels of 1 channel"),
        (ImageSpec(None, None, 3), "any×any pixels of 3 channels"),
    ],
)
def test_the_image_a_model_takes_is_told_in_words(spec: ImageSpec, words: str) -> None:
    assert str(spec) == words


def test_a_wrong_value_is_told_as_a_parameter_and_as_an_option() -> None:
    with pytest.raises(WrongValue) as caught:
        keep_of("nothing")
    why = "expected original, model-input, reference, or s3://BUCKET/PREFIX/"
    assert caught.value.message == f"keep='nothing': {why}"
    assert caught.value.in_full == f"--keep nothing: {why}"
    assert WrongValue("store_top", 0, "too few", hint="take 1").in_full == "--store-top 0: too few; take 1"


def test_a_long_value_is_not_repeated_whole() -> None:
    error = WrongValue("labels", "x" * 5000, "no file")
    assert len(error.message) < 130
    assert len(error.in_full) < 130
