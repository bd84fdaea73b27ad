"""Lists of file names for `--files-from`, as Unix and Windows write them."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from mlpredict.errors import UsageError, describe_os_error

STDIN = "-"
LINES = b"\n"
BLOCK_BYTES = 65536

# Byte order marks; that of UTF-32 LE begins as UTF-16's does and is looked for before it.
MARKS = {
    codecs.BOM_UTF8: None,
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def names_from(listing: str, *, separator: bytes) -> Iterator[str]:
    """File names from the file `listing`, or from stdin where it is `-`.

    Raises:
        UsageError: the list cannot be read.
    """
    # Inside a list a dash is a file like any other: stdin may be the list itself.
    try:
        if listing == STDIN:
            for name in read_names(sys.stdin.buffer, separator=separator):
                yield _file_name(name)
            return
        with Path(listing).open("rb") as file:
            for name in read_names(file, separator=separator):
                yield _file_name(name)
    except OSError as error:
        raise UsageError(f"--files-from {listing}: {describe_os_error(error)}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"--files-from {listing}: begins as {error.encoding.upper()} and does not go on as such",
            hint="save it as UTF-8, or end its names in NUL and use --null",
        ) from error
    except ValueError as error:
        raise UsageError(f"--files-from {listing}: {error}") from error


def read_names(listing: BinaryIO, *, separator: bytes) -> Iterator[str]:
    """File names from a list, one a line or one before each NUL; empty ones are passed over.

    Lists made on Windows are read, too: after a byte order mark, in UTF-16 with or without one, and
    with lines that end in CR LF.

    Raises:
        UnicodeDecodeError: the list is not in the encoding that its first bytes name.
    """
    blocks = _blocks(listing)
    first = _beginning(blocks)
    mark = next((mark for mark in MARKS if first.startswith(mark)), b"")
    encoding = MARKS[mark] if mark else _unmarked(first, separator)
    parts: Iterator[bytes] = chain([first[len(mark) :]], blocks)
    if encoding is not None:
        parts = _as_utf8(parts, encoding)
    for line in _split(parts, separator):
        name = os.fsdecode(line) if encoding is None else line.decode()
        if separator == LINES:
            name = _without_return(name)
        if name:
            yield name


def _blocks(listing: BinaryIO) -> Iterator[bytes]:
    """What a list holds, as it comes."""
    read = getattr(listing, "read1", listing.read)
    while block := read(BLOCK_BYTES):
        yield block


def _beginning(blocks: Iterator[bytes]) -> bytes:
    """A first block that is not a part of a byte order mark alone."""
    first = next(blocks, b"")
    while any(mark.startswith(first) and mark != first for mark in MARKS) and (more := next(blocks, b"")):
        first += more
    return first


def _unmarked(first: bytes, separator: bytes) -> str | None:
    """UTF-16 without a mark: no name has a NUL in it, and every Latin letter has one there."""
    if separator != LINES or b"\0" not in first:
        return None
    even, odd = first[0::2].count(0), first[1::2].count(0)
    return "utf-16-le" if odd > even else "utf-16-be"


def _as_utf8(parts: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for part in parts:
        yield decoder.decode(part).encode()
    yield decoder.decode(b"", final=True).encode()


def _split(parts: Iterator[bytes], separator: bytes) -> Iterator[bytes]:
    rest = b""
    for part in parts:
        *complete, rest = (rest + part).split(separator)
        yield from (name for name in complete if name)
    if rest:
        yield rest


def _without_return(name: str) -> str:
    """A name without the CR of its line's end, unless a file is called just that."""
    return name[:-1] if name.endswith("\r") and not _exists(name) else name


def _exists(name: str) -> bool:
    try:
        return os.path.lexists(name)
    except ValueError:
        return False


def _file_name(name: str) -> str:
    return os.path.join(os.curdir, name) if name == STDIN else name
