"""Who uses the local server, and how long it lingers when nobody does: `use.lock`.

Every command holds the file locked, shared, for as long as it uses the server. Whoever stops the
server, or changes it as a whole, holds it exclusively: the kernel frees both, however a process
ends. What the file says is how many seconds the server lingers (-1 without an end), as the command
that came last would have it; its modification time is when the server was last in use.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import locks, untrusted
from mlpredict.storage.server.own_files import open_own
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

FILE_NAME = "use.lock"
TEXT_BYTES = 24
"""What the file holds is padded to this, so that one write replaces another whole."""

WAIT_SECONDS = 90.0
NOTICE_SECONDS = 1.0

ASIDE_SECONDS = 0.2
"""For which a lock may be held by who only looks."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


_held_alone: set[Path] = set()
"""The roots that this process has for itself: its own leases there need no lock."""


@dataclass(slots=True)
class Lease:
    """One user's claim on a server that is not to be stopped meanwhile; close it once."""

    linger: float
    stop: Callable[[], object]
    """Stops the server; called by the last of its users where it does not linger at all."""
    _file: int | None
    _closed: bool = field(default=False, init=False)

    def close(self) -> None:
        """Give up the claim, and stop the server if nobody else has one and it does not linger."""
        if self._closed:
            return
        self._closed = True
        if self._file is None:
            return
        try:
            touch(self._file)
            if self.linger == 0 and locks.try_lock(self._file, fcntl.LOCK_EX):
                self.stop()
        finally:
            os.close(self._file)


class Usage(NamedTuple):
    """Whether commands use a server, how long it lingers, and when it was last used (Unix time)."""

    in_use: bool
    linger: float
    last_used: float


def share(root: Path, linger: float, *, stop: Callable[[], object]) -> Lease:
    """Claim the server in `root`, once nobody stops it or has it alone.

    Raises DatabaseError when that takes too long, FileNotFoundError when there is no such directory.
    """
    if root in _held_alone:
        return Lease(linger, stop, None)
    file = locks.take(root / FILE_NAME, fcntl.LOCK_SH, _patience(root))
    if file is None:
        pid = locks.holder(root / FILE_NAME)
        raise DatabaseError(
            f"the local PostgreSQL in {root} is being stopped or changed, and that takes too long",
            hint=f"end process {pid}, which does it" if pid else "end the command that does it",
        )
    _write_linger(file, linger)
    touch(file)
    return Lease(linger, stop, file)


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Have the server in `root` for oneself; leases of this process are given meanwhile.

    Raises DatabaseError when a command is using it.
    """
    if root in _held_alone:
        yield
        return
    waited = _patience(root)

    def patience(seconds: float) -> bool:
        # Commands may take hours; who stops the server is soon done.
        return (seconds < ASIDE_SECONDS or not is_shared(root)) and waited(seconds)

    file = locks.take(root / FILE_NAME, fcntl.LOCK_EX, patience)
    if file is None:
        raise DatabaseError(
            f"another command is using the local PostgreSQL in {root}",
            hint="let it end, or disconnect it with mlpredict db stop --force",
        )
    _held_alone.add(root)
    try:
        yield
    finally:
        _held_alone.discard(root)
        os.close(file)


def is_shared(root: Path) -> bool:
    """Whether commands use the server, and nobody has it alone."""
    file = open_own(root / FILE_NAME, os.O_RDWR)
    try:
        return locks.try_lock(file, fcntl.LOCK_SH) and not locks.try_lock(file, fcntl.LOCK_EX)
    finally:
        os.close(file)


def usage(root: Path) -> Usage | None:
    """How the server in `root` is used, without being a use itself; None where it never was."""
    try:
        file = os.open(root / FILE_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        in_use = not locks.try_lock(file, fcntl.LOCK_EX)
        return Usage(in_use, untrusted.read_linger(file), os.fstat(file).st_mtime)
    finally:
        os.close(file)


def touch(file: int) -> None:
    """The server is in use at this moment."""
    os.utime(file)


def _write_linger(file: int, linger: float) -> None:
    text = f"{linger:g}".ljust(TEXT_BYTES - 1).encode() + b"\n"
    if os.pread(file, TEXT_BYTES, 0) == text:
        return
    try:
        os.pwrite(file, text, 0)
    except OSError as error:
        if error.errno not in NO_SPACE:  # on a full disk the server lingers as it did before
            raise


def _patience(root: Path) -> Callable[[float], bool]:
    """Wait for `WAIT_SECONDS`, and say so when it begins to be felt."""
    told = False

    def patience(seconds: float) -> bool:
        nonlocal told
        if seconds > NOTICE_SECONDS and not told:
            told = True
            pid = locks.holder(root / FILE_NAME)
            who = f" by process {pid}" if pid else ""
            logger.info(
                f"waiting for the local PostgreSQL in {root}, which is being stopped or changed{who};"
                " Ctrl-C ends the waiting"
            )
        return seconds < WAIT_SECONDS

    return patience
