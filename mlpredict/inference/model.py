"""What a model is: its files, what it takes, what its output means, and the engine that runs it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.domain import (
    Activation,
    EngineName,
    ImageSpec,
    ModelIdentity,
    Prediction,
    Preprocessing,
    Sample,
    Task,
)
from mlpredict.errors import ModelError
from mlpredict.inference.compilation import compiled_model
from mlpredict.inference.engines import Engine, LiteRtEngine, TensorFlowEngine, litert_is_installed
from mlpredict.inference.fixed_batch import fixed_batch
from mlpredict.inference.image_size import PROBE_SIDE, divisible, runs, why_refused
from mlpredict.inference.model_files import ModelFiles, ModelFormat, open_model
from mlpredict.inference.outputs import NUMBERS, OutputReader, guess_task
from mlpredict.inference.sidecar import Sidecar, read_sidecar
from mlpredict.inference.signature import Signature, image_spec, output_index, random_pixels, to_tensor
from mlpredict.support.ahead import interruptible
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = get_logger(__name__)

PROBE_IMAGES = 4
# About four megabytes of float32: beyond that memory grows and speed does not.
BATCH_VALUES = 1 << 20
MAX_BATCH = 256

Examples = Callable[[ImageSpec], "NDArray[np.uint8]"]


def no_examples(spec: ImageSpec) -> NDArray[np.uint8]:
    """For a model that is verified on noise alone."""
    shape = (0, spec.height or PROBE_SIDE, spec.width or PROBE_SIDE, spec.channels)
    return np.empty(shape, np.uint8)


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready to run; make one with `load_model`."""

    identity: ModelIdentity
    spec: ImageSpec
    engine: Engine
    reader: OutputReader
    output: int

    def predict(self, samples: Sequence[Sample]) -> list[Prediction | str]:
        """What the model says of each sample, or the reason why it says nothing usable.

        The samples' pixels must have one shape.
        """
        return self.reader.read(self.outputs(np.stack([sample.pixels for sample in samples])))

    def outputs(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """The chosen output for pixels of shape (batch, height, width, channels).

        Raises:
            ModelError: the engine cannot run it, or what it gives is not a row for every image.
        """
        try:
            outputs = self._run(pixels)
        except ModelError as error:
            raise self._explained(error, pixels) from error
        return _rows_for(outputs[self.output], len(pixels), self.identity.path)

    def _run(self, pixels: NDArray[np.uint8]) -> list[NDArray[Any]]:
        return self.engine.run(
            to_tensor(pixels, self.engine.signature.inputs[0], self.spec.preprocessing.scaling)
        )

    def _explained(self, error: ModelError, pixels: NDArray[np.uint8]) -> ModelError:
        """The error itself, or the one that says what is wrong with the size of the images."""
        if self.spec.height is not None and self.spec.width is not None:
            return error
        _, height, width, channels = pixels.shape

        def takes(height: int, width: int) -> bool:
            size = (self.spec.height or height, self.spec.width or width)
            return runs(lambda: self._run(np.zeros((1, *size, channels), np.uint8)))

        reason = why_refused(height, width, takes)
        return error if reason is None else ModelError(reason)

    @property
    def workers(self) -> int:
        """How many threads may call `predict` at once."""
        return self.engine.workers

    @property
    def batch_size(self) -> int:
        """How many images at a time are as fast as more, for this size of image."""
        values = (self.spec.height or PROBE_SIDE) * (self.spec.width or PROBE_SIDE) * self.spec.channels
        images = max(1, min(MAX_BATCH, BATCH_VALUES // values))
        fixed = fixed_batch(self.engine.signature) or 1
        return max(fixed, images // fixed * fixed)


def load_model(
    path: Path,
    *,
    engine: EngineName,
    cache: Path,
    examples: Examples = no_examples,
    trusted: bool = False,
) -> Model:
    """Load a model, compiling it for LiteRT the first time it is seen.

    `examples` gives real images, decoded for the model, that a newly compiled model is verified on.
    A model that does more than compute is used only if it is `trusted`, and then with a notice.

    Raises:
        ModelError: there is no model, it takes no images, it is not trusted, or the engine asked for
            cannot run it.
    """
    files = open_model(path)
    sidecar = read_sidecar(files)
    running = _engine(files, sidecar, engine, cache, examples, trusted=trusted)
    where = str(path)
    spec = image_spec(running.signature, sidecar.preprocessing, where)
    output = output_index(running.signature, sidecar.output, where)
    reader = _reader(running, spec, sidecar, output, where)
    return Model(_identity(files, sidecar, spec, reader), spec, running, reader, output)


def _engine(
    files: ModelFiles,
    sidecar: Sidecar,
    wanted: EngineName,
    cache: Path,
    examples: Examples,
    *,
    trusted: bool,
) -> Engine:
    where = str(files.path)
    if not litert_is_installed():
        if wanted is EngineName.LITERT or files.format is ModelFormat.TFLITE:
            raise ModelError(f"{where}: there is no LiteRT for this platform to run it")
        return _on_tensorflow(where, files, trusted=trusted)
    if files.format is ModelFormat.TFLITE:
        if wanted is EngineName.TENSORFLOW:
            raise ModelError(f"{where}: a .tflite file runs on LiteRT only")
        return LiteRtEngine(files.path.read_bytes(), where)
    if wanted is EngineName.TENSORFLOW:
        return _on_tensorflow(where, files, trusted=trusted)

    def example_tensors(signature: Signature) -> NDArray[Any]:
        spec = image_spec(signature, sidecar.preprocessing, where)
        real = _of_usable_size(examples(spec), spec)
        return to_tensor(_with_noise(real, spec), signature.inputs[0], spec.preprocessing.scaling)

    compiled = compiled_model(
        files, _name(files, sidecar), cache / "models", example_tensors, trusted=trusted
    )
    if compiled.flatbuffer is not None:
        _warn(compiled.danger, where)
        return LiteRtEngine(compiled.flatbuffer, where)
    if wanted is EngineName.LITERT:
        raise ModelError(f"{where}: LiteRT cannot run it: {compiled.reason}")
    return _on_tensorflow(where, files, trusted=trusted)


def _on_tensorflow(where: str, files: ModelFiles, *, trusted: bool) -> TensorFlowEngine:
    engine = TensorFlowEngine(files.path, where, trusted=trusted)
    _warn(engine.danger, where)
    return engine


def _warn(danger: str | None, where: str) -> None:
    if danger is not None:
        logger.warning(f"warning: {where}: {danger}")


def _of_usable_size(real: NDArray[np.uint8], spec: ImageSpec) -> NDArray[np.uint8]:
    """Examples as they are for a model of one size; for others a part of each that any such model takes."""
    if spec.height is not None and spec.width is not None:
        return real
    height, width = (
        given or divisible(side)
        for given, side in zip((spec.height, spec.width), real.shape[1:3], strict=True)
    )
    return real[:, :height, :width] if min(height, width) >= PROBE_SIDE else no_examples(spec)


def _with_noise(real: NDArray[np.uint8], spec: ImageSpec) -> NDArray[np.uint8]:
    height, width = real.shape[1:3]
    return np.concatenate([real, random_pixels((PROBE_IMAGES, height, width, spec.channels))])


def _reader(engine: Engine, spec: ImageSpec, sidecar: Sidecar, output: int, where: str) -> OutputReader:
    task, activation = sidecar.task, sidecar.activation
    shape: tuple[int | None, ...] = engine.signature.outputs[output].shape
    if task is None or activation is None or not shape or shape[-1] is None:
        probed = _probe(engine, spec, output, where)
        shape = probed.shape
        guessed_task, guessed_activation = guess_task(probed, sidecar.labels)
        task = task or guessed_task
        activation = activation or _usual_activation(task, guessed_activation)
    if task in (Task.CLASSIFICATION, Task.BINARY):
        _check_classes(shape, task, sidecar.labels, where)
    return OutputReader(task, activation, sidecar.labels)


def _probe(engine: Engine, spec: ImageSpec, output: int, where: str) -> NDArray[Any]:
    images = fixed_batch(engine.signature) or PROBE_IMAGES
    shape = (images, spec.height or PROBE_SIDE, spec.width or PROBE_SIDE, spec.channels)
    tensor = to_tensor(random_pixels(shape), engine.signature.inputs[0], spec.preprocessing.scaling)
    outputs = interruptible(lambda: engine.run(tensor))
    return _rows_for(outputs[output], images, where)


def _rows_for(output: NDArray[Any], images: int, where: str) -> NDArray[Any]:
    """The output itself, where it has something to store for every image."""
    if output.dtype.kind not in NUMBERS:
        raise ModelError(f"{where}: answers with {_kind(output.dtype)}: expected numbers")
    if output.shape[:1] != (images,) or not output.size:
        asked = f"{images} image{'s' if images > 1 else ''}"
        raise ModelError(
            f"{where}: answers {asked} with an array of shape {output.shape}: expected a row for each"
        )
    return output


def _kind(dtype: np.dtype[Any]) -> str:
    return "text" if dtype.kind in "OSUT" else f"{dtype} values"


def _usual_activation(task: Task, guessed: Activation) -> Activation:
    match task:
        case Task.CLASSIFICATION:
            return guessed
        case Task.BINARY:
            return Activation.SIGMOID
        case _:
            return Activation.NONE


def _check_classes(
    shape: tuple[int | None, ...], task: Task, labels: tuple[str, ...] | None, where: str
) -> None:
    numbers = shape[-1] if len(shape) == 2 else None if len(shape) > 2 else 1
    if numbers is None or (task is Task.BINARY) != (numbers == 1):
        raise ModelError(f"{where}: an output of shape {shape} is no {task}")
    classes = 2 if task is Task.BINARY else numbers
    if labels is not None and classes != len(labels):
        raise ModelError(f"{where}: {len(labels)} labels for {classes} classes")


def _identity(files: ModelFiles, sidecar: Sidecar, spec: ImageSpec, reader: OutputReader) -> ModelIdentity:
    description = {
        "height": spec.height,
        "width": spec.width,
        "channels": spec.channels,
        "activation": reader.activation,
        "output": sidecar.output,
        "preprocessing": asdict(spec.preprocessing),
    }
    return ModelIdentity(
        name=_name(files, sidecar),
        fingerprint=fingerprint(files.sha256, spec.preprocessing, sidecar.output),
        format=files.format,
        path=str(files.path),
        task=reader.task,
        labels=reader.labels,
        description=description,
    )


def _name(files: ModelFiles, sidecar: Sidecar) -> str:
    # Of a file whose name is not UTF-8 what text there is: a database takes no more.
    return sidecar.name or os.fsencode(files.path.stem).decode("utf-8", "replace")


def fingerprint(files_sha256: str, preprocessing: Preprocessing, output: str | None) -> str:
    """SHA-256, in hexadecimal, over the model's own files and how it was used."""
    usage = json.dumps({"preprocessing": asdict(preprocessing), "output": output}, sort_keys=True)
    return hashlib.sha256(f"{files_sha256}\n{usage}".encode()).hexdigest()
