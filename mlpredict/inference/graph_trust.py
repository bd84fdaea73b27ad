"""Whether loading or running a SavedModel does more than compute: what its graphs say, before it is loaded.

TensorFlow minds nothing at all. So what runs must be on a list: what a signature needs, what initialises it,
what restores its variables, and the functions of its objects, which TensorFlow calls when it loads them. What
does not run, such as the operations that once trained a model, must not reach beyond the model either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from mlpredict.inference.allowed_operations import ALLOWED, RESTORING
from mlpredict.inference.graph_references import Scopes

MEDDLING = re.compile(
    r"PyFunc|File|Dataset|Reader|Summary(Db)?Writer|Import(Event|TPU)|Checkpoint|Rpc|Sql|Debug|DumpTensor|Remap"
    r"|(En|De)code?Proto|^(Save|Restore)|DTensorRestore|DistributedSave|^_?(Send|Recv)$|RemoteCall|CustomCall"
)
"""Operations of TensorFlow that run Python, touch files, or talk to other machines."""

OF_VARIABLES = re.compile(
    r"^(Save|SaveV2|SaveSlices|Restore|RestoreV2|RestoreSlice|MergeV2Checkpoints|Sharded\w+)$"
)
"""Every SavedModel has them to store its variables; they must not be part of what runs."""

READING_WORDS = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
"""A table's words lie in the SavedModel's assets; they are read, and go nowhere but into the answer."""

INITIALISERS = ("saved_model_main_op", "legacy_init_op")
INIT_SIGNATURE = "__saved_model_init_op"
WORDS_ELSEWHERE = "has a table of words in a file that is none of its assets"

Nodes = Mapping[str, Any]


def danger_in_saved_model(folder: Path, graphs: Iterable[Any]) -> str | None:
    """What a SavedModel would do beside computing, in words that follow its name; None for nothing.

    `graphs` are its meta graphs (`tensorflow/core/protobuf/meta_graph.proto`).
    """
    for graph in graphs:
        for found in (_asset_outside(folder, graph), danger_in_graph(graph)):
            if found is not None:
                return found
    return None


def danger_in_graph(graph: Any) -> str | None:
    """The same of one meta graph alone."""
    nodes = {node.name: node for node in graph.graph_def.node}
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    running = _running(graph, nodes, functions)
    everything = chain(graph.graph_def.node, _inside(functions.values()))
    resting = (node for node in everything if not OF_VARIABLES.match(node.op) and _meddles(node))
    for node in chain(running, resting):
        if _meddles(node):
            return f"has the operation {node.op}, which reaches beyond the model"
    for node in running:
        if not _may_run(node, functions):
            return f"has the operation {node.op}, which is not among those that models are known to need"
    return _word_file_outside(graph) or _danger_in_restoring(graph, nodes, functions)


def _meddles(node: Any) -> bool:
    if node.op == "PrintV2":
        return bool(node.attr["output_stream"].s.startswith(b"file:"))
    return node.op not in READING_WORDS | ALLOWED and MEDDLING.search(node.op) is not None


def _may_run(node: Any, functions: Nodes) -> bool:
    # What is printed goes to the terminal's standard error, which is kept quiet.
    return node.op in ALLOWED or node.op in functions or node.op in ("PrintV2", "Print")


def _running(graph: Any, nodes: Nodes, functions: Nodes) -> list[Any]:
    """The nodes that loading or serving may run, but for those that restore variables."""
    served, starting = _starts(graph)
    running = _reached(nodes, served + starting)
    return running + _called_from(running, functions, graph.object_graph_def.concrete_functions)


def _danger_in_restoring(graph: Any, nodes: Nodes, functions: Nodes) -> str | None:
    """What bringing the variables back would do beside it: loading runs `saver_def.restore_op_name`.

    The name of the checkpoint is fed to `filename_tensor_name`; no other may be read.
    """
    saver = graph.saver_def
    if not saver.restore_op_name:
        return None
    fed = _node_name(saver.filename_tensor_name)
    outside = _reached(nodes, [saver.restore_op_name], stop=fed)
    inside = _called_from(outside, functions, ())
    for node in chain(outside, inside):
        if not (_may_run(node, functions) or node.op in RESTORING):
            return (
                f"would run the operation {node.op} to restore its variables, which reaches beyond the model"
            )
    names = {fed}
    for node in outside:
        if node.op == "ShardedFilename" and _node_name(node.input[0]) == fed:
            names.add(node.name)
    scopes = Scopes(graph)
    for scope, node in scopes.reached([saver.restore_op_name], ()):
        if node.op in RESTORING and not scopes.comes_from(node, 0, scope, names, assets=False):
            return "would restore its variables from another file than its own"
        if node.op in READING_WORDS:
            return WORDS_ELSEWHERE
    return None


def _word_file_outside(graph: Any) -> str | None:
    """A table whose words would be read from a file that is none of the model's assets.

    Loading feeds the files' names while it starts the model. A constant that is fed then has the value of
    the model's author at any other time.
    """
    scopes = Scopes(graph)
    served, starting = _starts(graph)
    assets = {_node_name(asset.tensor_info.name) for asset in graph.asset_file_def}
    fed = {name for name in assets if (node := scopes.node(name)) is not None and node.op == "Placeholder"}
    objects = graph.object_graph_def.concrete_functions
    for places, known in (
        (scopes.reached(served, objects), fed),
        (scopes.reached(starting, ()), assets),
    ):
        for scope, node in places:
            if node.op in READING_WORDS and not scopes.comes_from(node, 1, scope, known, assets=True):
                return WORDS_ELSEWHERE
    return None


def _starts(graph: Any) -> tuple[list[str], list[str]]:
    """The tensors and operations that serving needs, and those that loading runs."""
    served: list[str] = []
    starting: list[str] = []
    for key, signature in graph.signature_def.items():
        names = chain.from_iterable(map(_tensors, signature.outputs.values()))
        (starting if key == INIT_SIGNATURE else served).extend(names)
    for key in INITIALISERS:
        if key in graph.collection_def:
            starting += graph.collection_def[key].node_list.value
    return served, starting


def _tensors(info: Any) -> Iterator[str]:
    """The names in a TensorInfo: of one tensor, or of those that make a sparse or ragged one."""
    yield info.name
    sparse = info.coo_sparse
    yield from (sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
    for component in info.composite_tensor.components:
        yield from _tensors(component)


def _asset_outside(folder: Path, graph: Any) -> str | None:
    """An asset that lies elsewhere, links resolved."""
    home = folder.resolve() / "assets"
    for asset in graph.asset_file_def:
        name = asset.filename
        inside = "://" not in name and not PurePosixPath(name).is_absolute()
        if not inside or not (folder / "assets" / name).resolve().is_relative_to(home):
            return f"would read another file, {name}"
    return None


def _reached(nodes: Nodes, starts: Iterable[str], stop: str = "") -> list[Any]:
    """The nodes outside of functions that the `starts` need, these included; not beyond `stop`."""
    left = dict(nodes)
    pending = list(starts)
    reached = []
    while pending:
        name = _node_name(pending.pop())
        if node := left.pop(name, None):
            reached.append(node)
            if name != stop:
                pending += node.input
    return reached


def _called_from(running: Iterable[Any], functions: Nodes, more: Iterable[str]) -> list[Any]:
    """The nodes of the functions that nodes call, of those that these call, and of `more`."""
    left = dict(functions)
    called = {*more, *chain(*map(_called, running))}
    found: list[Any] = []
    while called:
        if function := left.pop(called.pop(), None):
            found += function.node_def
            called.update(*map(_called, function.node_def))
    return found


def _called(node: Any) -> set[str]:
    """The functions that a node calls; one may also stand for an operation."""
    attributes = node.attr.values()
    listed = (function.name for attribute in attributes for function in attribute.list.func)
    return {node.op, *(attribute.func.name for attribute in attributes), *listed}


def _inside(functions: Iterable[Any]) -> Iterator[Any]:
    return (node for function in functions for node in function.node_def)


def _node_name(tensor: str) -> str:
    """The node of a tensor such as `scale:0`, or of a control input such as `^scale`."""
    return tensor.removeprefix("^").partition(":")[0]
