"""A data directory: how it is filled, who may connect, and what its server says of itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlpredict import settings
from mlpredict.errors import DatabaseError
from mlpredict.storage.server import borrowed_name, service_account, untrusted
from mlpredict.storage.server.pg_binaries import OVERRIDE, USE_ANOTHER

VERSION_BYTES = 16

RECOVERING = ("not yet accepting", "recovery mode")
PASSING = ("starting up", "shutting down", *RECOVERING, "terminating connection due to")

DISTURBANCES = ("still in use", "was terminated by signal 9")
"""Children of a killed server soon go, and whoever kills those of one that starts has had his way."""


def initialisation(data: Path, major: int, name: str) -> Iterator[tuple[list[str], str]]:
    """The commands, each with its standard input, that fill a data directory.

    Only the last one syncs it, as a whole where the file system can: that makes initialising fast.
    """
    yield filling(data, major, name), ""
    # The database here and not over a first connection: a data directory is complete or absent.
    single = ["postgres", "--single", "-F", "-c", "exit_on_error=true", "-D", str(data)]
    yield [*single, "template1"], f"CREATE DATABASE {name}\n"
    include_settings(data)
    yield syncing(data, major), ""


def filling(data: Path, major: int, name: str) -> list[str]:
    """The command that fills a data directory, without a database of ours and without syncing it."""
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
    account = [f"--username={name}", "--auth-local=peer", "--auth-host=reject"]
    kind = ["--encoding=UTF8", "--locale=C", *builtin, "--data-checksums"]
    return ["initdb", "-D", str(data), *account, *kind, "--no-instructions", "--no-sync"]


def syncing(data: Path, major: int) -> list[str]:
    """The command that makes a data directory survive a power cut."""
    syncfs = ["--sync-method=syncfs"] if major >= 17 and sys.platform == "linux" else []
    return ["initdb", "-D", str(data), "--sync-only", *syncfs]


def include_settings(data: Path) -> None:
    """Have the server of a new data directory read our settings, once they are there."""
    with open(data / "postgresql.conf", "a", opener=_no_link) as file:
        file.write("\ninclude_if_exists = 'mlpredict.conf'\n")


def run(
    command: list[str], text: str, directory: Path, options: dict[str, Any], *, has_name: bool = True
) -> None:
    """Run one of the programs, with `text` as its input; for a user without a name with a borrowed one.

    Raises:
        DatabaseError: it fails, with its reason, or there is no name to be had.
    """
    prefix = [] if has_name else borrowed_name.command_for(service_account.borrowed_uid())
    done = subprocess.run(
        [*prefix, *command],
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=directory,
        env={**environment(), "PYTHONPATH": str(settings.PACKAGE.parent)},
        **options,
    )
    if prefix and done.returncode == borrowed_name.REFUSED:
        raise service_account.nameless_error(os.geteuid())
    if done.returncode:
        message = f"PostgreSQL's {Path(command[0]).name} failed: {blame(done.stderr)}"
        raise DatabaseError(message, hint=USE_ANOTHER)


def access_rules(name: str, users: set[str] | None) -> dict[str, str]:
    """The files that say who may connect: these users of the operating system, as one role.

    Without users, whoever gets at the socket.
    """
    if users is None:
        return {"pg_hba.conf": f"local all {name} trust\n", "pg_ident.conf": ""}
    quoted = ['"' + user.replace('"', '""') + '"' for user in sorted(users)]
    return {
        "pg_hba.conf": f"local all all peer map={name}\n",
        "pg_ident.conf": "".join(f"{name} {user} {name}\n" for user in quoted),
    }


def environment() -> dict[str, str]:
    """What the programs get to see: no PG* variable that redirects them, and nobody's secrets."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}


def check_version(root: Path, major: int) -> None:
    """Raises DatabaseError when there is a database, but of another version of PostgreSQL."""
    own = root / "data" / "PG_VERSION"
    found = {_made_by(own): own.parent} if own.exists() else databases(root.parent)
    made_by = max(found, default=major)
    if made_by == major:
        return
    message = f"{found[made_by]} holds a database of PostgreSQL {made_by}, not {major}"
    if made_by < major:
        raise DatabaseError(message, hint="run mlpredict db upgrade")
    raise DatabaseError(
        f"{message}, and none becomes older",
        hint=f"install PostgreSQL {made_by} and set {OVERRIDE} to its directory of programs",
    )


def databases(home: Path) -> dict[int, Path]:
    """The data directories in a home, by the major version of PostgreSQL that made them.

    Raises DatabaseError where a directory does not say.
    """
    return {_made_by(file): file.parent for file in home.glob("pg[0-9]*/data/PG_VERSION")}


def _made_by(version_file: Path) -> int:
    said = untrusted.read(version_file, VERSION_BYTES).decode(errors="replace").strip()
    if not (said.isascii() and said.isdecimal()):
        raise DatabaseError(f"{version_file} holds no version of PostgreSQL", hint=USE_ANOTHER)
    return int(said)


def is_passing(reason: str) -> bool:
    """Whether a server says that it is coming up or going down, or recovers from a crash."""
    return any(words in reason for words in PASSING)


def is_refusal(reason: str) -> bool:
    """Whether a server answered, and not only to say that it is coming up or going down."""
    return "FATAL:" in reason and not is_passing(reason)


def blame(text: str) -> str:
    """The line of a program's output that says what went wrong; empty when nothing does."""
    return complaint(text) or "".join(text.strip().splitlines()[-1:])


def complaint(text: str) -> str:
    """What a program's output calls an error; empty where it calls nothing that."""
    blamed = re.findall(r"\b(?:error|FATAL|PANIC): +(.+)", text)
    # The first: what follows comes of it. That a client was too early is not to blame.
    return next((str(reason) for reason in blamed if not is_passing(reason)), "")


def blame_log(log: Path, start: int) -> str:
    """The same for what a log holds from byte `start` on."""
    return blame(_written(log, start))


def was_disturbed(log: Path, start: int) -> bool:
    """Whether a server that did not start was kept from it, by others or by what a killed one has left."""
    return any(words in _written(log, start) for words in DISTURBANCES)


def _written(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read(untrusted.MOST_BYTES).decode(errors="replace")


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)
