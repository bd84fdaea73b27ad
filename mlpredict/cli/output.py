"""Records to standard output, in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

from mlpredict.cli.consoles import write_data
from mlpredict.cli.format_names import Format
from mlpredict.cli.formats import Record, encoder, object_encoder

T = TypeVar("T")

# Few enough that the first lines appear at once, enough that a write is not felt.
RECORDS_AT_ONCE = 1000


def write_records(records: Iterable[Record], chosen: Format, columns: Sequence[str]) -> int:
    """Print all records; how many there were.

    Raises:
        OutputError: standard output cannot be written.
    """
    if chosen is Format.TABLE:
        from mlpredict.cli.tables import print_table

        rows = list(records)
        print_table(rows, columns)
        return len(rows)
    encode = encoder(chosen, columns)
    return _write(records, encode.encode, encode.finish)


def write_objects(objects: Iterable[bytes], chosen: Format) -> int:
    """Print objects that are JSON already, in one of the two formats of JSON; how many there were.

    Raises:
        OutputError: standard output cannot be written.
    """
    encode = object_encoder(chosen)
    return _write(objects, encode.encode_objects, encode.finish)


def _write(items: Iterable[T], encode: Callable[[list[T]], bytes], finish: Callable[[], bytes]) -> int:
    written = 0
    iterator = iter(items)
    while chunk := list(islice(iterator, RECORDS_AT_ONCE)):
        write_data(encode(chunk))
        written += len(chunk)
    write_data(finish())
    return written
