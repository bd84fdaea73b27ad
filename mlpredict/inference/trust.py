"""Whether loading or running a model does more than compute: what its file says, before it is loaded.

Keras refuses most of this itself. It is looked for all the same: what Keras minds has changed from one
version to the next, and TensorFlow minds nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from mlpredict.errors import ModelError
from mlpredict.inference.keras_file import configs, kind_of, links_out_of, objects_in
from mlpredict.inference.keras_operations import forbidden_operation
from mlpredict.inference.lambda_code import codes_in, is_ours, looks_like_ours, this_python

HINT = "--unsafe-model runs it all the same"
EXPORT = "export it as a SavedModel: model.export(…)"
EXPORT_THERE = (
    "in the environment that it was made in, export it as a SavedModel: "
    "model.export(…), or tf.saved_model.save(model, …)"
)
CODE_IN_KERAS = {
    "Lambda": "has a Lambda layer, which would run code from the file",
    "__lambda__": "has a Python lambda, which would run code from the file",
    "TorchModuleWrapper": "has a pickled Torch module, which would run code from the file",
    "TFSMLayer": "has a TFSMLayer, which would load another model",
    "ClassMethod": "has a layer that would call any method of TensorFlow",
    "InstanceMethod": "has a layer that would call any method of a tensor",
    "InstanceProperty": "has a layer that would read any property of a tensor",
}
KERAS_PACKAGES = frozenset(
    {"builtins", "keras", "keras_cv", "keras_hub", "keras_nlp", "tensorflow", "tf_keras"}
)

MEDDLING = re.compile(
    r"PyFunc|File|Dataset|Reader|Summary(Db)?Writer|Import(Event|TPU)|Checkpoint|Rpc|Sql|Debug|DumpTensor|Remap"
    r"|(En|De)code?Proto|^(Save|Restore)|DTensorRestore|DistributedSave|^_?(Send|Recv)$|RemoteCall|CustomCall"
)
"""Operations of TensorFlow that run Python, touch files, or talk to other machines."""

# Tables of words lie in a SavedModel's assets; they are read, and go nowhere but into the answer.
HARMLESS = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
INITIALISERS = {"saved_model_main_op", "legacy_init_op"}

OF_VARIABLES = re.compile(
    r"^(Save|SaveV2|SaveSlices|Restore|RestoreV2|RestoreSlice|MergeV2Checkpoints|Sharded\w+)$"
)
"""Every SavedModel has them to store its variables; they must not be part of what runs."""


def danger_in_keras(path: Path, *, trusted: bool = False) -> str | None:
    """What a `.keras` or `.h5` file would do beside computing, in words that follow its name.

    None stands for nothing. What cannot be read is no danger: it cannot be loaded either.
    Of a `trusted` file, code is looked into more closely.

    Raises:
        ModelError: its description is too large to be one, asks for what is no part of Keras, or has
            code that this Python cannot run.
    """
    described = chain.from_iterable(map(objects_in, configs(path)))
    dangers = [found for one in described if (found := _in_object(one, path, trusted=trusted))]
    if other := links_out_of(path):
        dangers.append(f"takes weights from another file, {other}")
    return dangers[0] if dangers else None


def danger_in_graphs(graphs: Iterable[Any]) -> str | None:
    """The same of a SavedModel, from its meta graphs."""
    found = next(filter(None, map(_meddling_operation, graphs)), None)
    return found and f"has the operation {found}, which reaches beyond the model"


class Untrusted(ModelError):
    """The model would do more than compute, and nobody has said that it is trusted."""


def require_trust(found: str | None, where: str, *, trusted: bool) -> None:
    """Refuse a dangerous model that nobody has said to be trusted.

    Raises:
        Untrusted: the model is one.
    """
    if found is not None and not trusted:
        raise Untrusted(f"{where}: {found}", hint=HINT)


def _in_object(described: Mapping[str, Any], path: Path, *, trusted: bool) -> str | None:
    kind, module = kind_of(described), described.get("module")
    if isinstance(module, str) and module.partition(".")[0] not in KERAS_PACKAGES:
        raise ModelError(f"{path}: needs {module} for its {kind}, which is no part of Keras", hint=EXPORT)
    _check_code(described, kind, path, trusted=trusted)
    if operation := forbidden_operation(kind, described):
        return f"has the operation {operation}, which reaches beyond the model"
    config = described.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("vocabulary"), str):
        return f"has a {kind} layer that would read another file, {config['vocabulary']}"
    return CODE_IN_KERAS.get(kind)


def _check_code(described: Mapping[str, Any], kind: str, path: Path, *, trusted: bool) -> None:
    """Code in a file is worth trusting only if it can be run."""
    config = described.get("config")
    if kind == "Lambda" and isinstance(config, Mapping) and config.get("function_type") == "function":
        raise ModelError(
            f"{path}: has a Lambda layer with the function {config.get('function')}, "
            "which is not in the file",
            hint=EXPORT_THERE,
        )
    runs = is_ours if trusted else looks_like_ours
    if kind in ("Lambda", "__lambda__") and not all(map(runs, codes_in(described))):
        raise ModelError(
            f"{path}: has a Lambda layer whose code was saved by another Python, "
            f"and this one, {this_python()}, cannot run it",
            hint=EXPORT_THERE,
        )


def _meddling_operation(graph: Any) -> str | None:
    inside = (node for function in graph.graph_def.library.function for node in function.node_def)
    everything = chain(graph.graph_def.node, inside)
    suspects = chain((node for node in everything if not OF_VARIABLES.match(node.op)), _running(graph))
    return next((str(node.op) for node in suspects if _meddles(node)), None)


def _meddles(node: Any) -> bool:
    if node.op == "PrintV2":
        return bool(node.attr["output_stream"].s.startswith(b"file:"))
    return node.op not in HARMLESS and MEDDLING.search(node.op) is not None


def _running(graph: Any) -> list[Any]:
    """The nodes that loading or serving may run: all but those that store and restore variables."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    running = _reached(graph)
    called = {*graph.object_graph_def.concrete_functions, *chain(*map(_called, running))}
    while called:
        if function := functions.pop(called.pop(), None):
            running += function.node_def
            called.update(*map(_called, function.node_def))
    return running


def _reached(graph: Any) -> list[Any]:
    """The nodes outside of functions that a signature or the initialisation needs."""
    nodes = {node.name: node for node in graph.graph_def.node}
    pending = [tensor.name for one in graph.signature_def.values() for tensor in one.outputs.values()]
    for key in INITIALISERS & graph.collection_def.keys():
        pending += graph.collection_def[key].node_list.value
    reached = []
    while pending:
        name = pending.pop().removeprefix("^").partition(":")[0]
        if node := nodes.pop(name, None):
            reached.append(node)
            pending += node.input
    return reached


def _called(node: Any) -> set[str]:
    """The functions that a node calls; one may also stand for an operation."""
    attributes = node.attr.values()
    listed = (function.name for attribute in attributes for function in attribute.list.func)
    return {node.op, *(attribute.func.name for attribute in attributes), *listed}
