"""What a model is: its files, what it takes, what its output means, and the engine that runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.domain import EngineName, ImageSpec, ModelIdentity, Prediction, Sample
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Choice, assumptions
from mlpredict.inference.compilation import compiled_model
from mlpredict.inference.compile_cache import COMPILER_VERSION
from mlpredict.inference.described import Described, describe
from mlpredict.inference.engines import (
    Engine,
    LiteRtEngine,
    TensorFlowEngine,
    litert_is_installed,
    require_tensorflow,
)
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.first_use import Uses
from mlpredict.inference.fixed_batch import fixed_batch
from mlpredict.inference.identity import fingerprint, identity, model_name
from mlpredict.inference.image_size import PROBE_SIDE, divisible, runs, why_refused
from mlpredict.inference.meaning import meaning
from mlpredict.inference.model_files import ModelFiles, ModelFormat, open_model
from mlpredict.inference.output_choice import chosen_output, require_storable
from mlpredict.inference.outputs import OutputReader
from mlpredict.inference.preparation import prepared
from mlpredict.inference.probe import PROBE_IMAGES, facts_of_output, facts_of_outputs, rows_for
from mlpredict.inference.signature import Signature, image_spec, random_pixels, to_tensor
from mlpredict.support import steps
from mlpredict.support.logs import get_logger

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlpredict.domain import Pixels

logger = get_logger(__name__)

# About four megabytes of float32: beyond that memory grows and speed does not.
BATCH_VALUES = 1 << 20
MAX_BATCH = 256

Examples = Callable[[ImageSpec], "Pixels"]


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
    choices: tuple[Choice, ...] = ()
    """What was decided about it, and why."""
    others: Mapping[str, int] = field(default_factory=dict)
    """The places of the outputs that are kept beside it, by their names."""
    output_names: tuple[str, ...] = ()
    """What all its outputs are called, in their order."""
    output_numbers: int = 1
    """How many numbers the output has for an image of the model's size, or of the probe's."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What runs it, by name: the engine, its version, and the hashes of what it runs."""

    def predict(self, samples: Sequence[Sample]) -> list[Prediction | str]:
        """What the model says of each sample, or the reason why it says nothing usable.

        The samples' pixels must have one shape.
        """
        pixels = np.stack([sample.pixels for sample in samples])
        answer, *others = self._rows(pixels, [self.output, *self.others.values()])
        return self.reader.read(answer, dict(zip(self.others, others, strict=True)))

    def outputs(self, pixels: Pixels) -> NDArray[Any]:
        """The chosen output for pixels of shape (batch, height, width, channels).

        Raises:
            ModelError: the engine cannot run it, or what it gives is not a row for every image.
        """
        return self._rows(pixels, [self.output])[0]

    def _rows(self, pixels: Pixels, places: Sequence[int]) -> list[NDArray[Any]]:
        try:
            outputs = self._run(pixels)
        except ModelError as error:
            raise self._explained(error, pixels) from error
        return [rows_for(outputs[place], len(pixels), self.identity.path) for place in places]

    def _run(self, pixels: Pixels) -> list[NDArray[Any]]:
        return self.engine.run(to_tensor(pixels, self.engine.signature.inputs[0], self.spec.preprocessing))

    def _explained(self, error: ModelError, pixels: Pixels) -> ModelError:
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
        images = max(1, min(MAX_BATCH, BATCH_VALUES // max(values, self.output_numbers)))
        fixed = fixed_batch(self.engine.signature) or 1
        return max(fixed, images // fixed * fixed)


def load_model(
    path: Path,
    *,
    engine: EngineName,
    cache: Path,
    examples: Examples = no_examples,
    trusted: bool = False,
    labels: str | None = None,
) -> Model:
    """Load a model, compiling it for LiteRT the first time it is seen.

    `examples` gives real images, decoded for the model, that a newly compiled model is verified on.
    A model that does more than compute is used only if it is `trusted`, and then with a notice.
    `labels` is a file of labels, or the labels themselves with commas between them. What was assumed of
    the model is told the first time that it is used so, and later to who asks for details.

    Raises:
        ModelError: there is no model, it takes no images, it is not trusted, or the engine asked for
            cannot run it.
        UsageError: the labels are none.
    """
    described = describe(open_model(path), labels)
    running, evidence = engine_for(described, engine, cache, examples, trusted=trusted)
    where, signature = str(path), running.signature
    spec, prepared_by = _spec(described, signature, evidence, where)
    tensor = signature.inputs[0]
    uses = Uses(
        cache / "uses",
        fingerprint(described.files.sha256, spec.preprocessing, described.sidecar.output, tensor),
    )
    known = uses.facts() or ()
    every = known if len(known) == len(signature.outputs) > 0 else facts_of_outputs(running, spec, where)
    output = chosen_output(described, signature, evidence, every, where)
    facts = every[output.index] or facts_of_output(running, spec, output.index, where)
    ending = evidence.endings[output.index] if output.index < len(evidence.endings) else ""
    reader, read_by = meaning(described, facts, ending, where)
    require_storable(facts, reader.task, output, where)
    choices = (*prepared_by, *([output.choice] if output.choice else []), *read_by)
    guess, _ = facts.meaning(reader.labels, ending)
    named = identity(described, spec, tensor, reader, facts.told(ending), guess, choices, output.stated)
    first = uses.is_first(named.fingerprint)
    if (assumed := assumptions(described.files.path.name, choices, spec)) is not None:
        logger.log(logging.INFO if first else logging.DEBUG, assumed)
    if first or every != known:
        uses.remember(every, named.fingerprint)
    return Model(
        named,
        spec,
        running,
        reader,
        output.index,
        choices,
        output.kept,
        output.names,
        facts.numbers,
        {**running.facts(), "model_sha256": described.files.sha256},
    )


def _spec(
    described: Described, signature: Signature, evidence: Evidence, where: str
) -> tuple[ImageSpec, tuple[Choice, ...]]:
    # What takes no image at all is refused before anything is decided about it.
    image_spec(signature, described.sidecar.preprocessing, where)
    preprocessing, choices = prepared(described, signature, evidence)
    return image_spec(signature, preprocessing, where), choices


def engine_for(
    described: Described, wanted: EngineName, cache: Path, examples: Examples, *, trusted: bool
) -> tuple[Engine, Evidence]:
    """What runs the model, and what its graph tells.

    Raises:
        ModelError: it is not trusted, or the engine asked for cannot run it.
    """
    files = described.files
    where = str(files.path)
    if not litert_is_installed():
        if wanted is EngineName.LITERT or files.format is ModelFormat.TFLITE:
            raise ModelError(f"{where}: there is no LiteRT for this platform to run it")
        return _on_tensorflow(where, files, trusted=trusted)
    if files.format is ModelFormat.TFLITE:
        if wanted is EngineName.TENSORFLOW:
            raise ModelError(f"{where}: a .tflite file runs on LiteRT only")
        return LiteRtEngine(described.content, where), _evidence(described.content, where)
    if wanted is EngineName.TENSORFLOW:
        return _on_tensorflow(where, files, trusted=trusted)

    def example_tensors(signature: Signature, evidence: Evidence) -> NDArray[Any]:
        spec, _ = _spec(described, signature, evidence, where)
        return to_tensor(
            _with_noise(_of_usable_size(examples(spec), spec), spec), signature.inputs[0], spec.preprocessing
        )

    compiled = compiled_model(
        files, model_name(described), cache / "models", example_tensors, trusted=trusted
    )
    if compiled.flatbuffer is not None:
        _warn(compiled.danger, where)
        made = {"compiled_sha256": compiled.sha256, "compiler": COMPILER_VERSION}
        return LiteRtEngine(compiled.flatbuffer, where, made), compiled.evidence
    if wanted is EngineName.LITERT:
        raise ModelError(f"{where}: LiteRT cannot run it: {compiled.reason}")
    return _on_tensorflow(where, files, trusted=trusted)


def _evidence(content: bytes, where: str) -> Evidence:
    from mlpredict.inference.flatbuffer import Damaged
    from mlpredict.inference.tflite_graph import TfliteGraph, tflite_evidence

    try:
        return tflite_evidence(TfliteGraph(content))
    except Damaged as error:
        # LiteRT reads less of it, and has no objection.
        logger.warning(f"warning: {where}: nothing is known of the pixels it takes: {error}")
        return Evidence()


def _on_tensorflow(where: str, files: ModelFiles, *, trusted: bool) -> tuple[Engine, Evidence]:
    require_tensorflow(where)
    steps.tell("loading the model with TensorFlow")
    engine = TensorFlowEngine(files.path, where, trusted=trusted)
    _warn(engine.danger, where)
    return engine, engine.evidence


def _warn(danger: str | None, where: str) -> None:
    if danger is not None:
        logger.warning(f"warning: {where}: {danger}")


def _of_usable_size(real: Pixels, spec: ImageSpec) -> Pixels:
    """Examples as they are for a model of one size; for others a part of each that any such model takes."""
    if spec.height is not None and spec.width is not None:
        return real
    height, width = (
        given or divisible(side)
        for given, side in zip((spec.height, spec.width), real.shape[1:3], strict=True)
    )
    return real[:, :height, :width] if min(height, width) >= PROBE_SIDE else no_examples(spec)


def _with_noise(real: Pixels, spec: ImageSpec) -> Pixels:
    height, width = real.shape[1:3]
    return np.concatenate([real, random_pixels((PROBE_IMAGES, height, width, spec.channels))])
