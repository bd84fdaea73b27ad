"""Run one command and say what it took: wall and CPU time, peak memory, as one line of JSON.

It is a program of its own, started with `python -I -S`, because a process inherits the peak memory
of the one that starts it: a parent with numpy loaded would make every child look as large.

    launch.py quiet|watched COMMAND…
"""

import json
import os
import sys
import time

POLL_SECONDS = 0.02


def main(mode: str, command: list[str]) -> None:
    """Run the command with its standard output thrown away, and report on standard output."""
    silent = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[silent])
    tree = watch(pid) if mode == "watched" else 0
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024
    report = {
        "status": os.waitstatus_to_exitcode(status),
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "largest": usage.ru_maxrss * unit,
        "tree": tree,
    }
    sys.stdout.write(json.dumps(report) + "\n")


def watch(pid: int) -> int:
    """Wait for the end of a process; the most memory that it and its descendants had at one time.

    Shared pages are shared out (PSS), so forked workers are not counted double. 0 without /proc.
    """
    peak = 0
    # WNOWAIT leaves the process for wait4, which alone tells what it used.
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        peak = max(peak, sum(map(memory, family(pid))))
        time.sleep(POLL_SECONDS)
    return peak


def family(pid: int) -> list[int]:
    """A process and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if entry.isdecimal():
            children.setdefault(parent(int(entry)), []).append(int(entry))
    members = [pid]
    for member in members:
        members += children.get(member, [])
    return members


def parent(pid: int) -> int:
    """The parent of a process, 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def memory(pid: int) -> int:
    """The proportional set size of a process in bytes, 0 if it cannot be known."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            sizes = [line.split() for line in file if line.startswith(b"Pss:")]
    except OSError:
        return 0
    return int(sizes[0][1]) * 1024 if sizes else 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
