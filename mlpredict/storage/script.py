"""A dump restored as a script, by psql: for servers that pg_restore does not speak to.

It sets a parameter that PostgreSQL has from version 17 on, and takes an older server's answer for a
failure.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import IO

from mlpredict.storage.programs import Target, failure, find, plain
from mlpredict.storage.termination import interrupted_by_termination

SPOKEN_TO = 170000
"""The first `server_version` that pg_restore itself can restore into."""

UNKNOWN = b"SET transaction_timeout = 0;\n"
BEGINNING_BYTES = 4096
"""In which it is set, before any of the data."""


def load(dump: int, target: Target, arguments: Sequence[str]) -> None:
    """Restore the dump in a descriptor, in one transaction. Raises DatabaseError when that fails."""
    printing = [find("pg_restore", target.bindir), "--file=-", *arguments]
    running = target.command("psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1")
    environment = plain(target.environment)
    with interrupted_by_termination(), TemporaryFile() as complaints, TemporaryFile() as errors:
        # psql reads no more once it has failed, and then says why.
        with (
            suppress(BrokenPipeError),
            _process(printing, environment, dump, subprocess.PIPE, complaints) as first,
            _process(running, environment, subprocess.PIPE, subprocess.DEVNULL, errors) as second,
        ):
            _copy(first, second)
        if second.returncode and first.returncode <= 0:
            raise failure(running, second.returncode, _text(errors))
        if first.returncode:
            raise failure(printing, first.returncode, _text(complaints))


def _copy(printing: subprocess.Popen[bytes], running: subprocess.Popen[bytes]) -> None:
    """Hand over the script, within a transaction that ends well only if the script is whole."""
    assert printing.stdout is not None
    assert running.stdin is not None
    running.stdin.write(b"BEGIN;\n" + printing.stdout.read(BEGINNING_BYTES).replace(UNKNOWN, b"", 1))
    shutil.copyfileobj(printing.stdout, running.stdin)
    if printing.wait() == 0:
        running.stdin.write(b"COMMIT;\n")
    running.stdin.close()
    running.wait()


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], stdin: int, stdout: int, stderr: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does not outlive the block."""
    with subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()


def _text(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
