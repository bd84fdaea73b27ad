"""Reading what another account may have put in a place: a file, never a link, a pipe or a device.

As root the server runs under another account. What that account can write is data here: it is read
up to a limit, and whatever it says, it never names what root opens, gives away or removes.
The supervisor imports this, so it imports little.
"""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path

from mlpredict.errors import DatabaseError

MOST_BYTES = 1 << 20
LINGER_BYTES = 64


def read(path: Path, limit: int = MOST_BYTES) -> bytes:
    """The first `limit` bytes of a regular file.

    Raises:
        FileNotFoundError: there is nothing.
        DatabaseError: it is something else than a file.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe waits for its writer.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_symlink():
            raise _no_file(path) from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _no_file(path)
        with open(handle, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(handle)


def read_linger(file: int) -> float:
    """The seconds that an open `use.lock` says; 0 where it says none."""
    try:
        seconds = float(os.pread(file, LINGER_BYTES, 0).strip() or 0)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0


def _no_file(path: Path) -> DatabaseError:
    return DatabaseError(f"{path} is a link, a pipe or a device, and not the server's file", hint="remove it")
