"""What a SavedModel would do beside computing, told from its graphs alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlpredict.inference.graph_trust import WORDS_ELSEWHERE, danger_in_graph, danger_in_saved_model


def attribute(*functions: str, text: bytes = b"") -> Any:
    named = [SimpleNamespace(name=name) for name in functions]
    alone = named.pop() if len(named) == 1 else SimpleNamespace(name="")
    return SimpleNamespace(func=alone, list=SimpleNamespace(func=named), s=text)


def node(op: str, *inputs: str, name: str = "", calls: Sequence[str] = (), text: bytes = b"") -> Any:
    """A node of TensorFlow's protocol buffers, as far as it is looked at."""
    attributes = {"f": attribute(*calls), "output_stream": attribute(text=text), "shared_name": attribute()}
    return SimpleNamespace(op=op, name=name or op, input=list(inputs), attr=attributes)


NOTHING_BOUND = SimpleNamespace(bound_inputs=[])


def tensor(name: str, values: str = "") -> Any:
    """A TensorInfo, of a dense tensor or of a sparse one's values."""
    sparse = SimpleNamespace(values_tensor_name=values, indices_tensor_name="", dense_shape_tensor_name="")
    return SimpleNamespace(name=name, coo_sparse=sparse, composite_tensor=SimpleNamespace(components=[]))


def graph(
    *nodes: Any,
    outputs: Sequence[str] = (),
    objects: Sequence[str] = (),
    initialiser: str | None = None,
    **functions: Any,
) -> Any:
    """A meta graph: nodes, what its signature gives, the functions of its objects, and all functions."""
    library = [
        SimpleNamespace(
            signature=SimpleNamespace(name=name, input_arg=[SimpleNamespace(name="prefix")]),
            node_def=list(inside),
        )
        for name, inside in functions.items()
    ]
    named = {str(n): tensor(output) for n, output in enumerate(outputs)}
    collections: defaultdict[str, Any] = defaultdict(
        lambda: SimpleNamespace(node_list=SimpleNamespace(value=[]))
    )
    if initialiser is not None:
        collections["saved_model_main_op"].node_list.value.append(initialiser)
    return SimpleNamespace(
        graph_def=SimpleNamespace(node=list(nodes), library=SimpleNamespace(function=library)),
        signature_def={"serving_default": SimpleNamespace(outputs=named)},
        object_graph_def=SimpleNamespace(concrete_functions=dict.fromkeys(objects, NOTHING_BOUND)),
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


def string() -> Any:
    return node("Const", name="elsewhere")


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
        (
            [string(), node("Identity", "elsewhere"), node("PartitionedCall", "Identity", calls=["r"])],
            {"r": [node("RestoreV2", "prefix")]},
        ),
        (
            [node("PartitionedCall", "name", calls=["outer"])],
            {
                "outer": [string(), node("PartitionedCall", "elsewhere:output:0", calls=["r"])],
                "r": [node("RestoreV2", "prefix")],
            },
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


TABLE = "InitializeTableFromTextFileV2"


def with_assets(found: Any, **files: str) -> Any:
    found.asset_file_def = [
        SimpleNamespace(tensor_info=SimpleNamespace(name=f"{name}:0"), filename=file)
        for name, file in files.items()
    ]
    return found


def test_a_table_is_read_from_an_asset_that_loading_names() -> None:
    table = node(TABLE, "handle", "file")
    fed, constant = node("Placeholder", name="file"), node("Const", name="file")
    assert danger_in_graph(with_assets(graph(table, fed, initialiser=TABLE), file="words.txt")) is None
    assert danger_in_graph(with_assets(graph(table, constant, initialiser=TABLE), file="words.txt")) is None
    # The author's own value is read whenever the model is not being started.
    served = with_assets(graph(table, constant, outputs=[TABLE]), file="words.txt")
    assert danger_in_graph(served) == WORDS_ELSEWHERE
    assert danger_in_graph(graph(table, fed, initialiser=TABLE)) == WORDS_ELSEWHERE


@pytest.mark.parametrize("between", [(), ("Identity",)])
def test_a_function_reads_the_table_from_what_it_is_given(between: Sequence[str]) -> None:
    def found(*given: Any) -> Any:
        handed = given[-1].name
        call = node("PartitionedCall", handed, calls=["read"])
        made = graph(*given, call, initialiser="PartitionedCall", read=[node(TABLE, "handle", "prefix")])
        return danger_in_graph(with_assets(made, file="words.txt"))

    onward = [node(op, "file") for op in between]
    assert found(node("Placeholder", name="file"), *onward) is None
    elsewhere = [node(op, "elsewhere") for op in between]
    assert found(string(), *elsewhere) == WORDS_ELSEWHERE


def test_a_variable_that_keeps_the_asset_s_name_is_known() -> None:
    def found(*more: Any) -> Any:
        variable = [
            node("VarHandleOp", name="v"),
            node("AssignVariableOp", "v", "file"),
            node("ReadVariableOp", "v"),
        ]
        table = node(TABLE, "handle", "ReadVariableOp")
        made = graph(node("Placeholder", name="file"), *variable, table, *more, initialiser=TABLE)
        return danger_in_graph(with_assets(made, file="words.txt"))

    assert found() is None
    other = [string(), node("AssignVariableOp", "v", "elsewhere", name="again")]
    assert found(*other) == WORDS_ELSEWHERE
    alias = node("VarHandleOp", name="w")
    alias.attr["shared_name"] = attribute(text=b"v")
    assert found(alias) == WORDS_ELSEWHERE


def test_the_parts_of_a_sparse_answer_are_run_too() -> None:
    found = graph(node("ImmutableConst"))
    found.signature_def["serving_default"].outputs["sparse"] = tensor("", values="ImmutableConst:0")
    said = danger_in_graph(found)
    assert said is not None
    assert "ImmutableConst" in said


@pytest.mark.parametrize(
    "file", ["../saved_model.pb", "/etc/passwd", "gs://bucket/words", "s3://b/w", "link"]
)
def test_an_asset_lies_in_the_assets(tmp_path: Path, file: str) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "link").symlink_to("/etc/passwd")
    assert danger_in_saved_model(tmp_path, [with_assets(graph(), file=file)]) is not None
    assert danger_in_saved_model(tmp_path, [with_assets(graph(), file="deep/words.txt")]) is None


def test_assets_that_are_a_link_are_none_of_the_model_s(tmp_path: Path) -> None:
    (tmp_path / "assets").symlink_to("/etc")
    assert danger_in_saved_model(tmp_path, [with_assets(graph(), file="passwd")]) is not None
