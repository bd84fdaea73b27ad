"""A source → its bytes, never more of them than are allowed, and never waiting for what is no file."""

from __future__ import annotations

import errno
import os
import stat

from mlpredict.domain import Source
from mlpredict.errors import describe_os_error
from mlpredict.support.units import in_bytes

NONBLOCKING = getattr(os, "O_NONBLOCK", 0)
NO_FILE = "not a regular file (image bytes from a pipe: give - as the path)"
READ_BYTES = 1 << 20


class Unusable(Exception):
    """The reason why a source gives no sample."""


class TooManyBytes(Unusable):
    """The file is larger than it may be."""


def read(source: Source, max_bytes: int | None = None) -> bytes:
    """The bytes of a source; one byte more than `max_bytes` at most is read.

    Raises:
        Unusable: with the reason.
    """
    content = source.content if source.content is not None else _read_file(source.path, max_bytes)
    if not content:
        raise Unusable("the file is empty")
    if max_bytes is not None and len(content) > max_bytes:
        raise TooManyBytes(too_many_bytes(None, max_bytes))
    return content


def too_many_bytes(size: int | None, limit: int) -> str:
    """Why a file is refused that has so many bytes; None where nobody counted them."""
    counted = f"more than {in_bytes(limit)}" if size is None else in_bytes(size)
    return f"too large: {counted}, limit {in_bytes(limit)}"


def _read_file(filename: str, max_bytes: int | None) -> bytes:
    try:
        # Without O_NONBLOCK a named pipe that nobody writes to would stop the run for ever.
        descriptor = os.open(filename, os.O_RDONLY | NONBLOCKING)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise Unusable("is a directory")
            if not stat.S_ISREG(status.st_mode):
                raise Unusable(NO_FILE)
            if max_bytes is not None and status.st_size > max_bytes:
                raise TooManyBytes(too_many_bytes(status.st_size, max_bytes))
            return _read_all(descriptor, status.st_size, max_bytes)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno == errno.ENXIO:
            # What a socket answers, and a device that is not there.
            raise Unusable(NO_FILE) from error
        raise Unusable(describe_os_error(error)) from error


def _read_all(descriptor: int, size: int, max_bytes: int | None) -> bytes:
    """Everything up to the end of the file, which may have grown or shrunk meanwhile."""
    content = os.read(descriptor, size + 1)
    if len(content) == size:
        return content
    parts, length = [content], len(content)
    while max_bytes is None or length <= max_bytes:
        wanted = READ_BYTES if max_bytes is None else min(READ_BYTES, max_bytes + 1 - length)
        part = os.read(descriptor, wanted)
        if not part:
            break
        parts.append(part)
        length += len(part)
    return b"".join(parts)
