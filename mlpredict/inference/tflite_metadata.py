"""What the author of a `.tflite` file says in it: TensorFlow Lite metadata.

Model Maker, AutoML and MediaPipe write them: a flatbuffer in the model's buffer TFLITE_METADATA, by the
public schema metadata_schema.fbs of tflite-support and MediaPipe (version 1.5.0), and a zip of the files that
it names behind the model.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from mlpredict.domain import Scaling
from mlpredict.inference import tflite_graph
from mlpredict.inference.flatbuffer import Damaged, Table
from mlpredict.inference.labels import MAX_BYTES, lines_of
from mlpredict.inference.model_files import damaged_archive

METADATA = "TFLITE_METADATA"
IDENTIFIER = b"M001"

# Fields of ModelMetadata, SubGraphMetadata, TensorMetadata, ProcessUnit, NormalizationOptions and
# AssociatedFile. A union has two: its kind, and then what it is.
NAME, SUBGRAPHS = 0, 3
INPUTS, OUTPUTS = 2, 3
UNITS, FILES = 4, 6
KIND, OPTIONS = 0, 1
MEAN, STD = 0, 1
FILE_NAME, FILE_TYPE, LOCALE = 0, 2, 3
NORMALIZATION = 1
TENSOR_AXIS_LABELS = 2

MOST = 100
"""Of tensors, of what is done to one, and of its files."""

UNREADABLE: tuple[type[Exception], ...] = (
    ValueError,
    OSError,
    OverflowError,
    struct.error,
    *damaged_archive(),
)
"""What comes of an archive that is none, or damaged."""

NAMES_OF_TOOLS = frozenset({"ImageClassifier", "ImageSegmenter", "ObjectDetector", "Unknown"})
"""What the writers of metadata call every model, where its author has not said more."""


@dataclass(frozen=True, slots=True)
class TfliteMetadata:
    """What the metadata say; None is what they do not."""

    name: str | None = None
    scaling: Scaling | None = None
    """Of the first input, where it takes real numbers."""
    labels: tuple[tuple[str, ...], ...] = ()
    """The classes' names of each output that has some."""


def read_metadata(content: bytes) -> TfliteMetadata | None:
    """The metadata of a `.tflite` file; None where there are none.

    Raises:
        Damaged: they are not what the schema says.
    """
    buffer = _buffer(content)
    if buffer is None:
        return None
    if bytes(buffer[4:8]) != IDENTIFIER:
        raise Damaged(f"they begin with {bytes(buffer[4:8])!r} and not with {IDENTIFIER!r}")
    model = Table.root(buffer)
    graph = next(model.tables(SUBGRAPHS), None)
    name = model.text(NAME).strip()
    if graph is None:
        return TfliteMetadata(name or None)
    inputs = list(graph.tables(INPUTS, MOST))
    labels = [_labels(output, content) for output in graph.tables(OUTPUTS, MOST)]
    return TfliteMetadata(
        name if name and name not in NAMES_OF_TOOLS else None,
        _scaling(inputs[0]) if inputs else None,
        tuple(one for one in labels if one),
    )


def _buffer(content: bytes) -> memoryview | None:
    model = Table.root(content)
    buffers = list(model.tables(tflite_graph.BUFFERS))
    for entry in model.tables(tflite_graph.METADATA):
        if entry.text(tflite_graph.METADATA_NAME) == METADATA:
            place = entry.number(tflite_graph.METADATA_BUFFER, "I")
            if place >= len(buffers):
                raise Damaged(f"there is no buffer {place}")
            found: memoryview = buffers[place].content(tflite_graph.DATA)
            return found
    return None


def _scaling(tensor: Table) -> Scaling | None:
    for unit in tensor.tables(UNITS, MOST):
        options = unit.table(OPTIONS)
        if unit.number(KIND, "B") == NORMALIZATION and options is not None:
            return _normalisation(options.numbers(MEAN, "f"), options.numbers(STD, "f"))
    return None


def _normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> Scaling:
    if not mean or len(mean) != len(std) or 0 in std or not all(map(math.isfinite, (*mean, *std))):
        raise Damaged(f"their normalisation is mean {list(mean)}, std {list(std)}")
    if not any(mean) and len(set(std)) == 1:
        return Scaling(std[0])
    return Scaling(1.0, mean, std)


def _labels(tensor: Table, content: bytes) -> tuple[str, ...]:
    """The names of an output's classes: those without a locale, else the first."""
    named = [
        (file.text(LOCALE), file.text(FILE_NAME))
        for file in tensor.tables(FILES, MOST)
        if file.number(FILE_TYPE, "b") == TENSOR_AXIS_LABELS
    ]
    if not named:
        return ()
    _, name = min(named, key=lambda one: one[0] != "")
    return next(_packed(name, content), ())


def _packed(name: str, content: bytes) -> Iterator[tuple[str, ...]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(name).file_size > MAX_BYTES:
                raise Damaged(f"{name} in them is larger than any list of labels")
            yield lines_of(archive.read(name).decode("utf-8-sig"))
    except KeyError:
        raise Damaged(f"{name} is named in them, and is not packed with the model") from None
    except UNREADABLE as error:
        raise Damaged(f"{name} in them cannot be read: {error}") from error
