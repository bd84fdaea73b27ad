"""The supervisor: a small process that stops the local PostgreSQL when it has been idle for long enough.

`python -m mlpredict.storage.server.supervisor ROOT PSQL CONNINFO UID GID LOCK`: LOCK is the descriptor of
the locked `supervisor.lock`, which says that one lives. It imports little, so that it takes little
memory, and all of it at once: as root it becomes the server's account, which may not read the
modules. Nothing can hold up a command but its holding `use.lock` while it stops the server.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import ending, untrusted

PSQL_SECONDS = 30
LEAST_WAIT_SECONDS = 1.0
"""Between two questions to a server that other programs use."""

TICK_SECONDS = 1.0
"""After which it is noticed that a command wants another linger time, or that the server was killed."""

CLIENTS = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Supervisor:
    """What is known of the server; `use` and `server_lock` are open files."""

    data: Path
    psql: str
    conninfo: str
    use: int
    server_lock: int

    def run(self) -> None:
        """Return when the server is gone or lingers without an end, holding `use.lock`."""
        while True:
            self._wait_until_unused()
            if self._has_ended():
                return
            linger = untrusted.read_linger(self.use)
            if linger < 0:
                return
            idle = time.time() - os.fstat(self.use).st_mtime
            left = min(linger - idle, linger)  # a clock that was set back does not prolong it
            if left <= 0:
                if not self._has_clients():
                    self._stop()
                    return
                self._touch()
                left = max(linger, LEAST_WAIT_SECONDS)
            fcntl.flock(self.use, fcntl.LOCK_UN)
            time.sleep(min(left, TICK_SECONDS))

    def _wait_until_unused(self) -> None:
        try:
            fcntl.flock(self.use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self.use, fcntl.LOCK_EX)
            self._touch()  # whoever used it may have been killed, and not have said when

    def _touch(self) -> None:
        try:
            os.utime(self.use)
        except PermissionError:  # it is root's: only what is written to the open file counts
            os.pwrite(self.use, os.pread(self.use, untrusted.LINGER_BYTES, 0) or b"\n", 0)

    def _has_ended(self) -> bool:
        try:
            fcntl.flock(self.server_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self.server_lock, fcntl.LOCK_UN)
        return True

    def _has_clients(self) -> bool:
        """Whether other programs are connected; a server that cannot say is left alone, too."""
        try:
            asked = subprocess.run(
                [self.psql, "-XAtwq", "-d", self.conninfo, "-c", CLIENTS],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PSQL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return True
        if asked.returncode:
            sys.stderr.write(f"supervisor: {asked.stderr.decode(errors='replace').strip()}\n")
        return asked.stdout.strip() != b"0"

    def _stop(self) -> None:
        try:
            ending.stop_owner(self.data, lambda text: sys.stderr.write(f"supervisor: {text}\n"))
        except DatabaseError as error:
            sys.stderr.write(f"supervisor: {error.message}\n")
            return
        fcntl.flock(self.server_lock, fcntl.LOCK_EX)


def main() -> None:
    """Supervise the server that the arguments tell of, and exit with it."""
    root, psql, conninfo, uid, gid, lock = sys.argv[1:]
    directory = Path(root)
    flags = os.O_RDWR | os.O_NOFOLLOW
    try:
        use, server_lock = (os.open(directory / name, flags) for name in ("use.lock", "server.lock"))
    except FileNotFoundError:
        return  # the whole directory has been removed meanwhile
    if os.geteuid() == 0:  # and the files are root's
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    Supervisor(directory / "data", psql, conninfo, use, server_lock).run()
    # In this order: who next gets hold of `use.lock` must see that no supervisor lives.
    os.close(int(lock))
    os.close(use)


if __name__ == "__main__":
    main()
