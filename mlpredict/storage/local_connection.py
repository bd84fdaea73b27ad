"""A connection to the local server, which knows its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from mlpredict.errors import DatabaseError
from mlpredict.storage import disk


class LocalConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection to the local server, which is not stopped for idleness before it is closed."""

    root: Path
    """Where the server's files are."""
    log_start: int
    """The size of the server's log when the connection was made."""
    farewell: Callable[[], None] | None = None
    """Ends the use of the server."""

    def close(self) -> None:
        """Disconnect, and stop using the server."""
        super().close()
        if self.farewell is not None:
            self.farewell()

    def explained(self, error: DatabaseError) -> DatabaseError:
        """The error itself, or a better one where the server's disk is full."""
        try:
            with open(self.root / "server.log", "rb") as log:
                log.seek(self.log_start)
                said = log.read().decode(errors="replace")
        except OSError:
            said = ""  # a directory that is gone has its own error
        return disk.explained(error, self.root, said)
