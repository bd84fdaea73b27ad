"""What tells a model from others: its name, and a fingerprint of its files and of how it is used."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

from mlpredict.domain import Activation, ImageSpec, ModelIdentity, Preprocessing, Task
from mlpredict.inference.choices import Choice, as_json
from mlpredict.inference.described import Described
from mlpredict.inference.outputs import OutputReader
from mlpredict.inference.signature import TensorSpec

Meaning = tuple[Task, Activation]


def identity(
    described: Described,
    spec: ImageSpec,
    tensor: TensorSpec,
    reader: OutputReader,
    told: Meaning,
    choices: Sequence[Choice],
) -> ModelIdentity:
    """What the database knows of a model; `told` is what its outputs mean where nobody says anything."""
    files, output = described.files, described.sidecar.output
    description: dict[str, Any] = {
        "height": spec.height,
        "width": spec.width,
        "channels": spec.channels,
        "activation": reader.activation,
        "output": output,
        "preprocessing": spec.preprocessing.stated(),
        "choices": as_json(choices),
    }
    return ModelIdentity(
        name=model_name(described),
        fingerprint=fingerprint(files.sha256, spec.preprocessing, output, tensor, reader, told),
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
    - `task` and `activation` are there where they are not what the outputs themselves tell (`told`).
    """
    used: dict[str, Any] = {"preprocessing": preprocessing.stated(), "output": output}
    quantisation = tensor.quantisation if tensor is not None and tensor.takes_pixels else None
    if preprocessing.scaling is None and quantisation is not None and not quantisation.is_of_pixels:
        used["input"] = "pixels"
    if reader is not None and reader.labels not in (None, _numbers(reader)):
        used["labels"] = reader.labels
    if reader is not None and (reader.task, reader.activation) != told:
        used |= {"task": reader.task, "activation": reader.activation}
    text = json.dumps(used, sort_keys=True)
    return hashlib.sha256(f"{files_sha256}\n{text}".encode()).hexdigest()


def _numbers(reader: OutputReader) -> tuple[str, ...]:
    return tuple(map(str, range(len(reader.labels or ()))))
