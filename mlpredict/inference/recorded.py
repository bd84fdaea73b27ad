"""A model as it was recorded: with the preprocessing and the meaning of then, whatever is said of it now.

The fingerprint proves it: it is a hash over the model's own files and all that was said of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlpredict.domain import Activation, EngineName, ModelIdentity, Preprocessing, Task
from mlpredict.domain.verification import RecordedModel
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Reason
from mlpredict.inference.class_maps import MapKind
from mlpredict.inference.described import Described
from mlpredict.inference.identity import WORDS, fingerprint
from mlpredict.inference.model import Model, engine_for, no_examples
from mlpredict.inference.model_files import ModelFiles
from mlpredict.inference.output_choice import recorded_output
from mlpredict.inference.output_facts import Meaning
from mlpredict.inference.outputs import OutputReader
from mlpredict.inference.probe import facts_of_output, facts_of_outputs
from mlpredict.inference.sidecar import Sidecar
from mlpredict.inference.signature import TensorSpec, image_spec

GUESSED_LABELS = (Task.MULTI_LABEL, Activation.SIGMOID)


class Altered(ModelError):
    """What is recorded of a model is not what its fingerprint is of."""


def is_recorded(files_sha256: str, recorded: RecordedModel) -> bool:
    """Whether a model's files, with all that is recorded of their use, are what the fingerprint is of."""
    texts = (json.dumps(used, sort_keys=True) for used in _uses(recorded))
    return any(
        hashlib.sha256(f"{files_sha256}\n{text}".encode()).hexdigest() == recorded.fingerprint
        for text in texts
    )


def _uses(recorded: RecordedModel) -> Iterator[dict[str, Any]]:
    """What `identity.fingerprint` may have hashed: only the model tells whether some of it was usual."""
    described = recorded.description
    always = {"preprocessing": described.get("preprocessing"), "output": described.get("output")}
    always |= {name: described[name] for name in WORDS if name in described}
    numbers = tuple(map(str, range(len(recorded.labels or ()))))
    if recorded.labels not in (None, numbers):
        always["labels"] = recorded.labels
    activation = described.get("activation")
    tasks = [recorded.task]
    if (recorded.task, activation) == GUESSED_LABELS:
        # Where several labels were guessed, what they were taken for before is what counts.
        tasks.append(Task.CLASSIFICATION.value)
    meanings = [{}, *({"task": task, "activation": activation} for task in tasks)]
    for of_input in ({}, {"input": "pixels"}):
        for meaning in meanings:
            yield {**always, **of_input, **meaning}


def load_recorded(
    files: ModelFiles, recorded: RecordedModel, engine: EngineName, cache: Path, *, trusted: bool = False
) -> Model:
    """Load a model with what is recorded of it; files that are gone will do where it has been compiled.

    Raises:
        Altered: what is recorded is not what the fingerprint is of.
        ModelError: it cannot be run, or is recorded in words that this version does not know.
    """
    where = str(files.path)
    preprocessing, reader = _preprocessing(recorded, where), _reader(recorded, where)
    sidecar = Sidecar(name=recorded.name, preprocessing=preprocessing)
    content = files.path.read_bytes() if files.format == "tflite" else b""
    described = Described(files, sidecar, content=content)
    running, evidence = engine_for(described, engine, cache, no_examples, trusted=trusted)
    spec = image_spec(running.signature, preprocessing, where)
    every = facts_of_outputs(running, spec, where)
    said = _choices(recorded)
    output = recorded_output(
        recorded.description.get("output"),
        running.signature,
        evidence,
        every,
        where,
        alone=said.get("output", {}).get("reason") == Reason.FILE,
    )
    facts = every[output.index] or facts_of_output(running, spec, output.index, where)
    ending = evidence.endings[output.index] if output.index < len(evidence.endings) else ""
    _require_proof(files, recorded, preprocessing, reader, running.signature.inputs[0], facts.told(ending))
    if reader.task is Task.SEGMENTATION:
        keep_map = said.get("keep_map", {}).get("value") == "true"
        reader = reader._replace(map_kind=facts.map_kind(ending), keep_map=keep_map)
    identity = ModelIdentity(
        recorded.name,
        recorded.fingerprint,
        files.format,
        where,
        reader.task,
        reader.labels,
        recorded.description,
    )
    made = {**running.facts(), "model_sha256": files.sha256}
    return Model(
        identity, spec, running, reader, output.index, (), output.kept, output.names, facts.numbers, made
    )


def was_given(recorded: RecordedModel, what: str) -> bool:
    """Whether something was said of the model on the command line, which no file tells."""
    return _choices(recorded).get(what, {}).get("reason") == Reason.OPTION


def _require_proof(
    files: ModelFiles,
    recorded: RecordedModel,
    preprocessing: Preprocessing,
    reader: OutputReader,
    tensor: TensorSpec,
    told: Meaning,
) -> None:
    """See whether task and activation that the fingerprint does not have are those that the outputs tell."""
    readers = [reader]
    if (reader.task, reader.activation) == GUESSED_LABELS:
        readers.append(reader._replace(task=Task.CLASSIFICATION))
    output = recorded.description.get("output")
    made = (fingerprint(files.sha256, preprocessing, output, tensor, one, told) for one in readers)
    if recorded.fingerprint not in made:
        raise Altered(f"{files.path}: what is recorded of its use is not what its fingerprint is of")


def _preprocessing(recorded: RecordedModel, where: str) -> Preprocessing:
    stated = recorded.description.get("preprocessing")
    try:
        return Preprocessing.of(stated if isinstance(stated, Mapping) else {})
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"{where}: its recorded preprocessing is not understood: {error}",
            hint="a newer version may have recorded it: upgrade mlpredict",
        ) from error


def _reader(recorded: RecordedModel, where: str) -> OutputReader:
    words = {name: recorded.description[name] for name in WORDS if name in recorded.description}
    try:
        task, activation = Task(recorded.task), Activation(str(recorded.description.get("activation")))
        return OutputReader(task, activation, recorded.labels, map_kind=MapKind.PROBABILITIES, **words)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{where}: its recorded meaning is not understood: {error}") from error


def _choices(recorded: RecordedModel) -> dict[str, Mapping[str, Any]]:
    """What was decided about the model, and why, by what was decided."""
    choices = recorded.description.get("choices")
    found = choices if isinstance(choices, list) else []
    return {str(one.get("what")): one for one in found if isinstance(one, Mapping)}
