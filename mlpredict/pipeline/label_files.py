"""Lists of labels: CSV files, as people, spreadsheets and programs write them."""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from mlpredict.errors import UsageError, describe_os_error
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

STDIN = "-"
DELIMITERS = (",", ";", "\t")

KINDS = {
    "filename": "filename",
    "file_name": "filename",
    "file": "filename",
    "path": "filename",
    "image": "filename",
    "sha256": "sha256",
    "prediction_id": "prediction_id",
    "id": "prediction_id",
}
"""What columns that name an image are called, and how they name it."""

LABELS = ("true_label", "truth", "label", "class", "value")
"""What the column of labels is called; the first of these counts, as `label` is also what a model said."""


class Rows(Protocol):
    """Rows of text, and how many lines they have taken so far."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list: an image as it is named there, and its label."""

    image: str
    label: str
    kind: str | None
    """How the image is named; None where the list does not say."""
    where: str
    """The file and the line."""


def read_entries(file: str) -> Iterator[Entry]:
    """The entries of a CSV file, or of standard input where it is `-`.

    The first line may name the columns; else the first is the image, and the second its label. Fields may be
    separated by commas, semicolons or tabs. Lines without a label are passed over, and counted in a notice.

    Raises:
        UsageError: it cannot be read, or is no such list.
    """
    try:
        if file == STDIN:
            yield from _entries(sys.stdin.buffer, "standard input")
            return
        with Path(file).open("rb") as opened:
            yield from _entries(opened, file)
    except OSError as error:
        raise UsageError(f"{file}: {describe_os_error(error)}") from error
    except (csv.Error, UnicodeError) as error:
        raise UsageError(f"{file}: not read as CSV: {error}") from error
    except ValueError as error:  # no file has a NUL in its name
        raise UsageError(f"{file}: {error}") from error


def _entries(opened: BinaryIO, name: str) -> Iterator[Entry]:
    assert isinstance(opened, io.BufferedReader)
    encoding = _encoding(opened.peek(2)[:2])
    # A name may be any bytes, and is stored as the file system has it.
    text = io.TextIOWrapper(opened, encoding, errors="surrogateescape", newline="")
    try:
        first = text.readline()
        delimiter = max(DELIMITERS, key=first.count)
        yield from _entries_of(csv.reader(_then(first, text), delimiter=delimiter), name)
    finally:
        text.detach()


def _entries_of(rows: Rows, name: str) -> Iterator[Entry]:
    head = next(rows, None)
    if head is None:
        return
    named = _columns([column.strip().lower() for column in head])
    if named is None:
        if len(head) != 2:
            raise UsageError(
                f"{name}: {len(head)} columns, and none of them called a label",
                hint="the first line names them: filename, sha256 or prediction_id, and label",
            )
        named = (0, 1, None)
        yield _entry(head, 0, 1, None, f"{name}, line 1")
    image, label, kind = named
    unlabelled = 0
    for row in rows:
        where = f"{name}, line {rows.line_num}"
        if not row:
            continue
        if len(row) <= max(image, label):
            raise UsageError(f"{where}: there is no label" if len(row) > image else f"{where}: too short")
        if not row[label].strip():
            unlabelled += 1
            continue
        yield _entry(row, image, label, kind, where)
    if unlabelled:
        logger.info(f"{name}: {unlabelled:,} lines without a label are passed over")


def _entry(row: Sequence[str], image: int, label: int, kind: str | None, where: str) -> Entry:
    return Entry(row[image], row[label].strip(), kind, where)


def _columns(names: Sequence[str]) -> tuple[int, int, str | None] | None:
    """The places of the image and of its label, and how the image is named; None where no line says so."""
    label = next((names.index(one) for one in LABELS if one in names), None)
    if label is None:
        return None
    image = next((place for place, one in enumerate(names) if one in KINDS and place != label), None)
    if image is None:
        return (1 - label, label, None) if len(names) == 2 else None
    return image, label, KINDS[names[image]]


def _then(first: str, rest: io.TextIOBase) -> Iterator[str]:
    yield first
    yield from rest


def _encoding(head: bytes) -> str:
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
