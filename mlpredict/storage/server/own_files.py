"""Files and directories that belong to the account which runs the server."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from mlpredict.errors import DatabaseError
from mlpredict.storage.server.pg_binaries import USE_ANOTHER
from mlpredict.storage.server.service_account import Account
from mlpredict.support.whole_file import SUFFIX, replacing


def make_root(root: Path, account: Account) -> None:
    """Make the directory that holds all of a server, private to its owner.

    Raises DatabaseError when it is there and belongs to someone else.
    """
    for directory in reversed([parent for parent in root.parents if not parent.exists()]):
        _make_directory(directory, 0o700 if account.is_ours else 0o755, None)
    if not root.exists():
        _make_directory(root, 0o700, account)
    status = root.lstat()
    if stat.S_ISREG(status.st_mode):
        raise DatabaseError(f"{root} is a file, and no directory can be made there", hint=USE_ANOTHER)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account.uid):
        raise DatabaseError(f"{root} belongs to another account", hint=USE_ANOTHER)
    give(root, account)


def _make_directory(path: Path, mode: int, account: Account | None) -> None:
    """Make a directory that nobody ever sees with another mode or owner.

    Another process that found it closed to the account would put the database elsewhere.
    """
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        if account is not None:
            give(partial, account)
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
    directory.mkdir(0o700, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), account.uid):
        raise DatabaseError(f"{directory} belongs to another account", hint="remove it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise DatabaseError(f"{directory} is open to other users", hint="remove it, or chmod 700")
    give(directory, account)


def open_own(path: Path, flags: int) -> int:
    """Open or make a file that belongs to its directory's owner, following no link."""
    file = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    _give_to_owner(file, path.parent)
    return file


def write(path: Path, text: str) -> None:
    """Replace a small file in a directory of the account's, if its text differs."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(errors="replace") == text:
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
