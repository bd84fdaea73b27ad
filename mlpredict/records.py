"""Records as json, jsonl, csv and tsv."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from mlpredict.domain import Activation, Format, Task
from mlpredict.support.json_text import JsonText, as_json
from mlpredict.support.printable import escaped_bytes, is_safe, printable
from mlpredict.support.units import local_time

Record = Mapping[str, Any]

Ranking = list[dict[str, Any]]
"""Labels with their scores, the likeliest first, by the names `label` and `score`."""


class Encoder(Protocol):
    """Turns records into the bytes of one format; call `finish` after the last of them."""

    def encode(self, records: Iterable[Record]) -> bytes: ...

    def finish(self) -> bytes: ...


class ObjectEncoder(Encoder, Protocol):
    """The encoder of a format made of JSON objects, which also takes what is JSON already."""

    def encode_objects(self, objects: Iterable[bytes]) -> bytes:
        """One object, or several, a line each; there is no newline behind the last."""


def ranking(
    output: str, task: Task | None, activation: Activation | None, labels: Sequence[str] | None
) -> Ranking | None:
    """All labels of a prediction, from its output as JSON text; None where it has no classes."""
    # Here, as it needs numpy, and most that is printed does not.
    from mlpredict.inference.outputs import stored_classes

    ranked = stored_classes(output, task, activation, labels)
    return None if ranked is None else [{"label": label, "score": score} for label, score in ranked]


class JsonLinesEncoder:
    """One JSON object a line."""

    def encode(self, records: Iterable[Record]) -> bytes:
        return self.encode_objects(map(as_json, records))

    def encode_objects(self, objects: Iterable[bytes]) -> bytes:
        return b"".join(one + b"\n" for one in objects)

    def finish(self) -> bytes:
        return b""


class JsonEncoder:
    """One JSON array; `[]` when there are no records."""

    def __init__(self) -> None:
        self._separator = b"[\n"

    def encode(self, records: Iterable[Record]) -> bytes:
        return self.encode_objects(map(as_json, records))

    def encode_objects(self, objects: Iterable[bytes]) -> bytes:
        parts = []
        for one in objects:
            parts += [self._separator, one.replace(b"\n", b",\n")]
            self._separator = b",\n"
        return b"".join(parts)

    def finish(self) -> bytes:
        return b"[]\n" if self._separator.startswith(b"[") else b"\n]\n"


class _NewlineEnds(io.StringIO):
    """Lines that end in a newline alone; a csv writer that knew would leave a carriage return unquoted."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


class CsvEncoder:
    """RFC 4180 with a header; lines end in a newline alone, as other tools here end them.

    `shown` makes text of a value.
    """

    def __init__(self, columns: Sequence[str], shown: Callable[[Any], str]) -> None:
        self._columns = columns
        self._shown = shown
        self._header_due = True

    def encode(self, records: Iterable[Record]) -> bytes:
        text = _NewlineEnds()
        writer = csv.writer(text, lineterminator="\r\n")
        if self._header_due:
            writer.writerow(self._columns)
            self._header_due = False
        writer.writerows([self._shown(record[column]) for column in self._columns] for record in records)
        return os.fsencode(text.getvalue())

    def finish(self) -> bytes:
        return self.encode(())


class TsvEncoder:
    """One record a line, fields separated by tabs; control characters and backslashes are escaped.

    Every field is what `printf %b` and PostgreSQL's COPY make the value of again, byte by byte.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def encode(self, records: Iterable[Record]) -> bytes:
        lines = ("\t".join(_tsv(record[column]) for column in self._columns) for record in records)
        return os.fsencode("".join(f"{line}\n" for line in lines))

    def finish(self) -> bytes:
        return b""


class _HarmlessJson:
    """JSON without a character that a terminal could obey, which all have an escape sequence in JSON."""

    def __init__(self, encoder: ObjectEncoder) -> None:
        self._encoder = encoder

    def encode(self, records: Iterable[Record]) -> bytes:
        return _harmless(self._encoder.encode(records))

    def encode_objects(self, objects: Iterable[bytes]) -> bytes:
        return _harmless(self._encoder.encode_objects(objects))

    def finish(self) -> bytes:
        return self._encoder.finish()


def encoder(chosen: Format, columns: Sequence[str], *, on_terminal: bool = False) -> Encoder:
    """The encoder of every format but the table, which is not made for programs.

    On a terminal names and labels are as harmless as in a table; programs get them as they are.
    """
    match chosen:
        case Format.JSON | Format.JSONL:
            return object_encoder(chosen, on_terminal=on_terminal)
        case Format.CSV:
            return CsvEncoder(columns, _printable if on_terminal else plain)
        case _:
            return TsvEncoder(columns)


def object_encoder(chosen: Format, *, on_terminal: bool = False) -> ObjectEncoder:
    """The encoder of JSON, one array or an object a line."""
    made = JsonEncoder() if chosen is Format.JSON else JsonLinesEncoder()
    return _HarmlessJson(made) if on_terminal else made


def plain(value: Any) -> str:
    """A value as text: nothing for None, ISO 8601 with the local offset for a time."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return _local_time(value)
        case JsonText():
            return value.text
        case list() | tuple() | dict():
            return as_json(value).decode()
        case _:
            return str(value)


# What is stored together has the same time.
@lru_cache(maxsize=1)
def _local_time(value: datetime) -> str:
    return local_time(value).isoformat(timespec="milliseconds")


def _tsv(value: Any) -> str:
    text = plain(value)
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    doubled = text.replace("\\", "\\\\")
    return "".join(one if is_safe(one) else escaped_bytes(one) for one in doubled)


def _printable(value: Any) -> str:
    return printable(plain(value))


def _harmless(encoded: bytes) -> bytes:
    text = encoded.decode()
    return "".join(one if one == "\n" or is_safe(one) else json.dumps(one)[1:-1] for one in text).encode()
