"""The CPU time of the PostgreSQL behind a connection."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg

TICK = os.sysconf("SC_CLK_TCK")


def server_cpu(connection: psycopg.Connection[Any]) -> float:
    """Seconds of CPU that the server's processes have used, those that have ended included.

    0 where there is no /proc.
    """
    postmaster = _stat(connection.info.backend_pid)[1]
    if not postmaster:
        return 0.0
    # The dead have been added to their parent's account.
    ticks = sum(_stat(postmaster)[11:15])
    for path in Path("/proc").glob("[0-9]*"):
        stat = _stat(int(path.name))
        if stat[1] == postmaster:
            ticks += sum(stat[11:13])
    return ticks / TICK


def _stat(pid: int) -> list[int]:
    """The numbers of /proc/PID/stat after the program's name, the state as 0; zeros if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return [0] * 15
    return [0, *map(int, text.rpartition(")")[2].split()[1:])]
