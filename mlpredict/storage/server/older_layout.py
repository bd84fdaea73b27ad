"""A home of root's from before the server had a group of its own: taken over at the next use.

There, the directory that holds everything was the account's, as were all files in it. Whatever else
runs under that account could put anything in any place, so nothing of it is believed: root makes
the directory its own first, by a handle, and keeps the database alone.
"""

from __future__ import annotations

import fcntl
import fnmatch
import os
import shutil
import stat
import time
from pathlib import Path

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import locks, own_files, service_account
from mlpredict.storage.server.service_account import Account
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.01
LOOK_SECONDS = 1.0
"""For longer than that, a supervisor does not hold the file while it only looks."""


def prepare_root(root: Path, account: Account) -> None:
    """Make the directory that holds all of a server, or take it over where it is the account's.

    Raises:
        DatabaseError: it belongs to someone else, or a command is using the server in it.
    """
    if account.is_ours:
        own_files.make_root(root, account)
        return
    service_account.require_roots(root.parent)
    own_files.make_root(root, account)
    # Others may have made a directory on the way before root has.
    service_account.require_roots(root.parent)
    if not is_prepared(root, account):
        _take_over(root, account)


def is_prepared(root: Path, account: Account) -> bool:
    """Whether a directory is there that was made or taken over to the end."""
    status = root.lstat()
    if account.is_ours:
        return True
    wanted = (0, account.gid, stat.S_IFDIR | own_files.ROOTS_MODE)
    return (status.st_uid, status.st_gid, status.st_mode) == wanted


def _take_over(root: Path, account: Account) -> None:
    from mlpredict.storage.server.ending import stop_owner

    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _lock(directory, root)
        if is_prepared(root, account):
            return
        owner = os.fstat(directory).st_uid
        if owner not in (0, account.uid):
            raise DatabaseError(f"{root} belongs to another account", hint="remove it")
        if _is_used(directory):
            raise DatabaseError(
                f"another command is using the PostgreSQL in {root}, which is to become more private",
                hint="let it end, and try again",
            )
        stop_owner(root / "data")  # it has another group, and would be shut out
        # Nobody but root from here on; the last mode, which lets the group in, says that all is done.
        os.fchown(directory, 0, account.gid)
        os.fchmod(directory, 0o700)
        _keep_the_database_alone(directory, root, account, owner)
        os.fchmod(directory, own_files.ROOTS_MODE)
        if owner != 0:
            others = f"other programs that run as {account.name} cannot enter it now"
            logger.info(f"made {root} private to its server: {others}")
    finally:
        os.close(directory)


def _keep_the_database_alone(directory: int, root: Path, account: Account, was: int) -> None:
    """Leave nothing but the data of a directory; `was` is the user it belonged to before."""
    data = root / "data"
    if data.is_symlink() or (data.exists() and data.lstat().st_uid not in (account.uid, was)):
        raise DatabaseError(
            f"{data} is not a directory of {account.name}'s",
            hint="put the database itself there; a link may have been made by others",
        )
    if data.exists():
        from mlpredict.storage.server.ending import stop_owner

        stop_owner(data)  # if it was started again meanwhile
    for name in os.listdir(directory):
        if stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
            if name == "run":
                shutil.rmtree(name, dir_fd=directory)
        elif fnmatch.fnmatch(name, "*.lock") or name.startswith("server.log"):
            os.unlink(name, dir_fd=directory)


def _lock(directory: int, root: Path) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not locks.try_lock(directory, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            raise DatabaseError(f"{root} is held locked by another program", hint="end it, and try again")
        time.sleep(POLL_SECONDS)


def _is_used(directory: int) -> bool:
    """Whether a command of an older version holds the server's `use.lock`."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.open("use.lock", flags, dir_fd=directory)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return False
        deadline = time.monotonic() + LOOK_SECONDS
        while not locks.try_lock(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                return True
            time.sleep(POLL_SECONDS)
        return False
    finally:
        os.close(file)
