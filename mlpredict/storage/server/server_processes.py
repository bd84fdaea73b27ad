"""The processes of a server, as the system tells of them: which they are, and whether they do anything.

What a file says of a process is not believed: root would act on another account's word. A process is the
server's that runs as the owner of its data directory, stands in it, and is called after PostgreSQL. The
supervisor imports this, so it imports little.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
AT_WORK = "RD"
"""The states of a process that runs, or that waits for a disk (`proc_pid_stat(5)`)."""

CHILD = b"postgres: "
"""The command of every process that a postmaster has forked begins like this."""

LOOK_SECONDS = 0.5
PROCESSOR_TIMES = slice(11, 13)
START_TIME = 19
"""Places of utime with stime, and of starttime, in `proc_pid_stat(5)`, counted from the state on."""


class ServerProcess(NamedTuple):
    """One process of a server, at the moment of looking."""

    pid: int
    began: str
    """With the number it is that of no other process: when it was started."""
    command: str
    state: str
    """One letter; R is running, D waits for a disk, T is stopped by a signal."""
    work: str
    """Changes as it does something: its processor time, to a hundredth of a second, and its transfers."""

    @property
    def task(self) -> str:
        """What it calls itself, as `startup recovering 000000010000000000000001`."""
        return self.command.rpartition(": ")[2]


def serves(pid: int, data: Path) -> bool:
    """Whether a process is the postmaster of a data directory, and its owner's. A zombie is not."""
    if not _has_proc():
        uid, _, command = _shown(["-p", str(pid)], "uid=,command=").strip().partition(" ")
        return uid == str(data.stat().st_uid) and "postgres" in command and str(data) in command
    program = _command(pid, data)
    return program is not None and not program.startswith(CHILD)


def children_of(data: Path, postmaster: int | None) -> list[ServerProcess]:
    """The processes that a postmaster has forked; without one those that it has left behind.

    Where there is no /proc, nobody knows those of a postmaster that is gone.
    """
    if not _has_proc():
        return _children_by_ps(postmaster)
    numbers = [int(name) for name in os.listdir(PROC) if name.isdecimal()]
    found = (_looked_at(pid, data) for pid in numbers if pid != postmaster)
    return [one for one in found if one is not None and one.command.startswith(CHILD.decode())]


def process_of(pid: int, data: Path) -> ServerProcess | None:
    """What the postmaster is doing; None when it is gone."""
    if _has_proc():
        return _looked_at(pid, data)
    return next((one for one in _by_ps(["-p", str(pid)]) if str(data) in one.command), None)


def lives(process: ServerProcess, data: Path) -> bool:
    """Whether a process that was the server's still is there."""
    if _has_proc():
        now = _looked_at(process.pid, data)
        return now is not None and now.began == process.began
    return any(one.began == process.began for one in _by_ps(["-p", str(process.pid)]))


def send(process: ServerProcess, number: signal.Signals, data: Path) -> None:
    """Send a signal to a process of the server, and to none that has its number by now."""
    with contextlib.suppress(ProcessLookupError):
        handle = _handle(process.pid)
        try:
            if not lives(process, data):
                return
            if handle is None:
                os.kill(process.pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        finally:
            if handle is not None:
                os.close(handle)


@dataclass(slots=True)
class Watch:
    """Notices when a server has stopped doing anything."""

    data: Path
    seen: dict[tuple[int, str], ServerProcess] = field(default_factory=dict)
    _changed: float = field(default_factory=time.monotonic)
    _looked: float = 0.0

    def idle(self, postmaster: int | None, *, alone: bool = False) -> float:
        """For how many seconds none of the server's processes has done anything; `alone`, its postmaster.

        A postmaster that refuses us is kept busy by that, and is left out; so are processes that come
        and go. What waits for a disk is at work.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            if alone:
                one = None if postmaster is None else process_of(postmaster, self.data)
                found = [] if one is None else [one]
            else:
                found = children_of(self.data, postmaster)
            if any(self._worked(one) for one in found):
                self._changed = now
            self.seen = {(one.pid, one.began): one for one in found}
        return now - self._changed

    def _worked(self, now: ServerProcess) -> bool:
        before = self.seen.get((now.pid, now.began))
        if before is None:
            return False
        return now.state in AT_WORK or (now.work, now.command) != (before.work, before.command)


def _handle(pid: int) -> int | None:
    """What stands for a process, and never for another of its number; None where there is no such thing."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:  # an old kernel, or a container that forbids it
        return None


def _has_proc() -> bool:
    return (PROC / "self").exists()


def _command(pid: int, data: Path) -> bytes | None:
    """A process' command, if it is the server's."""
    process = PROC / str(pid)
    try:
        program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
        if b"postgres" not in program and b"postmaster" not in program:
            return None
        # Not the owner of the directory in /proc, which is root where a program cannot be read.
        uids = re.search(rb"^Uid:\s*(\d+)\s+(\d+)", (process / "status").read_bytes(), re.MULTILINE)
        owner = data.stat().st_uid
        if uids is None or {int(uids[1]), int(uids[2])} != {owner}:
            return None
        # Another way to spell the directory (pg_ctl by hand) shows in where the server stands.
        stands = os.fsencode(data) in arguments or (process / "cwd").samefile(data)
    except OSError:
        return None
    return program if stands else None


def _looked_at(pid: int, data: Path) -> ServerProcess | None:
    command = _command(pid, data)
    if command is None:
        return None
    try:
        # The name in brackets may hold anything.
        told = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        work = " ".join(told[PROCESSOR_TIMES])
        with contextlib.suppress(PermissionError, FileNotFoundError):  # some kernels do not count
            work += (PROC / str(pid) / "io").read_text()
    except OSError:
        return None
    return ServerProcess(pid, told[START_TIME], command.decode(errors="replace").strip(), told[0], work)


def _children_by_ps(postmaster: int | None) -> list[ServerProcess]:
    if postmaster is None:
        return []
    return [one for one in _by_ps(["-A"], postmaster) if one.command.startswith(CHILD.decode())]


def _by_ps(which: list[str], parent: int | None = None) -> list[ServerProcess]:
    return list(_parsed(_shown(which, "pid=,ppid=,state=,time=,lstart=,command="), parent))


def _parsed(listed: str, parent: int | None) -> Iterator[ServerProcess]:
    for line in listed.splitlines():
        # lstart is five words, as "Wed Nov 25 14:30:36 2026".
        pid, ppid, state, spent, *began, command = line.split(None, 9)
        if parent is None or int(ppid) == parent:
            yield ServerProcess(int(pid), " ".join(began), command.strip(), state[:1], spent)


def _shown(which: list[str], columns: str) -> str:
    command = ["ps", "-ww", *which, "-o", columns]
    return subprocess.run(command, capture_output=True, text=True).stdout
