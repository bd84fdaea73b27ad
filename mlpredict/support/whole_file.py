"""A file that appears under its name when it is complete, and not before."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mlpredict.errors import OutputError
from mlpredict.support.signals import interrupted_by_termination

PREFIX_CHARACTERS = 50
"""Of the target's name: at four bytes each they fit into a name with the rest of it."""

SUFFIX = ".partial"
PARTIAL = re.compile(r"\..*\.[a-z0-9_]{8}\.partial", re.DOTALL)
STALE_SECONDS = 3600
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EINVAL)
"""What systems say whose files have one name only."""


class FileNotWritten(OutputError):
    """A file is there already, or cannot be written."""


@contextmanager
def replacing(target: Path, *, new: bool = False) -> Iterator[IO[bytes]]:
    """A file to write that takes the target's place when the block ends, and is removed when it raises.

    It lies beside the target, is made anew, never where a link leads, and can be read and written by its
    owner alone. With `new` there is no target yet: one that has come meanwhile is left alone.

    Raises:
        FileExistsError: with `new`, there is a target.
        OSError: the file cannot be written.

    Example:
        with replacing(folder / "facts.json") as file:
            file.write(b"{}")
    """
    prefix = f".{target.name[:PREFIX_CHARACTERS]}."
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=SUFFIX, dir=target.parent)
    try:
        with open(name, "wb", opener=lambda *_: descriptor) as file:
            yield file
        if new:
            _rename_to_new(name, target)
        else:
            os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


@contextmanager
def whole_file(target: Path, *, force: bool, lasting: bool = True, private: bool = False) -> Iterator[Path]:
    """The name of an empty private file to write to, which in the end becomes the target.

    An exception, or a signal that ends the process, removes it instead. Only `force` replaces a
    file that is there. The target has the mode that the umask gives to new files, or is `private` to its
    owner; what is `lasting` survives a power cut.

    Raises:
        FileNotWritten: there is a file, or something that is none; or it cannot be written.
    """
    with _named(target), interrupted_by_termination():
        _require_name(target)
        _refuse_what_is_no_file(target)
        if not force and os.path.lexists(target):
            raise FileExistsError
        with replacing(target, new=not force) as file:
            partial = Path(file.name)
            yield partial
            partial.chmod(0o600 if private else usual_mode())
            if lasting:
                os.fsync(file.fileno())
            _refuse_what_is_no_file(target)
        if lasting:
            _sync(target.parent)


def _rename_to_new(name: str, target: Path) -> None:
    try:
        os.link(name, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.replace(name, target)
    else:
        os.unlink(name)


def _refuse_what_is_no_file(target: Path) -> None:
    with suppress(FileNotFoundError):
        mode = target.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            message = f"{target}: it is no file that could be replaced"
            raise FileNotWritten(message, hint="- is standard output")


@contextmanager
def _named(target: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        message = f"{target}: there is a file of this name"
        raise FileNotWritten(message, hint="overwrite it with --force") from None
    except OSError as error:
        raise FileNotWritten(f"{target}: {error.strerror or error}") from error


def _require_name(target: Path) -> None:
    if "\0" in os.fspath(target):
        raise FileNotWritten(f"{target}: no file has a NUL in its name")


def usual_mode() -> int:
    """The mode that the umask gives to new files."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def discard_partial(directory: Path) -> None:
    """Remove what `replacing` left when it was killed; what is younger may be written at this moment."""
    stale = time.time() - STALE_SECONDS
    for entry in os.scandir(directory):
        if PARTIAL.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < stale:
                    os.unlink(entry.path)


def _sync(directory: Path) -> None:
    """Make the new name survive a power cut, where a directory can be opened for that."""
    if os.name == "posix":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
