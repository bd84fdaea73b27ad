"""The memory that uploads may take together."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from mlpredict.web.errors import Busy


@dataclass(slots=True)
class Memory:
    """So many bytes for all the requests of a process; used from its event loop alone."""

    total: int
    taken: int = 0

    def room(self) -> Room:
        """What one request takes of it, given back at the end of a `with` block."""
        return Room(self)


@dataclass(slots=True)
class Room:
    """One request's part of the memory."""

    memory: Memory
    _taken: int = field(default=0, init=False)

    def take(self, count: int) -> None:
        """Have so many bytes more; raises Busy where there are none left."""
        if self.memory.taken + count > self.memory.total:
            raise Busy
        self.memory.taken += count
        self._taken += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.memory.taken -= self._taken
        self._taken = 0
