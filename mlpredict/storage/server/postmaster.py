"""The server process of a data directory: whether one lives, and what a killed one has left."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from mlpredict.storage.server import untrusted

PID_FILE_BYTES = 8192


def owner_pid(data: Path) -> int | None:
    """The process id of the live server of a data directory; None for stale or reused ones."""
    from mlpredict.storage.server import server_processes

    pid = _recorded_pid(data)
    return pid if pid and server_processes.serves(pid, data) else None


def recorded_socket(data: Path) -> Path | None:
    """The socket of the server that last wrote its `postmaster.pid` and did not stop."""
    lines = _pid_file(data)
    return Path(lines[4]) / f".s.PGSQL.{lines[3]}" if len(lines) > 4 and lines[4] else None


def has_lost_socket(data: Path, socket: Path) -> bool:
    """Whether a server is ready and its socket was removed (with /tmp, or at a logout)."""
    lines = _pid_file(data)
    return len(lines) > 7 and lines[7].strip() == "ready" and not socket.exists()


def clear_stale(data: Path, socket: Path) -> None:
    """Remove what a killed server left and PostgreSQL would take for a live one's.

    Only for a caller who has made sure that no server runs. PostgreSQL believes any live process
    with the recorded id; a dead one it checks better itself, as it knows the shared memory too.
    """
    socket.unlink(missing_ok=True)
    socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)
    if (pid := _recorded_pid(data)) is not None:
        with contextlib.suppress(PermissionError):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
        (data / "postmaster.pid").unlink(missing_ok=True)


def _pid_file(data: Path) -> list[str]:
    try:
        text = untrusted.read(data / "postmaster.pid", PID_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return text.decode(errors="surrogateescape").splitlines()


def _recorded_pid(data: Path) -> int | None:
    lines = _pid_file(data)
    # A longer number is no process's anywhere.
    return abs(int(lines[0])) if lines and re.fullmatch(r"-?[1-9]\d{0,9}", lines[0], re.ASCII) else None
