"""What tells models apart: everything that changes what is said of an image, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from mlpredict.domain import Activation, Preprocessing, Scaling, Task
from mlpredict.inference.identity import fingerprint
from mlpredict.inference.outputs import OutputReader
from mlpredict.inference.signature import Quantisation, TensorSpec

FILES = "ab" * 32
TOLD = (Task.CLASSIFICATION, Activation.SOFTMAX)
PLAIN = OutputReader(*TOLD, None)
BEFORE = fingerprint(FILES, Preprocessing(), None)


def of(reader: OutputReader, told: tuple[Task, Activation] = TOLD, tensor: TensorSpec | None = None) -> str:
    return fingerprint(FILES, Preprocessing(), None, tensor, reader, told)


def quantised(dtype: str, scale: float, zero_point: int) -> TensorSpec:
    return TensorSpec("image", (None, 2, 2, 3), dtype, Quantisation(scale, zero_point))


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(PLAIN, id="nothing said"),
        pytest.param(OutputReader(*TOLD, ("0", "1", "2")), id="numbers for labels"),
    ],
)
def test_what_holds_anyway_leaves_no_trace(reader: OutputReader) -> None:
    assert of(reader) == BEFORE


def test_labels_task_and_activation_count() -> None:
    readers = [
        PLAIN,
        OutputReader(*TOLD, ("cat", "dog")),
        OutputReader(*TOLD, ("dog", "cat")),
        OutputReader(Task.CLASSIFICATION, Activation.NONE, None),
        OutputReader(Task.RAW, Activation.NONE, None),
    ]
    assert len({of(reader) for reader in readers}) == len(readers)


def test_a_task_counts_by_what_the_outputs_tell() -> None:
    raw = OutputReader(Task.RAW, Activation.NONE, None)
    assert of(raw, (Task.RAW, Activation.NONE)) == BEFORE
    assert of(PLAIN, (Task.RAW, Activation.NONE)) != BEFORE


@pytest.mark.parametrize(
    ("tensor", "same"),
    [
        (TensorSpec("image", (None, 2, 2, 3), "float32"), True),
        (TensorSpec("image", (None, 2, 2, 3), "uint8"), True),
        (quantised("uint8", 1 / 255, 0), True),
        (quantised("int8", 0.003921569, -128), True),
        (quantised("uint8", 0.0078125, 128), False),
        (quantised("int8", 1.0, -128), False),
        (quantised("int16", 0.1, 0), True),
    ],
)
def test_a_quantised_input_counts_where_pixels_are_new_to_it(tensor: TensorSpec, same: bool) -> None:
    assert (of(PLAIN, tensor=tensor) == BEFORE) is same


def test_a_stated_scale_of_a_quantised_input_is_what_it_was() -> None:
    scaled = Preprocessing(scaling=Scaling(255.0))
    given: dict[str, Any] = {"tensor": quantised("uint8", 0.0078125, 128)}
    assert fingerprint(FILES, scaled, None, **given) == fingerprint(FILES, scaled, None)
