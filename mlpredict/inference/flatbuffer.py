"""Tables of a flatbuffer, read in place: https://flatbuffers.dev/internals/.

A file may claim anything. What leads out of the buffer is `Damaged`, and so is what is longer than any
honest file has it: tables may be listed many times over, and each list would be gone through.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ALIGNED = struct.Struct("<I")
SIGNED = struct.Struct("<i")
SHORT = struct.Struct("<H")

MOST_TABLES = 1 << 20
MOST_NUMBERS = 1 << 16
MOST_TEXT = 1 << 16


class Damaged(Exception):
    """The buffer is not what its format says."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its fields are known by their place in the schema, counted from 0."""

    buffer: bytes | memoryview
    position: int

    @classmethod
    def root(cls, buffer: bytes | memoryview) -> Table:
        """The table that a buffer is made of."""
        return cls(buffer, _read(ALIGNED, buffer, 0))

    def number(self, field: int, kind: str, default: float = 0) -> Any:
        """A field that is a number; `kind` is its letter in Python's `struct`."""
        where = self._field(field)
        return default if where is None else _read(struct.Struct(f"<{kind}"), self.buffer, where)

    def text(self, field: int) -> str:
        """A field that is text; empty where there is none."""
        where = self._target(field)
        return "" if where is None else bytes(self._span(where, 1, MOST_TEXT)).decode("utf-8", "replace")

    def table(self, field: int) -> Table | None:
        """A field that is a table, or the table of a union."""
        where = self._target(field)
        return None if where is None else Table(self.buffer, where)

    def tables(self, field: int, most: int = MOST_TABLES) -> Iterator[Table]:
        """A field that is a vector of tables, of which there may be so many."""
        where = self._target(field)
        if where is not None:
            count = len(self._span(where, 4, most)) // 4
            for place in range(where + 4, where + 4 + 4 * count, 4):
                yield Table(self.buffer, place + _read(ALIGNED, self.buffer, place))

    def numbers(self, field: int, kind: str) -> tuple[Any, ...]:
        """A field that is a vector of numbers."""
        where = self._target(field)
        if where is None:
            return ()
        return tuple(
            one
            for (one,) in struct.iter_unpack(
                f"<{kind}", self._span(where, struct.calcsize(kind), MOST_NUMBERS)
            )
        )

    def content(self, field: int) -> memoryview:
        """A field that is a vector of bytes."""
        where = self._target(field)
        return memoryview(b"") if where is None else self._span(where, 1, len(self.buffer))

    def _field(self, field: int) -> int | None:
        vtable = self.position - _read(SIGNED, self.buffer, self.position)
        slot = 4 + 2 * field
        if slot >= _read(SHORT, self.buffer, vtable):
            return None
        offset = _read(SHORT, self.buffer, vtable + slot)
        return self.position + offset if offset else None

    def _target(self, field: int) -> int | None:
        where = self._field(field)
        return None if where is None else where + int(_read(ALIGNED, self.buffer, where))

    def _span(self, where: int, size: int, most: int) -> memoryview:
        count = _read(ALIGNED, self.buffer, where)
        length = count * size
        if count > most or where + 4 + length > len(self.buffer):
            raise Damaged(f"{count} entries at {where} are more than there can be")
        return memoryview(self.buffer)[where + 4 : where + 4 + length]


def _read(form: struct.Struct, buffer: bytes | memoryview, where: int) -> Any:
    # A negative offset would count from the end.
    if not 0 <= where <= len(buffer) - form.size:
        raise Damaged(f"{where} is outside of the file")
    return form.unpack_from(buffer, where)[0]
