"""Keeping native libraries off the terminal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

NOTE_BYTES = 65536


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what is written to file descriptor 2 off the terminal.

    TensorFlow, LiteRT and libtiff write there themselves, and none has a setting that stops its
    first lines. What was kept back goes as a note with an exception that leaves the block.
    """
    with tempfile.TemporaryFile() as kept:
        terminal = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except Exception as error:
            size = kept.seek(0, os.SEEK_END)
            kept.seek(max(0, size - NOTE_BYTES))
            if text := kept.read().decode("utf-8", "replace").strip():
                error.add_note(text)
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
