"""Small `.tflite` files and their metadata, written by flatbuffers' own builder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers

# Kinds of fields, beside numbers by flatbuffers' names: an offset, and vectors of offsets, numbers and bytes.
Field = tuple[str, Any]
FLOAT32, UINT8, INT8 = 0, 3, 9
ADD, CONV_2D, MUL, QUANTIZE, SOFTMAX = 0, 3, 18, 114, 25


class Writer:
    """Writes tables whose fields are known by their place in the schema."""

    def __init__(self) -> None:
        self.builder: Any = flatbuffers.Builder(1024)

    def text(self, value: str) -> Field:
        return "offset", self.builder.CreateString(value)

    def content(self, value: bytes) -> Field:
        return "offset", self.builder.CreateByteVector(value)

    def vector(self, kind: str, values: Sequence[Any]) -> Field:
        size = {"Int32": 4, "Float32": 4, "Int64": 8}[kind]
        self.builder.StartVector(size, len(values), size)
        for value in reversed(values):
            getattr(self.builder, f"Prepend{kind}")(value)
        return "offset", self.builder.EndVector()

    def tables(self, tables: Sequence[Field]) -> Field:
        self.builder.StartVector(4, len(tables), 4)
        for _, table in reversed(tables):
            self.builder.PrependUOffsetTRelative(table)
        return "offset", self.builder.EndVector()

    def table(self, fields: Mapping[int, Field]) -> Field:
        self.builder.StartObject(max(fields, default=0) + 1)
        for place, (kind, value) in fields.items():
            if kind == "offset":
                self.builder.PrependUOffsetTRelativeSlot(place, value, 0)
            else:
                getattr(self.builder, f"Prepend{kind}Slot")(place, value, 0)
        return "offset", self.builder.EndObject()

    def finish(self, root: Field, identifier: bytes) -> bytes:
        self.builder.Finish(root[1], file_identifier=identifier)
        return bytes(self.builder.Output())


def metadata(
    *,
    name: str = "",
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    label_files: Sequence[tuple[str, str]] = (),
    identifier: bytes = b"M001",
) -> bytes:
    """Metadata of a model with one input and one output; `label_files` are names with their locales."""
    writer = Writer()
    options = writer.table({0: writer.vector("Float32", mean), 1: writer.vector("Float32", std)})
    unit = writer.table({0: ("Uint8", 1), 1: options})
    taken = writer.table({4: writer.tables([unit] if mean or std else [])})
    files = [
        writer.table({0: writer.text(file), 2: ("Int8", 2), 3: writer.text(locale)})
        for file, locale in label_files
    ]
    given = writer.table({6: writer.tables(files)})
    graph = writer.table({2: writer.tables([taken]), 3: writer.tables([given])})
    return writer.finish(writer.table({0: writer.text(name), 3: writer.tables([graph])}), identifier)


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file: its name, its type, its content where it is a constant, and its quantisation."""

    name: str
    type: int = FLOAT32
    shape: Sequence[int] = (1,)
    content: bytes = b""
    scales: Sequence[float] = ()
    zeros: Sequence[int] = ()


@dataclass(frozen=True)
class File:
    """A `.tflite` file of one graph: operations with the places of the tensors they take and give."""

    tensors: Sequence[Tensor] = (Tensor("image"),)
    operations: Sequence[tuple[int, Sequence[int], Sequence[int]]] = ()
    inputs: Sequence[int] = (0,)
    outputs: Sequence[int] = (0,)
    metadata: bytes | None = None
    packed: Mapping[str, bytes] = field(default_factory=dict)

    def written(self) -> bytes:
        writer = Writer()
        contents = [b"", *(tensor.content for tensor in self.tensors), self.metadata or b""]
        buffers = [writer.table({0: writer.content(one)} if one else {}) for one in contents]
        tensors = [self._tensor(writer, tensor, place) for place, tensor in enumerate(self.tensors, 1)]
        codes = sorted({code for code, _, _ in self.operations})
        operators = [
            writer.table(
                {
                    0: ("Uint32", codes.index(code)),
                    1: writer.vector("Int32", takes),
                    2: writer.vector("Int32", gives),
                }
            )
            for code, takes, gives in self.operations
        ]
        graph = writer.table(
            {
                0: writer.tables(tensors),
                1: writer.vector("Int32", self.inputs),
                2: writer.vector("Int32", self.outputs),
                3: writer.tables(operators),
            }
        )
        entries = [writer.table({0: writer.text("min_runtime_version"), 1: ("Uint32", 0)})]
        if self.metadata is not None:
            place = ("Uint32", len(contents) - 1)
            entries.append(writer.table({0: writer.text("TFLITE_METADATA"), 1: place}))
        named = [writer.table({0: ("Int8", min(code, 127)), 3: ("Int32", code)}) for code in codes]
        model = {
            1: writer.tables(named),
            2: writer.tables([graph]),
            4: writer.tables(buffers),
            6: writer.tables(entries),
        }
        return writer.finish(writer.table(model), b"TFL3") + self._archive()

    @staticmethod
    def _tensor(writer: Writer, tensor: Tensor, place: int) -> Field:
        quantisation = writer.table(
            {2: writer.vector("Float32", tensor.scales), 3: writer.vector("Int64", tensor.zeros)}
        )
        return writer.table(
            {
                0: writer.vector("Int32", tensor.shape),
                1: ("Int8", tensor.type),
                2: ("Uint32", place),
                3: writer.text(tensor.name),
                4: quantisation,
            }
        )

    def _archive(self) -> bytes:
        if not self.packed:
            return b""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packing:
            for name, content in self.packed.items():
                packing.writestr(name, content)
        return archive.getvalue()
