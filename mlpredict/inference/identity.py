"""What tells a model from others: its name, and a fingerprint of its files and of how it is used."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

from mlpredict.domain import ImageSpec, ModelIdentity, Preprocessing, Task
from mlpredict.inference.choices import Choice, as_json
from mlpredict.inference.described import Described
from mlpredict.inference.output_facts import Meaning
from mlpredict.inference.outputs import OutputReader
from mlpredict.inference.signature import TensorSpec

WORDS = ("score_threshold", "unknown_below", "unit", "factor")


def identity(
    described: Described,
    spec: ImageSpec,
    tensor: TensorSpec,
    reader: OutputReader,
    told: Meaning,
    guess: Task,
    choices: Sequence[Choice],
    output: str | None = None,
) -> ModelIdentity:
    """What the database knows of a model.

    `told` is what its outputs were taken for when nothing was known of several labels and of maps, `guess`
    the task that they are taken for now where none is stated; `output` is the one that was chosen, None for
    the first of a model of which nothing is said.
    """
    files = described.files
    description: dict[str, Any] = {
        "height": spec.height,
        "width": spec.width,
        "channels": spec.channels,
        "activation": reader.activation,
        "output": output,
        "preprocessing": spec.preprocessing.stated(),
        "choices": as_json(choices),
        **words(reader),
    }
    # What was guessed to be one class of several before keeps its fingerprint: class and score are the same.
    guessed = reader.task is Task.MULTI_LABEL and guess is Task.MULTI_LABEL
    hashed = reader._replace(task=Task.CLASSIFICATION) if guessed else reader
    return ModelIdentity(
        name=model_name(described),
        fingerprint=fingerprint(files.sha256, spec.preprocessing, output, tensor, hashed, told),
        format=files.format,
        path=str(files.path),
        task=reader.task,
        labels=reader.labels,
        description=description,
    )


def model_name(described: Described) -> str:
    """What a model is called: as its author says, else as its file."""
    # Of a file whose name is not UTF-8 what text there is: a database takes no more.
    stem = os.fsencode(described.files.path.stem).decode("utf-8", "replace")
    return described.sidecar.name or (described.metadata and described.metadata.name) or stem


def fingerprint(
    files_sha256: str,
    preprocessing: Preprocessing,
    output: str | None,
    tensor: TensorSpec | None = None,
    reader: OutputReader | None = None,
    told: Meaning | None = None,
) -> str:
    """SHA-256, in hexadecimal, over the model's own files, how it was used, and what its output meant.

    What makes no difference leaves no trace, so that models keep their fingerprints when the program learns
    a new word, and when somebody spells out what holds anyway:

    - `input` is there where a quantised input is given the pixels themselves and they are not its 0..1;
    - `labels` are there unless they are the classes' numbers, which is what classes are called without;
    - `task` and `activation` are there where they are not what the outputs themselves tell (`told`);
    - thresholds, unit and factor are there where they are not the usual ones.
    """
    used: dict[str, Any] = {"preprocessing": preprocessing.stated(), "output": output}
    quantisation = tensor.quantisation if tensor is not None and tensor.takes_pixels else None
    if preprocessing.scaling is None and quantisation is not None and not quantisation.is_of_pixels:
        used["input"] = "pixels"
    if reader is not None and reader.labels not in (None, _numbers(reader)):
        used["labels"] = reader.labels
    if reader is not None and (reader.task, reader.activation) != told:
        used |= {"task": reader.task, "activation": reader.activation}
    if reader is not None:
        used |= words(reader)
    text = json.dumps(used, sort_keys=True)
    return hashlib.sha256(f"{files_sha256}\n{text}".encode()).hexdigest()


def words(reader: OutputReader) -> dict[str, Any]:
    """What is said of an output beside its task, activation and labels, as far as it is not the usual."""
    usual = OutputReader(reader.task, reader.activation, reader.labels)
    return {name: getattr(reader, name) for name in WORDS if getattr(reader, name) != getattr(usual, name)}


def _numbers(reader: OutputReader) -> tuple[str, ...]:
    return tuple(map(str, range(len(reader.labels or ()))))
