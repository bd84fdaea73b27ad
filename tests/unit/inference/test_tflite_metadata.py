"""TensorFlow Lite metadata: what Model Maker and its like write, and what an attacker could."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.domain import Scaling
from mlpredict.inference.flatbuffer import Damaged
from mlpredict.inference.labels import MAX_BYTES
from mlpredict.inference.tflite_metadata import TfliteMetadata, read_metadata
from tests.unit.inference.tflite_files import File, metadata


def read(packed: dict[str, bytes] | None = None, **said: object) -> TfliteMetadata | None:
    return read_metadata(File(metadata=metadata(**said), packed=packed or {}).written())  # type: ignore[arg-type]


def test_a_file_without_metadata_has_none() -> None:
    assert read_metadata(File().written()) is None


def test_metadata_that_say_nothing_say_nothing() -> None:
    assert read() == TfliteMetadata()


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        ([127.5], [127.5], Scaling(1.0, (127.5,), (127.5,))),
        ([0.0], [255.0], Scaling(255.0)),
        ([0.0], [1.0], Scaling(1.0)),
        ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], Scaling(1.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
        ([0.0, 0.0, 0.0], [255.0, 255.0, 255.0], Scaling(255.0)),
    ],
)
def test_a_normalisation_is_a_scaling(mean: list[float], std: list[float], expected: Scaling) -> None:
    found = read(mean=mean, std=std)
    assert found is not None
    assert found.scaling == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("Bird watcher", "Bird watcher"), ("ImageClassifier", None), ("", None)]
)
def test_a_name_is_the_author_s_and_not_the_tool_s(name: str, expected: str | None) -> None:
    found = read(name=name)
    assert found is not None
    assert found.name == expected


def test_labels_are_packed_behind_the_model() -> None:
    packed = {"labels.txt": "cat\r\nmöwe\n".encode()}
    found = read(packed, label_files=[("labels.txt", "")])
    assert found is not None
    assert found.labels == (("cat", "möwe"),)


def test_labels_without_a_locale_come_first() -> None:
    packed = {"labels_de.txt": b"Katze\n", "labels.txt": b"cat\n"}
    found = read(packed, label_files=[("labels_de.txt", "de"), ("labels.txt", "")])
    assert found is not None
    assert found.labels == (("cat",),)


@pytest.mark.parametrize(
    ("packed", "said", "message"),
    [
        ({}, {"mean": [1.0], "std": [0.0]}, "normalisation is mean"),
        ({}, {"mean": [1.0, 2.0], "std": [1.0]}, "normalisation is mean"),
        ({}, {"mean": [math.nan], "std": [1.0]}, "normalisation is mean"),
        ({}, {"mean": [], "std": [1.0]}, "normalisation is mean"),
        ({}, {"label_files": [("labels.txt", "")]}, "labels.txt in them cannot be read"),
        ({"other.txt": b""}, {"label_files": [("labels.txt", "")]}, "labels.txt is named in them"),
        ({"labels.txt": b"\xff"}, {"label_files": [("labels.txt", "")]}, "cannot be read"),
        ({"labels.txt": bytes(MAX_BYTES + 1)}, {"label_files": [("labels.txt", "")]}, "larger than any list"),
        ({}, {"identifier": b"M999"}, "begin with b'M999'"),
    ],
)
def test_what_is_wrong_is_said(packed: dict[str, bytes], said: dict[str, object], message: str) -> None:
    with pytest.raises(Damaged, match=message):
        read(packed, **said)


WHOLE = File(
    metadata=metadata(name="Birds", mean=[127.5], std=[127.5], label_files=[("labels.txt", "")]),
    packed={"labels.txt": b"cat\n"},
).written()


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_no_changed_byte_is_more_than_an_error(place: int, value: int) -> None:
    changed = bytearray(WHOLE)
    changed[place] = value
    with pytest.MonkeyPatch.context():
        try:
            found = read_metadata(bytes(changed))
        except Damaged:
            return
    assert found is None or isinstance(found, TfliteMetadata)


@given(st.integers(0, len(WHOLE)))
def test_no_truncated_file_is_more_than_an_error(length: int) -> None:
    try:
        found = read_metadata(WHOLE[:length])
    except Damaged:
        return
    assert found is None or isinstance(found, TfliteMetadata)
