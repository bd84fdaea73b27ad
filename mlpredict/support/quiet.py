"""Keeping native libraries off the terminal."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from mlpredict.support.scratch import scratch_file

NOTE_BYTES = 65536


@dataclass(slots=True)
class _Redirection:
    """File descriptor 2 belongs to the whole process: the first user redirects it, the last restores it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    terminal: int = -1
    kept: IO[bytes] | None = None

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.kept = scratch_file()
                self.terminal = os.dup(2)
                os.dup2(self.kept.fileno(), 2)
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0 and self.kept is not None:
                os.dup2(self.terminal, 2)
                os.close(self.terminal)
                self.kept.close()

    def tail(self) -> str:
        with self.lock:
            if self.kept is None:
                return ""
            size = self.kept.seek(0, os.SEEK_END)
            self.kept.seek(max(0, size - NOTE_BYTES))
            return self.kept.read().decode("utf-8", "replace").strip()


_redirection = _Redirection()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what is written to file descriptor 2 off the terminal; any thread may, at any time.

    TensorFlow, LiteRT and libtiff write there themselves, and none has a setting that stops its
    first lines. What was kept back goes as a note with an exception that leaves the block.
    """
    _redirection.enter()
    try:
        yield
    except Exception as error:
        if text := _redirection.tail():
            error.add_note(text)
        raise
    finally:
        _redirection.leave()
