"""The processes that do a run in parts, by names that tell whether they still live."""

from __future__ import annotations

import os
import secrets
import socket

from mlpredict.domain.parts import Worker


def this_worker() -> Worker:
    """This process, as it is told from all others and from itself at another time."""
    host = socket.gethostname()
    return Worker(host, f"{host}:{os.getpid()}:{secrets.token_hex(4)}")


def is_gone(attempt: str) -> bool:
    """Whether a process of this host lives no more. One whose number another has got seems to live."""
    _, _, rest = attempt.partition(":")
    number = rest.partition(":")[0]
    if os.name != "posix" or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
