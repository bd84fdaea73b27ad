"""What the graphs of `.tflite` files tell of the pixels they take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.inference.evidence import Evidence, InputMap
from mlpredict.inference.flatbuffer import Damaged
from mlpredict.inference.tflite_graph import TfliteGraph, tflite_evidence
from tests.unit.inference.tflite_files import ADD, CONV_2D, INT8, MUL, QUANTIZE, SOFTMAX, UINT8, File, Tensor

KERNEL = np.full((8, 3, 3, 3), 0.1, np.float32)


def number(value: float) -> Tensor:
    return Tensor("number", content=np.float32(value).tobytes())


def kernel(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = KERNEL) -> Tensor:
    return Tensor("kernel", shape=values.shape, content=values.tobytes())


SCALED = File(
    tensors=[
        Tensor("image"),
        number(1 / 127.5),
        Tensor("model/rescaling/mul"),
        number(-1),
        Tensor("model/rescaling/add"),
        kernel(),
        Tensor("model/conv/conv"),
        Tensor("scores"),
    ],
    operations=[(MUL, [0, 1], [2]), (ADD, [2, 3], [4]), (CONV_2D, [4, 5, -1], [6]), (SOFTMAX, [6], [7])],
    outputs=[7],
)


def evidence(file: File) -> Evidence:
    return tflite_evidence(TfliteGraph(file.written()))


def test_a_scaling_is_followed_to_the_first_layer() -> None:
    found = evidence(SCALED)
    (done,) = found.maps
    assert done.layers == ("rescaling",)
    np.testing.assert_allclose((done.scale[0], done.offset[0]), (1 / 127.5, -1), rtol=1e-6)
    assert (found.operations, found.endings, found.gain) == ({"Conv2D": 1}, ("Softmax",), None)


def test_the_gain_of_a_first_layer_is_that_of_its_weights() -> None:
    file = File([Tensor("image"), kernel(), Tensor("out")], [(CONV_2D, [0, 1], [2])], outputs=[2])
    found = evidence(file)
    assert found.maps == (InputMap(),)
    assert found.gain == pytest.approx(0.1 * 27**0.5)


def test_quantised_weights_are_real_numbers() -> None:
    weights = Tensor(
        "kernel",
        INT8,
        (2, 1, 1, 2),
        np.array([10, 10, 20, 20], np.int8).tobytes(),
        scales=[0.1, 0.05],
        zeros=[0, 0],
    )
    file = File([Tensor("image"), weights, Tensor("out")], [(CONV_2D, [0, 1], [2])], outputs=[2])
    assert evidence(file).gain == pytest.approx(1.0 * 2**0.5)


@pytest.mark.parametrize(
    ("kind", "scale", "zero", "expected"),
    [
        (UINT8, 1 / 255, 0, (0, 1)),
        (INT8, 1 / 255, -128, (0, 1)),
        (INT8, 1.0, -128, (0, 255)),
        (INT8, 0, 0, None),
    ],
)
def test_what_an_input_is_quantised_for_is_seen(
    kind: int, scale: float, zero: int, expected: tuple[float, float] | None
) -> None:
    quantised = Tensor("quantised", kind, scales=[scale] if scale else [], zeros=[zero] if scale else [])
    file = File([Tensor("image"), quantised], [(QUANTIZE, [0], [1])], outputs=[1])
    found = evidence(file).calibrated
    assert found is None if expected is None else found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(File(inputs=[]), id="no input"),
        pytest.param(File(operations=[(ADD, [0, 7], [9])]), id="a tensor that is not there"),
        pytest.param(File(operations=[(ADD, [0, 0], [])]), id="an operation that gives nothing"),
    ],
)
def test_what_is_no_graph_is_damaged(file: File) -> None:
    with pytest.raises(Damaged):
        evidence(file)


WHOLE = SCALED.written()


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_no_changed_byte_is_more_than_an_error(place: int, value: int) -> None:
    changed = bytearray(WHOLE)
    changed[place] = value
    try:
        found = tflite_evidence(TfliteGraph(bytes(changed)))
    except Damaged:
        return
    assert isinstance(found, Evidence)
