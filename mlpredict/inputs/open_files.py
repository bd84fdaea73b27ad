"""Whether somebody is writing to a file, where the system tells."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress


def is_being_written(path: str) -> bool:
    """Whether a process of this machine has a file open for writing; False where nobody can tell.

    Linux gives a read lease on a file of one's own to who asks, unless somebody writes to it (fcntl(2)).
    Who opens the file for writing in the moment that it is held sends a SIGIO, which must be handled: where
    it would end this process, nothing is asked.
    """
    try:
        from fcntl import F_RDLCK, F_SETLEASE, F_UNLCK, fcntl
    except ImportError:
        return False
    if signal.getsignal(signal.SIGIO) in (signal.SIG_DFL, None):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl(descriptor, F_SETLEASE, F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    else:
        with suppress(OSError):
            fcntl(descriptor, F_SETLEASE, F_UNLCK)
        return False
    finally:
        os.close(descriptor)
