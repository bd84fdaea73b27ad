"""Initialising and starting a local server, and the supervisor that will stop it."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from mlpredict import settings
from mlpredict.errors import DatabaseError
from mlpredict.storage.server import (
    data_directory,
    locks,
    own_files,
    postmaster,
    roots_paths,
    service_account,
    supervisor,
)
from mlpredict.storage.server.ending import stop_owner
from mlpredict.storage.server.local_server import (
    NAME,
    PORT,
    LocalConnection,
    LocalServer,
    connect,
    conninfo,
)
from mlpredict.storage.server.pg_binaries import USE_ANOTHER
from mlpredict.storage.server.settings import settings_text
from mlpredict.storage.server.waiting import NOTICE_SECONDS, WAYS_OUT, Wait
from mlpredict.support.logs import get_logger

logger = get_logger(__name__)

ASK_SECONDS = 5
"""In which the supervisor is told who is connected; commands wait for it meanwhile."""

OTHERS_POLL_SECONDS = 0.05
SOON_SECONDS = 3
"""In which a server answers that is well; another may be waited for as long as it makes progress."""

LOG_BYTES = 1_000_000
"""A longer server.log becomes server.log.1 at the next start."""


def start_supervisor(server: LocalServer, lock: int) -> None:
    """Start the process that stops the server when it is idle; it holds the lock from then on."""
    os.close(own_files.open_own(server.root / "server.lock", os.O_RDWR))
    psql = service_account.runnable(server.binaries, server.account) / "psql"
    account = server.account
    asking = make_conninfo(conninfo(server), dbname="postgres", connect_timeout=ASK_SECONDS)
    arguments = [str(server.root), str(psql), asking]
    arguments += [str(number) for number in (account.uid, account.gid, lock)]
    with _log(server) as log:
        process = subprocess.Popen(
            # Without site-packages it starts at once and stays small.
            [sys.executable, "-S", "-P", "-m", supervisor.__name__, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=server.root,
            env={**data_directory.environment(), "PYTHONPATH": str(settings.PACKAGE.parent)},
            pass_fds=(lock,),
            start_new_session=True,
        )
    process.returncode = 0  # it outlives us: no warning that nobody waited for it


def bring_up(server: LocalServer, autocommit: bool) -> LocalConnection:
    """Connect to a server that did not answer, once it is initialised and started where needed.

    Raises DatabaseError with the server's own reason.
    """
    data_directory.check_version(server.root, server.binaries.major)
    told = time.monotonic() + NOTICE_SECONDS
    while True:
        with locks.locked(server.root / "start.lock", wait=False) as lock:
            if lock is not None:
                _rotate_log(server)
                if not (server.data / "PG_VERSION").exists():
                    _initialise(server, lock)
                    logger.info(_created(server))
                return _connect_or_start(server, autocommit)
        # Who has it may have been suspended since the server answers.
        connection = _answer(server, autocommit)
        if isinstance(connection, LocalConnection):
            return connection
        if time.monotonic() > told:
            told = math.inf
            pid = locks.holder(server.root / "start.lock")
            who = "another command" + (f" (process {pid})" if pid else "")
            logger.info(f"waiting for {who}, which starts the local PostgreSQL; {WAYS_OUT}")
        time.sleep(OTHERS_POLL_SECONDS)


def _answer(server: LocalServer, autocommit: bool) -> LocalConnection | psycopg.OperationalError:
    """A connection, or why there is none yet.

    Raises:
        DatabaseError: the server answers that it will not have us.
    """
    try:
        return connect(server, autocommit=autocommit, timeout=SOON_SECONDS)
    except psycopg.OperationalError as error:
        reason = str(error).partition("\n")[0]
        if data_directory.is_refusal(reason):
            raise DatabaseError(f"the local PostgreSQL: {reason}", hint=USE_ANOTHER) from error
        return error


def _connect_or_start(server: LocalServer, autocommit: bool) -> LocalConnection:
    """Connect to a server that runs, comes up, goes down or is gone; the caller has the lock."""
    wait = Wait(server)
    process: subprocess.Popen[bytes] | None = None
    log_start = 0
    while True:
        answer = _answer(server, autocommit)
        if isinstance(answer, LocalConnection):
            if process is not None:
                process.returncode = 0  # it outlives us: no warning that nobody waited for it
            return answer
        if process is not None and process.poll() is not None:
            if process.returncode >= 0 and not data_directory.was_disturbed(server.log, log_start):
                said = data_directory.blame_log(server.log, log_start)
                raise DatabaseError(f"PostgreSQL does not start: {said}", hint=f"see {server.log}")
            process = None
        if process is None:
            log_start = _size(server.log)
            process = _start_unless_alive(server)
        restarts = wait.restarts
        if not wait.goes_on(answer):
            said = data_directory.blame_log(server.log, log_start) or str(answer).partition("\n")[0]
            hint = f"see {server.log}; mlpredict db stop --force ends the server"
            raise DatabaseError(f"PostgreSQL does not answer: {said}", hint=hint)
        if wait.restarts > restarts and process is not None:
            process.wait()
            process = None


def _start_unless_alive(server: LocalServer) -> subprocess.Popen[bytes] | None:
    """Start the server, unless processes of one still live: nothing else may touch its files."""
    with locks.locked(server.root / "server.lock", wait=False) as lock:
        if lock is None or postmaster.owner_pid(server.data) is not None:
            if postmaster.has_lost_socket(server.data, _listens_at(server)):
                stop_owner(server.data)  # it answers nobody
            return None
        postmaster.clear_stale(server.data, server.socket)
        _configure(server)
        own_files.make_private(server.socket_dir, server.account)
        quoted = str(server.socket_dir).replace('"', '""')  # the setting is a list of names
        program = service_account.runnable(server.binaries, server.account) / "postgres"
        with _log(server) as log:
            return subprocess.Popen(
                [program, "-D", server.data, "-p", str(PORT), "-k", f'"{quoted}"'],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=server.root,
                env=data_directory.environment(),
                pass_fds=(lock,),
                start_new_session=True,  # a Ctrl-C in the terminal is not for the server
                **server.account.popen_options(),
            )


def _listens_at(server: LocalServer) -> Path:
    """The socket of a server that may have been started by hand; root's is where it belongs."""
    started = postmaster.recorded_socket(server.data) if server.account.is_ours else None
    return started or server.socket


def _configure(server: LocalServer) -> None:
    """Write this version's settings, and access rules for whoever runs it now."""
    # Both can read the files anyway; as root, programs like pg_upgrade run under the account.
    users = {server.account.name, service_account.current_name()} if server.account.is_named else None
    text = settings_text(server.binaries.major)
    files = {"mlpredict.conf": text, **data_directory.access_rules(NAME, users)}
    for name, text in files.items():
        own_files.write(server.data / name, text)


def _initialise(server: LocalServer, lock: int) -> None:
    """Make the data directory with its database, complete or not at all.

    The programs inherit `start.lock`: if this process is killed, the next one waits for them to end
    before it clears away what they have made.
    """
    for abandoned in server.root.glob("init-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    bindir = service_account.runnable(server.binaries, server.account)
    partial = Path(tempfile.mkdtemp(prefix="init-", dir=server.root))
    try:
        own_files.give(partial, server.account)
        for command, text in data_directory.initialisation(partial, server.binaries.major, NAME):
            options = {"pass_fds": (lock,), **server.account.popen_options()}
            whole = [str(bindir / command[0]), *command[1:]]
            has_name = server.account.is_named
            data_directory.run(whole, text, server.root, options, has_name=has_name)
        partial.rename(server.data)
        own_files.sync_directory(server.root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _created(server: LocalServer) -> str:
    text = f"created a private PostgreSQL {server.binaries.major} in {server.root}"
    if server.wanted.resolve() == server.root.parent:
        return text
    home = server.wanted
    if foreign := roots_paths.foreign_part(home):
        return f"{text}, as others than root can change {foreign}"
    return f"{text}, as {server.account.name}, who runs it for root, cannot enter {home}"


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _rotate_log(server: LocalServer) -> None:
    if _size(server.log) > LOG_BYTES:
        server.log.replace(server.log.with_suffix(".log.1"))


@contextlib.contextmanager
def _log(server: LocalServer) -> Iterator[int]:
    file = own_files.open_own(server.log, os.O_WRONLY | os.O_APPEND)
    try:
        yield file
    finally:
        os.close(file)
