"""Running PostgreSQL's programs for a user whom the system has no name for, as in a container with `--user`.

`initdb` and the single-user server end with "could not look up effective user ID" where there is no name;
the server itself does without. In a user namespace of their own (`user_namespaces(7)`), which Linux lets
every user make unless that is switched off, this user's number can be that of an account which has a name.
Nothing else changes: outside, the files belong to this user.

`python -m mlpredict.storage.server.borrowed_name UID PROGRAM ARG…` runs a program so.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
REFUSED = 77
"""The exit status where the system does not allow it."""


def command_for(uid: int) -> list[str]:
    """What is put before a command line, to run it with the name of an account."""
    return [sys.executable, "-S", "-P", "-m", __name__, str(uid)]


def main() -> None:
    """Become the user of the first argument in a new namespace, and run the rest."""
    import ctypes

    number, program = int(sys.argv[1]), sys.argv[2]
    outside = os.geteuid()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/uid_map").write_text(f"{number} {outside} 1\n")
    except (OSError, AttributeError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(REFUSED)
    os.execv(program, sys.argv[2:])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
