"""Whether the local server can be where it belongs: found out before anything else takes time."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from mlpredict import settings
from mlpredict.errors import DatabaseError
from mlpredict.storage.server import service_account
from mlpredict.storage.server.pg_binaries import USE_ANOTHER, find_binaries

NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
SET_HOME = f"set {settings.HOME} to a folder that can be written"


def require_place(dsn: str | None) -> None:
    """Look whether the local PostgreSQL can be run by this user, and be where it is or would be.

    Nothing is looked at where a DSN names another one. Loads no driver, and makes nothing.

    Raises:
        DatabaseError: it cannot.
    """
    if dsn is not None or settings.dsn() is not None:
        return
    root = service_account.root_for(settings.data_home().absolute(), f"pg{find_binaries().major}")
    service_account.account_for(root)
    existing = next(part for part in (root, *root.parents) if os.path.exists(part))
    if os.access(existing, os.W_OK | os.X_OK) or not existing.is_dir():
        return
    raise DatabaseError(
        f"the local PostgreSQL belongs in {root}, and {_described(existing)}",
        hint=f"{SET_HOME}, or {USE_ANOTHER}",
    )


def _described(folder: Path) -> str:
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return f"the file system of {folder} is read-only"
    return f"{folder} cannot be written by this user"
