"""What a SavedModel would do beside computing, told from its graphs alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from mlpredict.inference.graph_trust import DT_STRING, danger_in_graph


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
    **functions: Any,
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
        saver_def=SimpleNamespace(restore_op_name="", filename_tensor_name=""),
        asset_file_def=[],
    )


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
    assert danger_in_graph(graph(node(operation))) == expected
    assert danger_in_graph(graph(unused=[node("Add"), node(operation)])) == expected


@pytest.mark.parametrize(
    "operation",
    [
        *(
            "MatMul",
            "Conv2D",
            "StatefulPartitionedCall",
            "VarHandleOp",
            "ReadVariableOp",
        ),
        *(
            "LookupTableFindV2",
            "Assert",
            "Print",
            "Softmax",
        ),
    ],
)
def test_an_operation_that_computes_is_none(operation: str) -> None:
    assert danger_in_graph(graph(node(operation), outputs=[f"{operation}:0"])) is None


def test_printing_to_a_file_is_writing_one() -> None:
    assert danger_in_graph(graph(node("PrintV2", text=b"stderr"), outputs=["PrintV2"])) is None
    assert danger_in_graph(graph(node("PrintV2", text=b"file:///x"))) is not None


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
    said = danger_in_graph(found)
    assert said == (expected and f"has the operation {expected}, which reaches beyond the model")


@pytest.mark.parametrize(
    "operation", ["ImmutableConst", "Abort", "XlaCallModule", "Nonsense", "QueueDequeueV2"]
)
def test_what_is_not_on_the_list_does_not_run(operation: str) -> None:
    expected = f"has the operation {operation}, which is not among those that models are known to need"
    assert danger_in_graph(graph(node(operation), outputs=[operation])) == expected
    assert danger_in_graph(graph(objects=["f"], f=[node(operation)])) == expected
    # What once trained the model may rest in the graph.
    assert danger_in_graph(graph(node(operation), node("MatMul"), outputs=["MatMul"])) is None


def restored(*nodes: Any, name: str = "name", **functions: Any) -> str | None:
    """What is said of a graph that the last node restores."""
    found = graph(node("PlaceholderWithDefault", name=name), *nodes, **functions)
    found.saver_def = SimpleNamespace(restore_op_name=nodes[-1].name, filename_tensor_name="name:0")
    return danger_in_graph(found)


def string(text: bytes = b"") -> Any:
    found = node("Const", name="elsewhere", text=text)
    found.attr["dtype"] = SimpleNamespace(
        type=DT_STRING, func=SimpleNamespace(name=""), list=attribute().list
    )
    return found


def test_variables_come_back_from_the_models_own_checkpoint() -> None:
    own = node("RestoreV2", "name", "names", "slices")
    assert restored(own, node("NoOp", "^RestoreV2")) is None
    shard = node("ShardedFilename", "name", "0", "1")
    assert restored(shard, node("RestoreV2", "ShardedFilename")) is None
    assert (
        restored(node("StatefulPartitionedCall", "name", calls=["r"]), r=[node("RestoreV2", "prefix")])
        is None
    )


@pytest.mark.parametrize(
    ("nodes", "functions"),
    [
        ([string(), node("RestoreV2", "elsewhere")], {}),
        ([string(), node("ShardedFilename", "elsewhere"), node("RestoreV2", "ShardedFilename")], {}),
        (
            [string(), node("StatefulPartitionedCall", "elsewhere", calls=["r"])],
            {"r": [node("RestoreV2", "prefix")]},
        ),
        (
            [node("PartitionedCall", "name", calls=["r"])],
            {"r": [string(), node("RestoreV2", "elsewhere:output:0")]},
        ),
    ],
)
def test_and_from_no_other_file(nodes: list[Any], functions: dict[str, Any]) -> None:
    assert restored(*nodes, **functions) == "would restore its variables from another file than its own"


@pytest.mark.parametrize("operation", ["Save", "SaveV2", "MergeV2Checkpoints", "WriteFile", "ImmutableConst"])
def test_nothing_else_happens_meanwhile(operation: str) -> None:
    said = restored(node(operation), node("NoOp", f"^{operation}"))
    assert said is not None
    assert operation in said
