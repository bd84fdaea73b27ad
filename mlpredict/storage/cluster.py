"""A data directory: how it is filled, configured, and seen to have a living server or not."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlpredict.errors import DatabaseError
from mlpredict.storage.pg_binaries import OVERRIDE, USE_ANOTHER

PASSING = ("starting up", "shutting down", "not yet accepting", "recovery mode")

SETTINGS = """\
# Written by mlpredict at every start; your own settings: ALTER SYSTEM SET name = value
listen_addresses = ''               # never on a network: the socket is the only way in
unix_socket_permissions = 0700      # and only its owner's (the directory's mode says so again)
fsync = on                          # a prediction that was printed survives a power cut
full_page_writes = on               # and a torn page
shared_buffers = 64MB               # a laptop's memory is for the model
max_connections = 40                # commands of one user; each slot costs shared memory
wal_level = minimal                 # nothing replicates: loading into a new table skips the WAL
max_wal_senders = 0                 # required by minimal
max_logical_replication_workers = 0 # one process less
min_wal_size = 32MB                 # the WAL kept for reuse
max_wal_size = 512MB                # images are large; too little means a checkpoint per batch
logging_collector = off             # server.log is handed over by whoever starts the server
log_checkpoints = off               # it would grow by them
lc_messages = 'C'                   # we read what the server says while it starts
timezone = 'UTC'                    # SELECTs give the same on every machine
log_timezone = 'UTC'
cluster_name = 'mlpredict'          # tells in ps what these processes are
"""


def initialisation(data: Path, major: int, name: str) -> Iterator[tuple[list[str], str]]:
    """The commands, each with its standard input, that fill a data directory.

    Only the last one syncs it, as a whole where the file system can: that makes initialising fast.
    """
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
    syncfs = ["--sync-method=syncfs"] if major >= 17 and sys.platform == "linux" else []
    account = [f"--username={name}", "--auth-local=peer", "--auth-host=reject"]
    kind = ["--encoding=UTF8", "--locale=C", *builtin, "--data-checksums"]
    yield ["initdb", "-D", str(data), *account, *kind, "--no-instructions", "--no-sync"], ""
    # The database here and not over a first connection: a data directory is complete or absent.
    single = ["postgres", "--single", "-F", "-c", "exit_on_error=true", "-D", str(data)]
    yield [*single, "template1"], f"CREATE DATABASE {name}\n"
    with open(data / "postgresql.conf", "a", opener=_no_link) as file:
        file.write("\ninclude_if_exists = 'mlpredict.conf'\n")
    yield ["initdb", "-D", str(data), "--sync-only", *syncfs], ""


def run(command: list[str], text: str, directory: Path, options: dict[str, Any]) -> None:
    """Run one of the programs, with `text` as its input. Raises DatabaseError with its reason."""
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=directory,
        env=environment(),
        **options,
    )
    if done.returncode:
        message = f"PostgreSQL's {Path(command[0]).name} failed: {blame(done.stderr)}"
        raise DatabaseError(message, hint=USE_ANOTHER)


def access_rules(name: str, users: set[str]) -> dict[str, str]:
    """The files that say who may connect: these users of the operating system, as one role."""
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
    found = [own] if own.exists() else sorted(root.parent.glob("pg[0-9]*/data/PG_VERSION"))
    made_by = found[-1].read_text().strip() if found else str(major)
    if made_by != str(major):
        raise DatabaseError(
            f"{found[-1].parent} holds a database of PostgreSQL {made_by}, not {major}",
            hint=f"install PostgreSQL {made_by} and set {OVERRIDE} to its directory of programs",
        )


def owner_pid(data: Path) -> int | None:
    """The process id of the live server of a data directory; None for stale or reused ones."""
    pid = _recorded_pid(data)
    return pid if pid and _serves(pid, data) else None


def recorded_socket(data: Path) -> Path | None:
    """The socket of the server that last wrote its `postmaster.pid` and did not stop."""
    lines = _pid_file(data)
    return Path(lines[4]) / f".s.PGSQL.{lines[3]}" if len(lines) > 4 and lines[4] else None


def has_lost_socket(data: Path) -> bool:
    """Whether a server is ready and its socket was removed (with /tmp, or at a logout)."""
    lines, recorded = _pid_file(data), recorded_socket(data)
    ready = len(lines) > 7 and lines[7].strip() == "ready"
    return ready and recorded is not None and not recorded.exists()


def clear_stale(data: Path, socket: Path) -> None:
    """Remove what a killed server left and PostgreSQL would take for a live one's.

    Only for a caller who has made sure that no server runs. PostgreSQL believes any live process
    with the recorded id; a dead one it checks better itself, as it knows the shared memory too.
    """
    socket.unlink(missing_ok=True)
    socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)
    if (pid := _recorded_pid(data)) is not None:
        with contextlib.suppress(PermissionError):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
        (data / "postmaster.pid").unlink(missing_ok=True)


def is_refusal(reason: str) -> bool:
    """Whether a server answered, and not only to say that it is coming up or going down."""
    return "FATAL:" in reason and not any(words in reason for words in PASSING)


def blame(text: str) -> str:
    """The line of a program's output that says what went wrong; empty when nothing does."""
    if blamed := re.search(r"\b(?:error|FATAL|PANIC): +(.+)", text):
        return blamed[1]  # the first: what follows comes of it
    return "".join(text.strip().splitlines()[-1:])


def blame_log(log: Path, start: int) -> str:
    """The same for what a log holds from byte `start` on."""
    with log.open("rb") as file:
        file.seek(start)
        return blame(file.read().decode(errors="replace"))


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []


def _recorded_pid(data: Path) -> int | None:
    lines = _pid_file(data)
    return abs(int(lines[0])) if lines and re.fullmatch(r"-?[1-9]\d*", lines[0]) else None


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is the server of a data directory. A zombie's command is empty."""
    process = Path(f"/proc/{pid}")
    if not Path("/proc/self").exists():
        shown = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        listed = subprocess.run(shown, capture_output=True, text=True).stdout
        return "postgres" in listed and str(data) in listed
    try:
        program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
        if b"postgres" not in program and b"postmaster" not in program:
            return False
        # Another way to spell the directory (pg_ctl by hand) shows in where the server stands.
        return os.fsencode(data) in arguments or (process / "cwd").samefile(data)
    except OSError:
        return False


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)
