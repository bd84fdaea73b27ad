"""The server process of a data directory: whether one lives, and what a killed one has left."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import untrusted

STOP_SECONDS = 60.0
PID_FILE_BYTES = 8192
POLL_SECONDS = 0.005


def owner_pid(data: Path) -> int | None:
    """The process id of the live server of a data directory; None for stale or reused ones."""
    pid = _recorded_pid(data)
    return pid if pid and _serves(pid, data) else None


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


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is the server of a data directory, and its owner's. A zombie's command is empty.

    What a file says is not believed: root would act on another account's word.
    """
    process = Path(f"/proc/{pid}")
    if not Path("/proc/self").exists():
        shown = ["ps", "-ww", "-o", "uid=,command=", "-p", str(pid)]
        listed = subprocess.run(shown, capture_output=True, text=True).stdout
        uid, _, command = listed.strip().partition(" ")
        return uid == str(data.stat().st_uid) and "postgres" in command and str(data) in command
    try:
        # Not the owner of the directory in /proc, which is root where a program cannot be read.
        uids = re.search(rb"^Uid:\s*(\d+)\s+(\d+)", (process / "status").read_bytes(), re.MULTILINE)
        owner = data.stat().st_uid
        if uids is None or {int(uids[1]), int(uids[2])} != {owner}:
            return False
        program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
        if b"postgres" not in program and b"postmaster" not in program:
            return False
        # Another way to spell the directory (pg_ctl by hand) shows in where the server stands.
        return os.fsencode(data) in arguments or (process / "cwd").samefile(data)
    except OSError:
        return False


def stop_owner(data: Path) -> bool:
    """Stop the server of a data directory; the caller has `start.lock`, or the server for itself."""
    pid = owner_pid(data)
    if pid is None:
        return False
    interrupt(pid, data)
    deadline = time.monotonic() + STOP_SECONDS
    while owner_pid(data) == pid:
        if time.monotonic() > deadline:
            raise DatabaseError(f"the local PostgreSQL (process {pid}) does not stop")
        time.sleep(POLL_SECONDS)
    return True


def interrupt(pid: int, data: Path) -> None:
    """Ask a data directory's server to stop; no process that got its number meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        if not hasattr(os, "pidfd_open"):
            os.kill(pid, signal.SIGINT)
            return
        process = os.pidfd_open(pid)
        try:
            if _serves(pid, data):
                signal.pidfd_send_signal(process, signal.SIGINT)
        finally:
            os.close(process)
