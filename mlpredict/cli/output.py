"""Records to standard output, in the format that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from mlpredict.cli.stdout import stdout_is_terminal, write_data
from mlpredict.domain import Format
from mlpredict.records import Record, encoder, object_encoder

RECORDS_AT_ONCE = 1000
"""Few enough that the first lines appear at once, enough that a write is not felt."""


def write_records(
    records: Iterable[Record],
    chosen: Format,
    columns: Sequence[str],
    rare: Sequence[str] = (),
    *,
    asked: bool = False,
) -> int:
    """Print all records; how many there were.

    A table leaves out the `rare` columns that no record fills, and is not printed without records. Columns
    that somebody has `asked` for are there whatever the terminal's width.

    Raises:
        OutputError: standard output cannot be written.
    """
    if chosen is Format.TABLE:
        from mlpredict.cli.tables import print_table

        rows = list(records)
        if rows:
            filled = [one for one in columns if one not in rare or any(row[one] is not None for row in rows)]
            print_table(rows, filled, asked=asked)
        return len(rows)
    encode = encoder(chosen, columns, on_terminal=stdout_is_terminal())
    written = 0
    for chunk in _chunks(records):
        write_data(encode.encode(chunk))
        written += len(chunk)
    write_data(encode.finish())
    return written


def write_objects(objects: Iterable[bytes], chosen: Format) -> bool:
    """Print what is JSON already, in one of the two formats of it; whether there was any.

    Raises:
        OutputError: standard output cannot be written.
    """
    encode = object_encoder(chosen, on_terminal=stdout_is_terminal())
    written = False
    for some in objects:
        write_data(encode.encode_objects([some]))
        written = True
    write_data(encode.finish())
    return written


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    iterator = iter(records)
    while chunk := list(islice(iterator, RECORDS_AT_ONCE)):
        yield chunk
