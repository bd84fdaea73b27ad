"""What runs a model: LiteRT, or TensorFlow where LiteRT cannot."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mlpredict.domain import EngineName
from mlpredict.errors import ModelError
from mlpredict.inference.fixed_batch import fixed_batch, run_at_most, run_fixed
from mlpredict.inference.litert_interpreter import Interpreter, reason_of
from mlpredict.inference.signature import Signature
from mlpredict.settings import available_cores
from mlpredict.support.quiet import quiet_stderr

if TYPE_CHECKING:
    from numpy.typing import NDArray


CALL_IMAGES = 64
"""LiteRT keeps the numbers between two layers for all images of a call: with so many of 28×28 they stay in a
core's cache, and 256 take a tenth longer."""

TRIAL_IMAGES = 16
"""With fewer it costs more to find out whether they could be run at once than that would save."""


class Engine(Protocol):
    """Runs one model."""

    @property
    def name(self) -> EngineName: ...

    @property
    def signature(self) -> Signature: ...

    @property
    def workers(self) -> int:
        """How many threads may call `run` at once."""
        ...

    def facts(self) -> dict[str, Any]:
        """What runs the model, by name: the engine and its version first."""
        ...

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs, in the signature's order, for a tensor of the input's dtype and rank."""
        ...


def litert_is_installed() -> bool:
    """Whether there is a LiteRT for this platform."""
    return importlib.util.find_spec("ai_edge_litert") is not None


def tensorflow_is_installed() -> bool:
    """Whether there is a TensorFlow."""
    return importlib.util.find_spec("tensorflow") is not None


def require_tensorflow(where: str) -> None:
    """Make sure that TensorFlow is there for the model at a place.

    Raises:
        ModelError: it is not installed; models that are prepared already do without it.
    """
    if not tensorflow_is_installed():
        raise ModelError(
            f"{where}: only TensorFlow can load it or prepare it for LiteRT, and it is not installed",
            hint="install tensorflow; prepare the model elsewhere and copy the folder of prepared models;"
            " or convert it to a .tflite file",
        )


class LiteRtEngine:
    """A flatbuffer on LiteRT with XNNPACK: an interpreter of one thread for every thread that calls.

    That way all cores work where batches are many, and no core waits for another within a batch.
    """

    name = EngineName.LITERT

    def __init__(self, flatbuffer: bytes, where: str, made: Mapping[str, Any] | None = None) -> None:
        """Load a flatbuffer; `where` names it in messages, `made` is what is known of how it was compiled.

        Raises:
            ModelError: LiteRT cannot run it.
        """
        self._flatbuffer = flatbuffer
        self._where = where
        self._made = made or {}
        self._idle: SimpleQueue[Interpreter] = SimpleQueue()
        first = self._interpreter()
        self.signature = first.signature
        self._batch = fixed_batch(self.signature)
        self._delegated = first.is_delegated()
        self._tried = self._batch is None
        self._trial = threading.Lock()
        self._idle.put(first)

    def __reduce__(self) -> tuple[type[LiteRtEngine], tuple[bytes, str, dict[str, Any]]]:
        """Another process makes interpreters of its own of the same flatbuffer; nothing is compiled."""
        return LiteRtEngine, (self._flatbuffer, self._where, dict(self._made))

    @property
    def workers(self) -> int:
        return available_cores()

    def facts(self) -> dict[str, Any]:
        import ai_edge_litert

        found = {"engine": str(self.name), "litert": ai_edge_litert.__version__}
        return {**found, "xnnpack": self._delegated, **self._made}

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs for one batch; those of a quantised model are float32 here."""
        if not self._tried and len(tensor) >= TRIAL_IMAGES:
            self._try_larger_batches(tensor)
        try:
            interpreter = self._idle.get_nowait()
        except Empty:
            interpreter = self._interpreter()
        try:
            outputs = self._run(interpreter, tensor)
        except (ValueError, RuntimeError) as error:
            # What failed once fails again, whatever it is given.
            self._idle.put(self._interpreter())
            raise ModelError(f"{self._where}: LiteRT failed: {reason_of(error)}") from error
        self._idle.put(interpreter)
        return outputs

    def _run(self, interpreter: Interpreter, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        if self._batch is None:
            return run_at_most(interpreter.call, tensor, CALL_IMAGES)
        return run_fixed(interpreter.call, tensor, self._batch)

    def _try_larger_batches(self, tensor: NDArray[Any]) -> None:
        """See whether a batch that is said to be fixed may be larger, with the very same answers.

        Many converters wrote a batch of 1 into models that take any.
        """
        with self._trial:
            if self._tried or self._batch is None:
                return
            sample = tensor[: max(TRIAL_IMAGES, 2 * self._batch)]
            try:
                one_by_one = run_fixed(self._interpreter().call, sample, self._batch)
                at_once = self._interpreter().call(sample)
            except (ValueError, RuntimeError):
                at_once = one_by_one = []
            if at_once and all(map(_identical, one_by_one, at_once)):
                self._batch = None
            self._tried = True

    def _interpreter(self) -> Interpreter:
        try:
            return Interpreter(self._flatbuffer)
        except (ValueError, RuntimeError) as error:
            if "edgetpu-custom-op" in str(error):
                from mlpredict.inference.not_models import EDGE_TPU

                raise ModelError(f"{self._where}: {EDGE_TPU.what}", hint=EDGE_TPU.instead) from error
            raise ModelError(f"{self._where}: LiteRT cannot run it: {reason_of(error)}") from error


def _identical(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


class TensorFlowEngine:
    """A model on TensorFlow itself, which other engines are measured by: four seconds to start."""

    name = EngineName.TENSORFLOW

    def __init__(self, path: Path, where: str, *, trusted: bool = False) -> None:
        """Load a SavedModel folder, a `.keras` or a `.h5` file.

        Raises:
            ModelError: TensorFlow cannot load it, or it would do more than compute and is not trusted.
        """
        from mlpredict.inference.tensorflow_model import load_tensorflow_model

        with quiet_stderr():
            self._model = load_tensorflow_model(path, where, trusted=trusted)
        self.signature = self._model.signature
        self.danger = self._model.danger
        self.evidence = self._model.evidence

    @property
    def workers(self) -> int:
        # It spreads one batch over all cores by itself.
        return 1

    def facts(self) -> dict[str, Any]:
        from mlpredict.inference.tensorflow_model import tensorflow_facts

        return {"engine": str(self.name), **tensorflow_facts()}

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs for one batch."""
        with quiet_stderr():
            return self._model.run(tensor)
