"""`mlpredict db dump` and `db restore`: the whole database in a file, and out of one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
from mlpredict.cli.asking import confirm
from mlpredict.cli.options import Dsn, Quiet, Verbose
from mlpredict.cli.stdout import output_errors, stdin_is_terminal, stdout_is_terminal
from mlpredict.cli.talk import talk
from mlpredict.errors import DatabaseError, UsageError, describe_os_error

if TYPE_CHECKING:
    from mlpredict.storage.maintenance.dumps import Restored, Source
    from mlpredict.storage.maintenance.status import Contents


STANDARD = "-"

Written = Annotated[str, typer.Argument(metavar="FILE", help="Where to; - is standard output.")]
Read = Annotated[str, typer.Argument(metavar="FILE", help="A dump; - is standard input.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file.", show_default=False)]
Yes = Annotated[
    bool, typer.Option("-y", "--yes", help="Replace what is there without asking.", show_default=False)
]


def dump(
    file: Written,
    force: Force = False,
    dsn: Dsn = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the whole database to a file.

    It is in the custom format of PostgreSQL's pg_dump.
    """
    from mlpredict.storage.maintenance import dumps
    from mlpredict.support.whole_file import whole_file

    named = dsn or settings.dsn()
    if file == STANDARD:
        if stdout_is_terminal():
            raise UsageError("standard output is a terminal", hint="name a file, or redirect it")
        with output_errors():
            contents = dumps.dump(named, sys.stdout.fileno())
        talk.notice(f"dumped {contents}")
        return
    try:
        with whole_file(Path(file), force=force, private=True) as partial:
            contents = dumps.dump(named, partial)
            size = partial.stat().st_size
    except DatabaseError as error:
        raise DatabaseError(f"{file} is not written: {error.message}", hint=error.hint) from error
    talk.notice(f"dumped {contents} to {file} ({size:,} bytes)")


def restore(
    file: Read,
    yes: Yes = False,
    dsn: Dsn = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Replace the local database by a dump.

    With --dsn, a database is filled that has no such tables. All of it is restored, or nothing changes. A
    dump can run programs as you: restore your own.
    """
    named = dsn or settings.dsn()
    with _source(file) as source:
        if named is None:
            restored = _replace_local(source, confirmed=yes)
        else:
            from mlpredict.storage.maintenance import dumps

            restored = dumps.restore_into(named, source)
    talk.notice(f"restored {restored.contents} from {source.name}")
    if applied := len(restored.schema.applied):
        talk.notice(f"applied {applied} migrations, as the dump is of an older version")


def _replace_local(source: Source, *, confirmed: bool) -> Restored:
    from mlpredict.storage.connection import require_local_platform

    require_local_platform()
    from mlpredict.storage.maintenance import restoring
    from mlpredict.storage.server import local_server

    def agree(lost: Contents) -> None:
        if not lost.is_empty:
            question = f"The local PostgreSQL holds {lost}. Replace it with {source.name}?"
            confirm(question, yes=confirmed)

    return restoring.restore(local_server.locate(), source, agree)


@contextmanager
def _source(file: str) -> Iterator[Source]:
    from mlpredict.storage.maintenance.dumps import Source

    if file == STANDARD:
        if stdin_is_terminal():
            raise UsageError("standard input is a terminal", hint="name a file, or redirect it")
        yield Source(sys.stdin.fileno(), "standard input")
        return
    with ExitStack() as closing:
        try:
            opened = closing.enter_context(open(file, "rb"))
        except OSError as error:
            raise UsageError(f"{file}: {describe_os_error(error)}") from error
        yield Source(opened.fileno(), file)
