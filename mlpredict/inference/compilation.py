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
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mlpredict.errors import ModelError
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.model_files import ModelFiles
from mlpredict.inference.signature import Signature
from mlpredict.inference.trust import require_trust
from mlpredict.support.logs import get_logger
from mlpredict.support.whole_file import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = get_logger(__name__)


# Raised when the same model would come out differently; what older versions cached is then rebuilt.
COMPILER_VERSION = 3
# More than thirty times what the slowest model took that was tried.
COMPILER_SECONDS = 900
# Largest difference from TensorFlow, in the output's own units up to 1, relative above it.
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Compiled:
    """The outcome of compiling: a flatbuffer, or the reason why there is none."""

    flatbuffer: bytes | None
    reason: str | None
    difference: float | None
    danger: str | None = None
    """What the model would do beside computing; known because it was trusted when it was compiled."""
    evidence: Evidence = field(default_factory=Evidence)
    """What its graph tells of the pixels it takes."""


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
    agree on, once the signature is known. The reason why a model cannot be compiled is cached as
    well: trying again would take as long.

    Raises:
        ModelError: TensorFlow cannot load the model, or it would do more than compute and is not
            `trusted`, now or when it was compiled.
    """
    entry = _CacheEntry(cache, files.sha256)
    if (cached := entry.read()) is not None:
        require_trust(cached.danger, str(files.path), trusted=trusted)
        return cached
    logger.info(f"preparing {name} for LiteRT, once; this takes a few seconds")
    compiled = _compile_in_process(files, examples, trusted=trusted)
    try:
        entry.write(compiled)
    except OSError as error:
        logger.warning(f"the prepared model cannot be kept in {cache}: {error.strerror}")
    if compiled.reason is not None:
        logger.info(f"{name} runs on TensorFlow: {compiled.reason}")
    return compiled


@dataclass(frozen=True, slots=True)
class _CacheEntry:
    """Two files by the model's hash; the small one, written last, vouches for the large one."""

    folder: Path
    sha256: str

    def read(self) -> Compiled | None:
        try:
            facts = json.loads(self._facts.read_bytes())
            if facts["compiler"] != COMPILER_VERSION:
                return None
            evidence = Evidence.from_json(facts["evidence"])
            if facts["flatbuffer_sha256"] is None:
                return Compiled(None, facts["reason"], facts["difference"], facts["danger"], evidence)
            flatbuffer = self._flatbuffer.read_bytes()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Missing or damaged, it is made again.
            return None
        if hashlib.sha256(flatbuffer).hexdigest() != facts["flatbuffer_sha256"]:
            return None
        return Compiled(flatbuffer, None, facts["difference"], facts["danger"], evidence)

    def write(self, compiled: Compiled) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        digest = None
        if compiled.flatbuffer is not None:
            digest = hashlib.sha256(compiled.flatbuffer).hexdigest()
            with replacing(self._flatbuffer) as file:
                file.write(compiled.flatbuffer)
        facts = {
            "compiler": COMPILER_VERSION,
            "flatbuffer_sha256": digest,
            "reason": compiled.reason,
            "difference": compiled.difference,
            "danger": compiled.danger,
            "evidence": compiled.evidence.to_json(),
        }
        with replacing(self._facts) as file:
            file.write(json.dumps(facts, indent=2).encode())

    @property
    def _facts(self) -> Path:
        return self.folder / f"{self.sha256}.json"

    @property
    def _flatbuffer(self) -> Path:
        return self.folder / f"{self.sha256}.tflite"


def _compile_in_process(files: ModelFiles, examples: Examples, *, trusted: bool) -> Compiled:
    """Talk with the compiler process: it tells the signature, gets the examples, tells the outcome."""
    with (
        tempfile.TemporaryDirectory(prefix="mlpredict-compile-") as folder,
        tempfile.TemporaryFile() as log,
    ):
        # The module is found through the installation alone: the working folder may hold anything.
        program = [sys.executable, "-P", "-m", "mlpredict.inference.compiler_process"]
        command = [*program, str(files.path), folder, *(["trusted"] if trusted else [])]
        # TensorFlow leaves temporary files behind; in the folder they go with it.
        env = {**os.environ, "TMPDIR": folder}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, env=env) as process:
            given_up_at = time.monotonic() + COMPILER_SECONDS
            deadline = threading.Timer(COMPILER_SECONDS, process.kill)
            deadline.start()
            try:
                loaded = _receive(process, log)
                evidence = Evidence.from_json(loaded["evidence"])
                _send(process, examples(Signature.from_json(loaded["signature"]), evidence))
                outcome = _receive(process, log)
            except _Ended as ended:
                raise _failure(files.path, ended, in_time=time.monotonic() < given_up_at) from ended
            finally:
                deadline.cancel()
                process.kill()
        flatbuffer = Path(folder, "model.tflite").read_bytes() if outcome["reason"] is None else None
        return Compiled(flatbuffer, outcome["reason"], outcome["difference"], outcome["danger"], evidence)


class _Ended(Exception):
    """The compiler process ended without an answer; with what status."""

    def __init__(self, status: int) -> None:
        self.status = status


def _failure(path: Path, ended: _Ended, *, in_time: bool) -> ModelError:
    if not in_time:
        return ModelError(
            f"{path}: TensorFlow has not finished with it after {COMPILER_SECONDS / 60:.0f} minutes"
        )
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
    if "error" in message:
        raise ModelError(message["error"], hint=message.get("hint"))
    return message


def loaded_message(signature: Signature, evidence: Evidence) -> dict[str, Any]:
    """What the compiler process sends of a model it has loaded."""
    return {"signature": asdict(signature), "evidence": evidence.to_json()}
