"""The process that converts one model; `compilation` starts it and says why it is one.

It writes JSON lines to its standard output: the model's signature and evidence, or an error; then, when
it has read the example tensor (.npy) from its standard input, what it does step by step, and the outcome.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.errors import ModelError
from mlpredict.inference.compilation import TOLERANCE, loaded_message
from mlpredict.inference.engines import LiteRtEngine
from mlpredict.inference.outputs import NUMBERS
from mlpredict.inference.tensorflow_model import TensorFlowModel, load_tensorflow_model
from mlpredict.inference.trust import Untrusted

if TYPE_CHECKING:
    from numpy.typing import NDArray


# TensorFlow's errors that are not the model's.
PASSING = frozenset(
    {"AbortedError", "CancelledError", "DeadlineExceededError", "PermissionDeniedError"}
    | {"ResourceExhaustedError", "UnavailableError"}
)
UNSUPPORTED_OPERATIONS = re.compile(r"(?:TF Select|Custom|Flex) ops: ([\w, ]+)")


def main() -> None:
    """Convert the model named by the first argument into the folder named by the second.

    A third says that it is trusted to do more than compute.
    """
    messages = _own_stdout()
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    threading.Thread(target=_end_with, args=(os.getppid(), folder), daemon=True).start()
    of_the_model = True
    try:
        tensorflow_model = load_tensorflow_model(path, str(path), trusted=sys.argv[3:] == ["trusted"])
        _send(messages, loaded_message(tensorflow_model.signature, tensorflow_model.evidence))
        # What takes images of any size may refuse these for theirs.
        of_the_model = None not in tensorflow_model.signature.inputs[0].shape[1:]
        examples = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
        outcome = _outcome(tensorflow_model, examples, folder, lambda step: _send(messages, {"step": step}))
    except ModelError as error:
        lasting = of_the_model and not is_of_the_moment(error)
        _send(messages, {"error": error.message, "hint": error.hint, "lasting": lasting})
        return
    _send(messages, {**outcome, "danger": tensorflow_model.danger})


def is_of_the_moment(error: BaseException) -> bool:
    """Whether the same model may be loaded another time, or by somebody who trusts it."""
    if isinstance(error, (Untrusted, MemoryError, ImportError)) or type(error).__name__ in PASSING:
        return True
    # HDF5 says without a number that a file is damaged; the system has one for each of its errors.
    if isinstance(error, OSError) and error.errno is not None:
        return True
    return error.__cause__ is not None and is_of_the_moment(error.__cause__)


def _end_with(parent: int, folder: Path) -> None:
    """End when whoever started this process was killed: a model may never come to an end itself."""
    while os.getppid() == parent:
        time.sleep(1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _own_stdout() -> io.FileIO:
    """Standard output for this protocol alone: the converter prints there as well."""
    messages = io.FileIO(os.dup(1), "w")
    os.dup2(2, 1)
    return messages


def _send(messages: io.FileIO, message: dict[str, Any]) -> None:
    messages.write(json.dumps(message).encode() + b"\n")


def _outcome(
    tensorflow_model: TensorFlowModel, examples: NDArray[Any], folder: Path, tell: Callable[[str], None]
) -> dict[str, Any]:
    tell("running it on TensorFlow, for comparison")
    expected = tensorflow_model.run(examples)
    if largest_difference(expected, tensorflow_model.run(examples)) > TOLERANCE:
        return _refused("it answers the same image differently every time")
    tell("converting it for LiteRT")
    try:
        flatbuffer = _convert(tensorflow_model, folder)
    except Exception as error:  # noqa: BLE001 - the converter raises many kinds, some of them private
        return _refused(_conversion_failure(error))
    tell("comparing LiteRT's answers with TensorFlow's")
    try:
        actual = LiteRtEngine(flatbuffer, "the converted model").run(examples)
    except ModelError as error:
        return _refused(error.message)
    difference = largest_difference(expected, actual)
    if np.isnan(difference):
        return _refused("LiteRT's answers cannot be compared with TensorFlow's")
    if difference > TOLERANCE:
        return _refused(f"LiteRT's answers differ from TensorFlow's by {difference:.1g}", difference)
    (folder / "model.tflite").write_bytes(flatbuffer)
    return {"reason": None, "difference": difference}


def _refused(reason: str, difference: float | None = None) -> dict[str, Any]:
    known = difference if difference is not None and np.isfinite(difference) else None
    return {"reason": reason, "difference": known}


def _convert(tensorflow_model: TensorFlowModel, folder: Path) -> bytes:
    import tensorflow as tf

    saved_model, key = tensorflow_model.export(folder)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=[key])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    flatbuffer: bytes = converter.convert()
    return flatbuffer


def largest_difference(expected: list[NDArray[Any]], actual: list[NDArray[Any]]) -> float:
    """Largest difference of any number: absolute for outputs up to 1, relative to the largest above."""
    if [tensor.shape for tensor in expected] != [tensor.shape for tensor in actual]:
        return float("nan")
    differences = []
    for wanted, got in zip(expected, actual, strict=True):
        if wanted.dtype.kind not in NUMBERS or got.dtype.kind not in NUMBERS:
            same = wanted.dtype == got.dtype and np.array_equal(wanted, got)
            differences.append(0.0 if same else float("nan"))
        elif wanted.size:
            unit = max(1.0, float(np.abs(wanted.astype(np.float64)).max()))
            differences.append(float(np.abs(wanted.astype(np.float64) - got.astype(np.float64)).max()) / unit)
    return max(differences, default=0.0) if not any(np.isnan(differences)) else float("nan")


def _conversion_failure(error: Exception) -> str:
    words = str(error)
    if match := UNSUPPORTED_OPERATIONS.search(words):
        return f"it uses operations that LiteRT has not: {match[1].strip()}"
    sentence = " ".join(words.split()).partition(". ")[0]
    return f"it cannot be converted: {sentence[:200] or type(error).__name__}"


if __name__ == "__main__":
    main()
