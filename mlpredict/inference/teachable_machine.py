"""Exports of Google's Teachable Machine, the commonest family of small models there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mlpredict.inference.evidence import Evidence
from mlpredict.inference.model_files import ModelFiles
from mlpredict.inference.signature import Signature

if TYPE_CHECKING:
    from mlpredict.inference.label_files import Candidate

SIDE = 224
NAMES = frozenset({"keras_model.h5", "model_unquant.tflite", "model.tflite", "model.savedmodel"})
"""What the files of an export are called."""

NETWORK = {"Conv2D": 35, "DepthwiseConv2dNative": 17, "MatMul": 2}
"""MobileNetV2 with the two dense layers that Teachable Machine trains, the second of which has no bias."""

WITH_BIAS = 1


def recognised(
    files: ModelFiles,
    signature: Signature,
    evidence: Evidence,
    label_files: Callable[[], Sequence[Candidate]],
) -> str | None:
    """By what a model is known to come from Teachable Machine; None where it does not, or nothing tells.

    Its exports take 224×224×3, scale nothing themselves, and come with a `labels.txt` of lines like `0 cat`,
    as many as there are classes. They are known by their names, or by the network.
    """
    shape, outputs = signature.inputs[0].shape, signature.outputs
    if shape[1:] != (SIDE, SIDE, 3) or len(outputs) != 1 or len(outputs[0].shape) != 2:
        return None
    if any(not one.is_identity for one in evidence.maps):
        return None
    counts = {name: evidence.operations.get(name, 0) for name in NETWORK}
    if counts == NETWORK and evidence.operations.get("BiasAdd") == WITH_BIAS:
        return "its network is that of a Teachable Machine export"
    if counts != NETWORK and files.path.name.lower() not in NAMES:
        return None
    classes = outputs[0].shape[1]
    if any(one.file.numbered and len(one.file.labels) == classes for one in label_files()):
        return "a Teachable Machine export, by its labels"
    return None
