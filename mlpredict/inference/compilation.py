"""TensorFlow → LiteRT: converted once in a process of its own, verified, and cached.

The process exists because TensorFlow takes half a gigabyte and does not give it back, writes to
both output streams, and may abort on a model it does not like.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mlpredict import settings
from mlpredict.errors import ModelError
from mlpredict.inference.compile_cache import CacheEntry, Compiled, Failure
from mlpredict.inference.engines import require_tensorflow
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.model_files import ModelFiles
from mlpredict.inference.signature import Signature
from mlpredict.settings import memory_of_a_model
from mlpredict.support import steps
from mlpredict.support.bounded import Bounds, Exceeded, Watched
from mlpredict.support.logs import get_logger
from mlpredict.support.scratch import scratch_file, scratch_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = get_logger(__name__)


COMPILER_SECONDS = 900
"""More than thirty times what the slowest model took that was tried."""

TOLERANCE = 1e-4
"""Largest difference from TensorFlow, in the output's own units up to 1, relative above it."""


NO_KERAS_HOME = {"KERAS_HOME": os.devnull}
"""Keras writes its settings into the user's home, and what it finds there may change a model's answers."""

Examples = Callable[[Signature, Evidence], "NDArray[Any]"]
"""The tensor that both engines must agree on, once it is known what the model takes."""


def compiled_model(
    files: ModelFiles,
    name: str,
    cache: Path,
    examples: Examples,
    *,
    trusted: bool = False,
) -> Compiled:
    """The model's flatbuffer from the cache, compiled and cached first where it is not there.

    `name` is what the model is called in notices. `examples` gives the tensor that both engines must
    agree on, once the signature is known. The reason why a model cannot be compiled, or not even
    loaded, is cached as well: trying again would take as long.

    Raises:
        ModelError: TensorFlow cannot load the model, or it would do more than compute and is not
            `trusted`, now or when it was compiled.
    """
    entry = CacheEntry(cache, files.sha256)
    where = str(files.path)
    match entry.read():
        case Compiled() as known:
            if known.danger is not None:
                from mlpredict.inference.trust import require_trust

                require_trust(known.danger, where, trusted=trusted)
            return known
        case Failure() as failure if failure.trusted == trusted:
            _raise_again(failure, where, examples)
    require_tensorflow(where)
    logger.info(f"preparing {name} for LiteRT, once; this takes a few seconds")
    started = time.monotonic()
    try:
        compiled = _compile_in_process(files, examples, trusted=trusted)
    except LastingError as error:
        _keep(entry, error.failure(where, trusted=trusted))
        raise
    _keep(entry, compiled)
    if compiled.reason is not None:
        logger.info(f"{name} runs on TensorFlow: {compiled.reason}")
    else:
        logger.info(
            f"{name} runs on LiteRT from now on: prepared in {time.monotonic() - started:.1f} s,"
            f" its answers differ from TensorFlow's by {compiled.difference or 0:.0e} at most"
        )
    return compiled


def _raise_again(failure: Failure, where: str, examples: Examples) -> None:
    """Raise the error of an earlier try, unless it was of how the model is used and that has changed."""
    logger.debug(f"{where}: it failed before, with these versions of TensorFlow and Keras")
    if failure.signature is None:
        raise ModelError(f"{where}: {failure.reason}", hint=failure.hint)
    examples(failure.signature, Evidence())


def _keep(entry: CacheEntry, outcome: Compiled | Failure) -> None:
    try:
        entry.write(outcome)
    except OSError as error:
        logger.warning(
            f"the prepared model cannot be kept in {entry.folder} ({error.strerror}), and each"
            f" command prepares it again; set {settings.CACHE} to a folder that can be written"
        )


class LastingError(ModelError):
    """The model cannot be used, and trying again would end the same way."""

    signature: Signature | None = None

    def failure(self, where: str, *, trusted: bool) -> Failure:
        """What is kept of it; `where` names the model at the beginning of its message."""
        return Failure(self.message.removeprefix(f"{where}: "), self.hint, trusted, self.signature)


def _compile_in_process(files: ModelFiles, examples: Examples, *, trusted: bool) -> Compiled:
    """Talk with the compiler process: it tells the signature, gets the examples, tells the outcome."""
    import tempfile

    if (scratch := scratch_folder()) is None:
        raise ModelError(
            f"{files.path}: cannot be prepared, as there is no folder for temporary files",
            hint="set TMPDIR to one that can be written",
        )
    with (
        tempfile.TemporaryDirectory(prefix="mlpredict-compile-", dir=scratch) as folder,
        scratch_file() as log,
    ):
        # The module is found through the installation alone: the working folder may hold anything.
        program = [sys.executable, "-P", "-m", "mlpredict.inference.compiler_process"]
        command = [*program, str(files.path), folder, *(["trusted"] if trusted else [])]
        # TensorFlow leaves temporary files behind; in the folder they go with it.
        env = {**NO_KERAS_HOME, **os.environ, "TMPDIR": folder}
        pipe = subprocess.PIPE
        with (
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, env=env) as process,
            Watched(process, Bounds(COMPILER_SECONDS, memory_of_a_model())) as watched,
        ):
            try:
                steps.tell("loading the model with TensorFlow")
                loaded = _receive(process, log)
                evidence = Evidence.from_json(loaded["evidence"])
                signature = Signature.from_json(loaded["signature"])
                _send(process, _examples_for(signature, evidence, examples))
                outcome = _receive(process, log)
            except _Ended as ended:
                raise _failure(files.path, ended, watched.exceeded) from ended
            finally:
                process.kill()
        flatbuffer = Path(folder, "model.tflite").read_bytes() if outcome["reason"] is None else None
        digest = None if flatbuffer is None else hashlib.sha256(flatbuffer).hexdigest()
        return Compiled(
            flatbuffer, outcome["reason"], outcome["difference"], outcome["danger"], evidence, digest
        )


def _examples_for(signature: Signature, evidence: Evidence, examples: Examples) -> NDArray[Any]:
    """The examples; an error of theirs is about the signature, and the process is not needed to see it."""
    try:
        return examples(signature, evidence)
    except ModelError as error:
        lasting = LastingError(error.message, hint=error.hint)
        lasting.signature = signature
        raise lasting from error


class _Ended(Exception):
    """The compiler process ended without an answer; with what status."""

    def __init__(self, status: int) -> None:
        self.status = status


def _failure(path: Path, ended: _Ended, exceeded: Exceeded | None) -> ModelError:
    if exceeded is not None:
        return ModelError(f"{path}: TensorFlow took {exceeded} over it, and was ended")
    if ended.status == -signal.SIGKILL:
        return ModelError(f"{path}: TensorFlow was killed over it, as happens when memory runs out")
    if ended.status < 0:
        return ModelError(f"{path}: TensorFlow crashed over it ({signal.Signals(-ended.status).name})")
    return ModelError(f"{path}: TensorFlow's process ended with status {ended.status}")


def _send(process: subprocess.Popen[bytes], tensor: NDArray[Any]) -> None:
    assert process.stdin is not None
    # numpy writes to real files only, and a pipe is none.
    npy = io.BytesIO()
    np.save(npy, tensor, allow_pickle=False)
    # A process that has died by now is reported by the answer it does not give.
    with suppress(BrokenPipeError):
        process.stdin.write(npy.getvalue())
        process.stdin.close()


def _receive(process: subprocess.Popen[bytes], log: IO[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        ended = _Ended(process.wait())
        log.seek(0)
        ended.add_note(log.read().decode("utf-8", "replace"))
        raise ended
    message: dict[str, Any] = json.loads(line)
    if (step := message.get("step")) is not None:
        steps.tell(step)
        return _receive(process, log)
    if "error" in message:
        kind = LastingError if message.get("lasting") else ModelError
        raise kind(message["error"], hint=message.get("hint"))
    return message


def loaded_message(signature: Signature, evidence: Evidence) -> dict[str, Any]:
    """What the compiler process sends of a model it has loaded."""
    return {"signature": signature.to_json(), "evidence": evidence.to_json()}
