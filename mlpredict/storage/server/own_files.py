"""The files and directories of a server: its own, and those of whoever runs it.

An ordinary user owns all of them. As root the server's account owns its data and the directory of
its socket; the directory above is root's and lets the server's private group in, to go on to these.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

from mlpredict.errors import DatabaseError
from mlpredict.storage.server import service_account, untrusted
from mlpredict.storage.server.pg_binaries import USE_ANOTHER
from mlpredict.storage.server.service_account import Account
from mlpredict.support.whole_file import SUFFIX, replacing

ROOTS_MODE = 0o710


def make_root(root: Path, account: Account) -> None:
    """Make the directory that holds all of a server, private to its owner.

    Raises DatabaseError when it is there and belongs to someone else.
    """
    for directory in reversed([parent for parent in root.parents if not parent.exists()]):
        _make_directory(directory, 0o700 if account.is_ours else 0o755, None)
    if not root.exists():
        _make_directory(root, 0o700 if account.is_ours else ROOTS_MODE, account.gid)
    status = root.lstat()
    if stat.S_ISREG(status.st_mode):
        raise DatabaseError(f"{root} is a file, and no directory can be made there", hint=USE_ANOTHER)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account.uid):
        raise DatabaseError(f"{root} belongs to another account", hint=USE_ANOTHER)
    if account.is_ours:
        give(root, account)


def _make_directory(path: Path, mode: int, group: int | None) -> None:
    """Make a directory that nobody ever sees with another mode or group.

    Another process that found it closed to the account would put the database elsewhere.
    """
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        if group is not None and os.geteuid() == 0:
            os.chown(partial, 0, group)
        partial.chmod(mode)
        partial.rename(path)
    except OSError:
        partial.rmdir()
        if not path.is_dir():  # otherwise another process was faster, and has filled it already
            raise


def give(directory: Path, account: Account) -> None:
    """Make a directory the account's alone; never what a link in its place leads to."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(handle, 0o700)
        account.own(handle)
    finally:
        os.close(handle)


def make_private(directory: Path, account: Account) -> None:
    """Make a directory only the account can enter, or check that it is one.

    Raises DatabaseError when it has another owner or a wider mode: someone may listen inside.
    """
    if not account.is_ours:
        _make_way(directory.parent, account)
    directory.mkdir(0o700, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account.uid):
        raise DatabaseError(f"{directory} belongs to another account", hint="remove it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise DatabaseError(f"{directory} is open to other users", hint="remove it, or chmod 700")
    give(directory, account)


def require_private(directory: Path) -> None:
    """Raise DatabaseError where a directory is there, and others could have put something into it."""
    with contextlib.suppress(FileNotFoundError):
        status = directory.lstat()
        private = stat.S_IFDIR | 0o700
        if status.st_uid != os.geteuid() or (status.st_mode & ~0o7000) != private:
            raise DatabaseError(f"{directory} is open to other users", hint="remove it, or chmod 700")


def _make_way(directory: Path, account: Account) -> None:
    """Make a directory of root's that only the account's private group can enter, where it is missing."""
    if not directory.exists():
        service_account.make_system_home()
        directory.parent.mkdir(0o755, exist_ok=True)
        _make_directory(directory, ROOTS_MODE, account.gid)
    service_account.require_roots(directory)
    if directory.stat().st_gid != account.gid:
        os.chown(directory, 0, account.gid)
        directory.chmod(ROOTS_MODE)


def remove_socket_directory(directory: Path, root: Path) -> None:
    """Remove a server's directory of its socket, where it is not in `root`, which is removed as a whole."""
    if root in directory.parents:
        return
    shutil.rmtree(directory, ignore_errors=True)
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            directory.parent.rmdir()


def open_own(path: Path, flags: int) -> int:
    """Open or make a file that belongs to whoever runs mlpredict, following no link.

    Raises:
        DatabaseError: there is something else: a pipe, another user's file, or one with a second
            name, as which root would change a file that others have chosen.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe waits for its reader.
        file = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.ELOOP):
            raise
        raise _not_own(path) from error
    status = os.fstat(file)
    shared = os.geteuid() == 0 and (status.st_uid != 0 or status.st_nlink > 1)
    if shared or not stat.S_ISREG(status.st_mode):
        os.close(file)
        raise _not_own(path)
    return file


def _not_own(path: Path) -> DatabaseError:
    return DatabaseError(f"{path} is not a file that mlpredict has made", hint="remove it")


def write(path: Path, text: str) -> None:
    """Replace a small file in a directory of the account's, if its text differs."""
    with contextlib.suppress(FileNotFoundError):
        if untrusted.read(path) == text.encode():
            return
    for abandoned in path.parent.glob(f".{path.name}.*{SUFFIX}"):
        abandoned.unlink(missing_ok=True)
    with replacing(path) as file:
        _give_to_owner(file.fileno(), path.parent)
        file.write(text.encode())


def _give_to_owner(file: int, directory: Path) -> None:
    """Have an open file belong to whoever its directory belongs to."""
    owner = directory.stat()
    if owner.st_uid != os.geteuid():
        os.fchown(file, owner.st_uid, owner.st_gid)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
