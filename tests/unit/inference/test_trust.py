"""What a model would do beside computing, told from its file alone."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.errors import ModelError
from mlpredict.inference.trust import danger_in_keras, require_trust

LAMBDA = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {}}}}
DENSE = {"class_name": "Dense", "module": "keras.layers", "registered_name": None, "config": {"units": 3}}


def keras_file(folder: Path, config: object) -> Path:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
    return path


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        (LAMBDA, "has a Lambda layer"),
        ({"class_name": "keras>Lambda", "config": {}}, "has a Lambda layer"),
        ({"class_name": "Sequential", "config": {"layers": [DENSE, LAMBDA]}}, "has a Lambda layer"),
        ({"class_name": "TimeDistributed", "config": {"layer": LAMBDA}}, "has a Lambda layer"),
        (
            {**DENSE, "config": {"activation": {"class_name": "__lambda__", "config": {}}}},
            "has a Python lambda",
        ),
        ({"class_name": "TorchModuleWrapper", "config": {}}, "has a pickled Torch module"),
        ({"class_name": "TFSMLayer", "config": {}}, "has a TFSMLayer"),
        (DENSE, None),
        ({**DENSE, "name": "Lambda", "config": {"name": "Lambda"}}, None),
        ({"class_name": ["Lambda"], "config": "Lambda"}, None),
    ],
)
def test_code_is_found_at_any_depth_of_a_configuration(
    tmp_path: Path, layer: object, found: str | None
) -> None:
    said = danger_in_keras(keras_file(tmp_path, {"class_name": "Functional", "config": {"layers": [layer]}}))
    assert said is None if found is None else said is not None and said.startswith(found)


@pytest.mark.parametrize("module", ["os", "pets.layers", "kerasx", "__main__", ""])
def test_what_is_no_part_of_keras_is_refused_whoever_trusts_it(tmp_path: Path, module: str) -> None:
    with pytest.raises(ModelError, match=r"its Dense, which is no part of Keras$") as raised:
        danger_in_keras(keras_file(tmp_path, [{**DENSE, "module": module}]))
    assert "SavedModel" in str(raised.value.hint)


@pytest.mark.parametrize("config", ["", "{", "[" * 100_000, '"text"', "null", "7", "NaN"])
def test_what_cannot_be_read_is_no_danger(tmp_path: Path, config: str) -> None:
    assert danger_in_keras(keras_file(tmp_path, config)) is None


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda part: st.lists(part) | st.dictionaries(st.text(), part)
    )
)
def test_any_configuration_is_looked_through(
    tmp_path_factory: pytest.TempPathFactory, config: object
) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert danger_in_keras(keras_file(folder, config)) is None
    assert danger_in_keras(keras_file(folder, [config, {"deeper": [LAMBDA, config]}])) is not None


def test_trust_is_asked_for_only_where_there_is_danger() -> None:
    require_trust(None, "cats", trusted=False)
    require_trust("runs code", "cats", trusted=True)
    with pytest.raises(ModelError, match=r"^cats: runs code$"):
        require_trust("runs code", "cats", trusted=False)
