"""Storing inputs: each image once, by the SHA-256 of its file and what was kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.sql import SQL

from mlpredict.domain import DataUri, NewInput
from mlpredict.errors import DatabaseRefuses, InputsGone
from mlpredict.storage.connection import Connection
from mlpredict.storage.names import named
from mlpredict.storage.refusals import POLICY_HINT

ATTEMPTS = 3
"""At storing an image that is deleted between two statements, each time anew."""

INSERT_BYTES = 256 << 10
"""Images of a statement travel in one array, and PostgreSQL takes twice the time for a large one."""

# What tells one input from another: the SHA-256 of its file, and what was kept of it.
InputKey = tuple[bytes, str]

INSERT_INPUTS = SQL("""
    INSERT INTO {s}.inputs (sha256, kept, image, contenttype, width, height, difference_hash)
    SELECT * FROM unnest(%b::bytea[], %b::text[], %b::text[], %b::text[],
                         %b::integer[], %b::integer[], %b::bigint[])
    ON CONFLICT (sha256, kept) DO NOTHING
    RETURNING sha256, kept, id
""")

COPY_INPUT = SQL("""
    COPY {s}.inputs (sha256, kept, contenttype, width, height, difference_hash, image) FROM STDIN
""")
"""A large one by itself: as a parameter it would be there as text, as bytes and in the driver's buffer."""

INPUT_IDS = SQL("""
    SELECT wanted.sha256, wanted.kept, found.id
    FROM unnest(%b::bytea[], %b::text[]) AS wanted (sha256, kept)
    CROSS JOIN LATERAL (
        SELECT inputs.id FROM {s}.inputs
        WHERE inputs.sha256 OPERATOR(pg_catalog.=) wanted.sha256
          AND inputs.kept OPERATOR(pg_catalog.=) wanted.kept
        OFFSET 0
    ) AS found
""")
"""A statement of its own, after the one above: it then sees inputs that other runs have committed. `OFFSET 0`
keeps PostgreSQL to the index, as it takes a table for small while its first images are being stored."""

PRESENT = SQL("SELECT id FROM {s}.inputs WHERE id OPERATOR(pg_catalog.=) ANY(%b::bigint[])")


def add_inputs(connection: Connection, inputs: Sequence[NewInput]) -> dict[InputKey, int]:
    """The ids of inputs that are new and of those that were there, by what tells them apart.

    Raises:
        InputsGone: some are not there any more that were.
    """
    stored = {(one.sha256, one.kept): one.input_id for one in inputs if one.input_id is not None}
    if stored:
        _require(connection, frozenset(stored.values()))
    return stored | _add_new(connection, [one for one in inputs if one.input_id is None])


def _require(connection: Connection, input_ids: frozenset[int]) -> None:
    found = connection.execute(named(connection, PRESENT), (list(input_ids),))
    if gone := input_ids.difference(input_id for (input_id,) in found):
        raise InputsGone(gone)


def _add_new(connection: Connection, inputs: Sequence[NewInput]) -> dict[InputKey, int]:
    if not inputs:
        return {}
    # Of the pages of a file, which are one input, the first one counts. Two runs that store the same images
    # take the rows' locks in one order, so neither waits for the other in a circle.
    ordered = [new for _, new in sorted({(new.sha256, new.kept): new for new in reversed(inputs)}.items())]
    ids: dict[InputKey, int] = {}
    # An input that was there may have been deleted before its id was asked for: then it is a new one.
    for _ in range(ATTEMPTS):
        missing = [new for new in ordered if (new.sha256, new.kept) not in ids]
        if not missing:
            return ids
        for part in by_bytes(missing):
            ids |= _insert_inputs(connection, part)
        if known := [(new.sha256, new.kept) for new in missing if (new.sha256, new.kept) not in ids]:
            keys = [list(column) for column in zip(*known, strict=True)]
            ids |= ids_by_key(connection.execute(named(connection, INPUT_IDS), keys))
    if any((new.sha256, new.kept) not in ids for new in ordered):
        raise DatabaseRefuses(
            "an image is an input already that this role is not shown: table inputs has row-level security",
            hint=POLICY_HINT,
        )
    return ids


def _insert_inputs(connection: Connection, part: Sequence[NewInput]) -> dict[InputKey, int]:
    """Store those inputs that are new; the ids of small ones."""
    if isinstance(part[0].uri, DataUri):
        _copy_input(connection, part[0], part[0].uri)
        return {}
    rows = ((n.sha256, n.kept, n.uri, n.contenttype, n.width, n.height, n.difference_hash) for n in part)
    columns = [list(column) for column in zip(*rows, strict=True)]
    return ids_by_key(connection.execute(named(connection, INSERT_INPUTS), columns))


def _copy_input(connection: Connection, new: NewInput, uri: DataUri) -> None:
    """Store a large input, unless it is there already."""
    if connection.execute(named(connection, INPUT_IDS), ([new.sha256], [new.kept])).fetchone() is not None:
        return
    # Another run may store the same one at this moment: then its row is waited for, and taken.
    with (
        suppress(UniqueViolation),
        connection.transaction(),
        connection.cursor() as cursor,
        cursor.copy(named(connection, COPY_INPUT)) as copy,
    ):
        for piece in copied_input(new, uri):
            copy.write(piece)


def by_bytes(inputs: Sequence[NewInput]) -> Iterator[Sequence[NewInput]]:
    """The same inputs, in parts of `INSERT_BYTES` or a little more."""
    start = size = 0
    for end, new in enumerate(inputs, 1):
        if isinstance(new.uri, DataUri) and start < end - 1:
            yield inputs[start : end - 1]
            start, size = end - 1, 0
        size += len(new.uri)
        if size >= INSERT_BYTES or end == len(inputs):
            yield inputs[start:end]
            start, size = end, 0


def copied_input(new: NewInput, uri: DataUri) -> Iterator[str]:
    """The line of `COPY_INPUT`, in pieces; nothing in it needs an escape but what bytes begin with."""
    look = r"\N" if new.difference_hash is None else new.difference_hash
    yield f"\\\\x{new.sha256.hex()}\t{new.kept}\t{new.contenttype}\t{new.width}\t{new.height}\t{look}\t"
    yield from uri.parts()
    yield "\n"


def ids_by_key(found: Iterable[tuple[Any, ...]]) -> dict[InputKey, int]:
    """The ids of inputs, from rows of what tells them apart and the id."""
    return {(bytes(sha256), kept): input_id for sha256, kept, input_id in found}
