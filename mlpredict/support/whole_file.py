"""A file that appears under its name when it is complete, and not before."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlpredict.errors import OutputError
from mlpredict.support.signals import interrupted_by_termination

PREFIX_CHARACTERS = 50
"""Of the target's name: at four bytes each they fit into a name with the rest of it."""


@contextmanager
def whole_file(target: Path, *, force: bool) -> Iterator[Path]:
    """The name of an empty private file to write to, which in the end becomes the target.

    An exception, or a signal that ends the process, removes it instead. Only `force` replaces a
    file that is there.

    Raises:
        OutputError: there is a file, or something that is none; or it cannot be written.
    """
    _refuse(target, force=force)
    with _named(target), interrupted_by_termination():
        prefix = f".{target.name[:PREFIX_CHARACTERS]}."
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".partial", dir=target.parent)
        partial = Path(name)
        try:
            os.close(descriptor)
            yield partial
            _make_lasting(partial)
            _refuse(target, force=force)
            partial.replace(target)
            _sync(target.parent)
        finally:
            partial.unlink(missing_ok=True)


def _refuse(target: Path, *, force: bool) -> None:
    with _named(target):
        try:
            mode = target.lstat().st_mode
        except FileNotFoundError:
            return
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OutputError(f"{target}: it is no file that could be replaced", hint="- is standard output")
    if not force:
        raise OutputError(f"{target}: there is a file of this name", hint="overwrite it with --force")


@contextmanager
def _named(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{target}: {error.strerror or error}") from error


def _make_lasting(partial: Path) -> None:
    """Sync a file, with the mode that a new one has."""
    partial.chmod(0o666 & ~_umask())
    with partial.open("r+b") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync(directory: Path) -> None:
    """Make the new name survive a power cut, where a directory can be opened for that."""
    if os.name == "posix":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
