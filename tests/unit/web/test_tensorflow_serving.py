"""Predictions go back in the form that TensorFlow Serving gives them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from mlpredict.domain import PredictionRecord
from mlpredict.inference.signature import Signature, TensorSpec
from mlpredict.web.errors import TooLarge
from mlpredict.web.instances import MOST_NUMBERS, parsed_bytes
from mlpredict.web.routes.tensorflow_serving import _answer, _tensor_info

IMAGE = TensorSpec("image", (None, 8, 8, 1), "float32")


def model(*outputs: tuple[int | None, ...], chosen: int = 0, **others: int) -> Any:
    tensors = tuple(TensorSpec(f"output_{n}", shape, "float32") for n, shape in enumerate(outputs))
    engine = SimpleNamespace(signature=Signature((IMAGE,), tensors))
    return SimpleNamespace(engine=engine, output=chosen, others=others)


def record(prediction: str, outputs: str | None = None) -> PredictionRecord:
    return PredictionRecord(1, 1, 1, "x", "image/png", prediction, 0, "0", 0.5, "m", None, outputs=outputs)


ROWS = [record("[0.25,0.75]"), record("[0.5,0.5]")]


@pytest.mark.parametrize(("columnar", "key"), [(False, "predictions"), (True, "outputs")])
def test_one_output_has_no_name(columnar: bool, key: str) -> None:
    said = json.loads(_answer(model((None, 2)), ROWS, columnar=columnar))
    assert said == {key: [[0.25, 0.75], [0.5, 0.5]]}


def test_an_output_of_one_number_is_one() -> None:
    assert _answer(model((None,)), [record("[0.25]")], columnar=False) == b'{"predictions":[0.25]}'
    assert _answer(model((None, 1)), [record("[0.25]")], columnar=False) == b'{"predictions":[[0.25]]}'


def test_several_outputs_have_the_names_of_the_signature() -> None:
    """And not those of the layers, by which they are stored."""
    heads = model((None, 3), (None, 2), (None,), chosen=1, features=0, age=2)
    rows = [
        record("[0.25,0.75]", '{"features":[1.0,2.0,3.0],"age":[30.1]}'),
        record("[0.5,0.5]", '{"features":[4.0,5.0,6.0],"age":[40.2]}'),
    ]
    assert json.loads(_answer(heads, rows, columnar=False)) == {
        "predictions": [
            {"output_0": [1.0, 2.0, 3.0], "output_1": [0.25, 0.75], "output_2": 30.1},
            {"output_0": [4.0, 5.0, 6.0], "output_1": [0.5, 0.5], "output_2": 40.2},
        ]
    }
    assert json.loads(_answer(heads, rows, columnar=True)) == {
        "outputs": {
            "output_0": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
            "output_1": [[0.25, 0.75], [0.5, 0.5]],
            "output_2": [30.1, 40.2],
        }
    }
    one = json.loads(_answer(model((None, 3), (None, 2), chosen=1), ROWS[:1], columnar=False))
    assert one == {"predictions": [{"output_1": [0.25, 0.75]}]}


def test_a_tensor_is_described_for_any_number_of_images() -> None:
    told = _tensor_info(TensorSpec("image", (1, None, 8, 3), "uint8"))
    assert told["dtype"] == "DT_UINT8"
    assert [one["size"] for one in told["tensor_shape"]["dim"]] == ["-1", "-1", "8", "3"]


def test_what_json_becomes_is_known_before() -> None:
    assert parsed_bytes(b'{"instances": [{"b64": "' + b"A" * 10_000_000 + b'"}]}') < 10_000
    assert parsed_bytes(b"[" + b"0.5," * 1000 + b"0.5]") >= 32 * 1001
    with pytest.raises(TooLarge):
        parsed_bytes(b"0," * (MOST_NUMBERS + 1))
