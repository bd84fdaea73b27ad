"""What a model would do beside computing, told from its file alone."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.errors import ModelError
from mlpredict.inference.trust import danger_in_graphs, danger_in_keras, require_trust

LAMBDA = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {}}}}
DENSE = {"class_name": "Dense", "module": "keras.layers", "registered_name": None, "config": {"units": 3}}


def keras_file(folder: Path, config: object) -> Path:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
    return path


def attribute(*functions: str, text: bytes = b"") -> Any:
    named = [SimpleNamespace(name=name) for name in functions]
    alone = named.pop() if len(named) == 1 else SimpleNamespace(name="")
    return SimpleNamespace(func=alone, list=SimpleNamespace(func=named), s=text)


def node(op: str, *inputs: str, name: str = "", calls: Sequence[str] = (), text: bytes = b"") -> Any:
    """A node of TensorFlow's protocol buffers, as far as it is looked at."""
    attributes = {"f": attribute(*calls), "output_stream": attribute(text=text)}
    return SimpleNamespace(op=op, name=name or op, input=list(inputs), attr=attributes)


def graph(
    *nodes: Any,
    outputs: Sequence[str] = (),
    objects: Sequence[str] = (),
    initialiser: str | None = None,
    **functions: Sequence[Any],
) -> Any:
    """A meta graph: nodes, what its signature gives, the functions of its objects, and all functions."""
    library = [
        SimpleNamespace(signature=SimpleNamespace(name=name), node_def=list(inside))
        for name, inside in functions.items()
    ]
    named = {str(n): SimpleNamespace(name=output) for n, output in enumerate(outputs)}
    collections: defaultdict[str, Any] = defaultdict(
        lambda: SimpleNamespace(node_list=SimpleNamespace(value=[]))
    )
    if initialiser is not None:
        collections["saved_model_main_op"].node_list.value.append(initialiser)
    return SimpleNamespace(
        graph_def=SimpleNamespace(node=list(nodes), library=SimpleNamespace(function=library)),
        signature_def={"serving_default": SimpleNamespace(outputs=named)},
        object_graph_def=SimpleNamespace(concrete_functions=dict.fromkeys(objects)),
        collection_def=collections,
    )


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


@pytest.mark.parametrize(
    "operation",
    [
        *(
            "PyFunc",
            "PyFuncStateless",
            "EagerPyFunc",
            "ReadFile",
            "WriteFile",
            "MatchingFiles",
            "TextLineDataset",
        ),
        *("WholeFileReaderV2", "CreateSummaryFileWriter", "RpcCall", "DebugIdentityV3", "LoadAndRemapMatrix"),
        *("GenerateVocabRemapping", "DecodeProtoV2", "SqlDataset", "DistributedSave", "DumpTensor"),
    ],
)
def test_an_operation_that_reaches_out_is_found_wherever_it_is(operation: str) -> None:
    expected = f"has the operation {operation}, which reaches beyond the model"
    assert danger_in_graphs([graph(node(operation))]) == expected
    assert danger_in_graphs([graph(), graph(unused=[node("Add"), node(operation)])]) == expected


@pytest.mark.parametrize(
    "operation",
    [
        *(
            "MatMul",
            "Conv2D",
            "StatefulPartitionedCall",
            "VarHandleOp",
            "ReadVariableOp",
            "Profile",
            "RecvNothing",
        ),
        *(
            "LookupTableFindV2",
            "InitializeTableFromTextFileV2",
            "Assert",
            "Print",
            "IteratorGetNext",
            "Softmax",
        ),
    ],
)
def test_an_operation_that_computes_is_none(operation: str) -> None:
    assert danger_in_graphs([graph(node(operation), outputs=[f"{operation}:0"])]) is None


def test_printing_to_a_file_is_writing_one() -> None:
    assert danger_in_graphs([graph(node("PrintV2", text=b"stderr"))]) is None
    assert danger_in_graphs([graph(node("PrintV2", text=b"file:///x"))]) is not None


SAVER: dict[str, Any] = {"save": [node("SaveV2"), node("MergeV2Checkpoints")], "restore": [node("RestoreV2")]}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(graph(node("Call", calls=["save"]), node("RestoreV2"), **SAVER), None, id="not served"),
        pytest.param(
            graph(outputs=["nosuch:0"], objects=["nosuch"], initialiser="nosuch"), None, id="nothing"
        ),
        pytest.param(graph(node("SaveV2"), outputs=["SaveV2:0"]), "SaveV2", id="served"),
        pytest.param(
            graph(node("Identity", "^last"), node("SaveV2", name="last"), outputs=["Identity:0"]),
            "SaveV2",
            id="control input",
        ),
        pytest.param(
            graph(node("NoOp", "RestoreV2:3"), node("RestoreV2"), initialiser="NoOp"), "RestoreV2", id="start"
        ),
        pytest.param(graph(objects=["save"], **SAVER), "SaveV2", id="object"),
        pytest.param(
            graph(objects=["a"], a=[node("If", calls=["b", "save"])], b=[node("If", calls=["a"])], **SAVER),
            "SaveV2",
            id="branch, in a circle",
        ),
        pytest.param(graph(node("save"), outputs=["save:0"], **SAVER), "SaveV2", id="called as an operation"),
        pytest.param(
            graph(
                node("Call", name="x", calls=["a"]),
                node("Add", "deep", name="y"),
                node("SaveV2", name="deep"),
                outputs=["x:0", "y:0"],
                a=[node("Add", name="deep")],
            ),
            "SaveV2",
            id="a function's node of the same name",
        ),
    ],
)
def test_storing_variables_is_no_part_of_serving(found: Any, expected: str | None) -> None:
    said = danger_in_graphs([found])
    assert said == (expected and f"has the operation {expected}, which reaches beyond the model")


def test_trust_is_asked_for_only_where_there_is_danger() -> None:
    require_trust(None, "cats", trusted=False)
    require_trust("runs code", "cats", trusted=True)
    with pytest.raises(ModelError, match=r"^cats: runs code$"):
        require_trust("runs code", "cats", trusted=False)
