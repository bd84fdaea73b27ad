"""Places for files that need not last, also where the usual ones cannot be written."""

from __future__ import annotations

import os
import stat
from functools import cache
from pathlib import Path
from typing import IO

CACHE = "mlpredict-cache"
"""What stands in for the cache of compiled models is called so."""

IN_MEMORY = "/dev/shm"  # noqa: S108 - what is made in it has a name of its own, and is private
"""Can be written even in a container whose file system is read-only."""


@cache
def scratch_folder() -> Path | None:
    """The folder for temporary files; None where nothing can be written at all.

    The current folder is none, though Python would take it in the end.
    """
    import tempfile

    try:
        usual = Path(tempfile.gettempdir())
    except FileNotFoundError:
        usual = Path.cwd()
    if usual != Path.cwd() or str(usual) in map(os.environ.get, ("TMPDIR", "TEMP", "TMP")):
        return usual
    return Path(IN_MEMORY) if os.access(IN_MEMORY, os.W_OK | os.X_OK) else None


def scratch_file() -> IO[bytes]:
    """A file without a name: in memory where the system has such files, which need no folder.

    Raises:
        OSError: there is no room for it.
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("mlpredict"), "w+b")
    import tempfile

    file: IO[bytes] = tempfile.TemporaryFile(dir=scratch_folder())  # noqa: SIM115 - who asks for it closes it
    return file


def private_scratch(name: str, *, make: bool) -> Path | None:
    """A folder of the user's own among the temporary ones, which stays; None where there is none.

    Where anybody may write, somebody else may have made one of this name: that is not used.
    """
    folder = scratch_folder()
    if folder is None:
        return None
    owner = os.geteuid() if hasattr(os, "geteuid") else 0
    own = folder / f"{name}-{owner}"
    try:
        if make:
            own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
    except OSError:
        return None
    is_private = os.name != "posix" or (found.st_uid == owner and not stat.S_IMODE(found.st_mode) & 0o077)
    return own if is_private and stat.S_ISDIR(found.st_mode) else None
