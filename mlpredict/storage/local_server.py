"""The private PostgreSQL: initialised, started and found again without anybody having to ask.

Attaching costs one connect. Only when nothing answers is a lock taken, and the server initialised
or started under it. Everything lies in one directory named after PostgreSQL's major version:

    pg18/data          the database
    pg18/run           the socket, unless its path would be too long there
    pg18/server.log    what the server says
    pg18/use.lock      held by every command while it uses the server, see `lease`
    pg18/start.lock    held by the one process that initialises, starts or stops the server
    pg18/server.lock   held by the server's processes: the kernel frees it when the last one is gone
    pg18/supervisor.lock  held by the process that stops the server when it is idle, see `supervisor`
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from mlpredict import settings
from mlpredict.errors import DatabaseError
from mlpredict.storage import cluster, disk, lease, locks, postmaster, service_account, supervisor
from mlpredict.storage.connection import LocalConnection
from mlpredict.storage.lease import Lease
from mlpredict.storage.pg_binaries import USE_ANOTHER, PgBinaries, find_binaries
from mlpredict.storage.server_settings import settings_text
from mlpredict.storage.service_account import Account

NAME = "mlpredict"
"""Of the database and of its role."""

PORT = 5432
START_SECONDS = 20.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.005
FAREWELL_SECONDS = 0.2
"""Until the server notices that a client has gone."""

LOG_BYTES = 1_000_000
"""A longer server.log becomes server.log.1 at the next start."""

SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
"""What fits into the operating system's `sun_path`."""

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LocalServer:
    """Where a private server is or would be."""

    root: Path
    """Holds everything; `wanted/pg18`, except where root's server cannot live there."""
    socket_dir: Path
    binaries: PgBinaries
    account: Account
    wanted: Path
    """The home that was asked for."""

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.root / "server.log"

    @property
    def bindir(self) -> Path:
        """The programs (psql, pg_dump, …) that belong to the server."""
        return self.binaries.bindir


def locate(home: Path | None = None, binaries: PgBinaries | None = None) -> LocalServer:
    """Where the server is or would be, run by these programs or the usual ones; makes nothing.

    Raises DatabaseError when this platform has no PostgreSQL for us.
    """
    binaries = binaries or find_binaries()
    wanted = (home or settings.data_home()).expanduser().resolve()
    with explained():
        root = service_account.root_for(wanted, f"pg{binaries.major}")
        # An older version's database is upgraded under the account it has.
        account = service_account.account_for(root / "data", *root.parent.glob("pg[0-9]*/data"))
        return LocalServer(root, _socket_dir(root, account), binaries, account, wanted)


def conninfo(server: LocalServer) -> str:
    """What connects to the server, for psycopg and any libpq."""
    return make_conninfo(
        host=str(server.socket_dir),
        hostaddr="",  # else PGHOSTADDR would lead elsewhere
        port=PORT,
        dbname=NAME,
        user=NAME,
        requirepeer=server.account.name,  # never someone else's server in its place
    )


def open_connection(server: LocalServer, notify: Notify, *, autocommit: bool = False) -> LocalConnection:
    """Connect, having initialised or started the server where that is needed.

    `notify` is told when a database is created. Raises DatabaseError with the server's own reason.
    """
    with explained(server), contextlib.ExitStack() as claimed:
        claim = _claim(server, notify)
        claimed.callback(claim.close)
        # Before the server is started: then whatever becomes of this process, somebody stops it.
        _supervise(server, claim.linger)
        try:
            connection = LocalConnection.connect(conninfo(server), autocommit=autocommit)
        except psycopg.OperationalError:
            connection = _bring_up(server, notify, autocommit)
        connection.root = server.root
        connection.log_start = _size(server.log)
        connection.farewell = partial(_end, claim)
        claimed.pop_all()
        return connection


@contextlib.contextmanager
def attached(server: LocalServer, notify: Notify) -> Iterator[str]:
    """A conninfo whose server runs, and is not stopped for idleness, until the block ends."""
    connection = open_connection(server, notify)
    farewell, connection.farewell = connection.farewell, None
    connection.close()  # other programs connect: this one would only take a slot
    assert farewell is not None
    try:
        yield conninfo(server)
    finally:
        farewell()


@contextlib.contextmanager
def exclusively(server: LocalServer, notify: Notify = lambda _text: None) -> Iterator[None]:
    """Nobody else uses, starts or stops the server until the block ends; this process may.

    Raises DatabaseError when a command is using it.
    """
    with contextlib.ExitStack() as alone:
        with explained():
            service_account.make_root(server.root, server.account)
            alone.enter_context(lease.alone(server.root, notify))
        try:
            yield
        finally:
            if settings.linger_seconds() == 0:
                with explained():
                    stop_owner(server.data)


def ensure_running(server: LocalServer, notify: Notify) -> str:
    """Start the server where it does not run; the conninfo of one that answers."""
    with attached(server, notify) as found:
        return found


def owner_pid(server: LocalServer) -> int | None:
    """The process id of the live server that owns the data directory, answering or not."""
    with explained():
        return postmaster.owner_pid(server.data)


def is_running(server: LocalServer) -> bool:
    """Whether a live server owns the data directory, answering or not."""
    return owner_pid(server) is not None


def stop(server: LocalServer) -> bool:
    """Stop the server, disconnecting its clients; whether there was one.

    Raises DatabaseError when it does not stop within `STOP_SECONDS`.
    """
    with explained():
        if postmaster.owner_pid(server.data) is None:
            return False
        with locks.locked(server.root / "start.lock", wait=True):
            return stop_owner(server.data)


def stop_unused(server: LocalServer, notify: Notify) -> bool:
    """The same, but only if no command is using the server. Raises DatabaseError when one is."""
    with explained(), lease.alone(server.root, notify):
        return stop_owner(server.data)


def stop_owner(data: Path) -> bool:
    """Stop the server of a data directory; the caller has `start.lock`, or the server for itself."""
    pid = postmaster.owner_pid(data)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS
    while postmaster.owner_pid(data) == pid:
        if time.monotonic() > deadline:
            raise DatabaseError(f"the local PostgreSQL (process {pid}) does not stop")
        time.sleep(POLL_SECONDS)
    return True


def _end(claim: Lease) -> None:
    with explained():
        claim.close()


def _claim(server: LocalServer, notify: Notify) -> Lease:
    linger = settings.linger_seconds()

    def claim() -> Lease:
        return lease.share(server.root, linger, stop=lambda: _stop_unless_used(server), notify=notify)

    try:
        return claim()
    except (FileNotFoundError, NotADirectoryError):
        cluster.check_version(server.root, server.binaries.major)
        service_account.make_root(server.root, server.account)
        return claim()


def _supervise(server: LocalServer, linger: float) -> None:
    """See to it that there is a supervisor, whoever may have killed the last one."""
    if linger < 0:
        return
    with locks.locked(server.root / "supervisor.lock", wait=False) as lock:
        if lock is None:
            return
        os.close(service_account.open_own(server.root / "server.lock", os.O_RDWR))
        psql = service_account.runnable(server.binaries, server.account) / "psql"
        account = server.account
        arguments = [str(server.root), str(psql), make_conninfo(conninfo(server), dbname="postgres")]
        arguments += [str(number) for number in (account.uid, account.gid, lock)]
        with _log(server) as log:
            process = subprocess.Popen(
                # Without site-packages it starts at once and stays small.
                [sys.executable, "-S", "-P", "-m", supervisor.__name__, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=server.root,
                env={**cluster.environment(), "PYTHONPATH": str(settings.PACKAGE.parent)},
                pass_fds=(lock,),
                start_new_session=True,
            )
    process.returncode = 0  # it outlives us: no warning that nobody waited for it


def _stop_unless_used(server: LocalServer) -> None:
    """Stop the server, unless other programs are connected: then the supervisor will."""
    deadline = time.monotonic() + FAREWELL_SECONDS
    try:
        with psycopg.connect(make_conninfo(conninfo(server), dbname="postgres")) as connection:
            while connection.execute(supervisor.CLIENTS).fetchone() != (0,):
                if time.monotonic() > deadline:
                    return
                connection.rollback()
                time.sleep(POLL_SECONDS)
    except psycopg.OperationalError:
        return
    stop_owner(server.data)


def _bring_up(server: LocalServer, notify: Notify, autocommit: bool) -> LocalConnection:
    cluster.check_version(server.root, server.binaries.major)
    with locks.locked(server.root / "start.lock", wait=True) as lock:
        assert lock is not None
        _rotate_log(server)
        if not (server.data / "PG_VERSION").exists():
            _initialise(server, lock)
            notify(_created(server))
        return _connect_or_start(server, autocommit)


def _connect_or_start(server: LocalServer, autocommit: bool) -> LocalConnection:
    """Connect to a server that runs, comes up, goes down or is gone; the caller has the lock."""
    deadline = time.monotonic() + START_SECONDS
    process: subprocess.Popen[bytes] | None = None
    log_start = 0
    while True:
        try:
            connection = LocalConnection.connect(conninfo(server), autocommit=autocommit)
        except psycopg.OperationalError as error:
            reason = str(error).partition("\n")[0]
            if cluster.is_refusal(reason):
                raise DatabaseError(f"the local PostgreSQL: {reason}", hint=USE_ANOTHER) from error
        else:
            if process is not None:
                process.returncode = 0  # it outlives us: no warning that nobody waited for it
            return connection
        if process is not None and process.poll() is not None:
            said = cluster.blame_log(server.log, log_start)
            if "still in use" not in said:  # by children of a killed server: they soon go
                raise DatabaseError(f"PostgreSQL does not start: {said}", hint=f"see {server.log}")
            process = None
        if process is None:
            log_start = _size(server.log)
            process = _start_unless_alive(server)
        if time.monotonic() > deadline:
            said = cluster.blame_log(server.log, log_start) or reason
            message = f"PostgreSQL does not answer after {START_SECONDS:.0f} s: {said}"
            raise DatabaseError(message, hint=f"see {server.log}")
        time.sleep(POLL_SECONDS)


def _start_unless_alive(server: LocalServer) -> subprocess.Popen[bytes] | None:
    """Start the server, unless processes of one still live: nothing else may touch its files."""
    with locks.locked(server.root / "server.lock", wait=False) as lock:
        if lock is None or postmaster.owner_pid(server.data) is not None:
            if postmaster.has_lost_socket(server.data):
                stop_owner(server.data)  # it answers nobody
            return None
        postmaster.clear_stale(server.data, _socket(server))
        _configure(server)
        service_account.make_private(server.socket_dir, server.account)
        quoted = str(server.socket_dir).replace('"', '""')  # the setting is a list of names
        program = service_account.runnable(server.binaries, server.account) / "postgres"
        with _log(server) as log:
            return subprocess.Popen(
                [program, "-D", server.data, "-p", str(PORT), "-k", f'"{quoted}"'],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=server.root,
                env=cluster.environment(),
                pass_fds=(lock,),
                start_new_session=True,  # a Ctrl-C in the terminal is not for the server
                **server.account.popen_options(),
            )


def _configure(server: LocalServer) -> None:
    """Write this version's settings, and access rules for whoever runs it now."""
    # Both can read the files anyway; as root, programs like pg_upgrade run under the account.
    users = {server.account.name, service_account.current_name()}
    text = settings_text(server.binaries.major)
    files = {"mlpredict.conf": text, **cluster.access_rules(NAME, users)}
    for name, text in files.items():
        service_account.write(server.data / name, text)


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
        service_account.give(partial, server.account)
        for command, text in cluster.initialisation(partial, server.binaries.major, NAME):
            options = {"pass_fds": (lock,), **server.account.popen_options()}
            cluster.run([str(bindir / command[0]), *command[1:]], text, server.root, options)
        partial.rename(server.data)
        service_account.sync_directory(server.root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _created(server: LocalServer) -> str:
    text = f"created a private PostgreSQL {server.binaries.major} in {server.root}"
    if server.wanted == server.root.parent:
        return text
    return f"{text}, as {server.account.name}, who runs it for root, cannot enter {server.wanted}"


def _socket(server: LocalServer) -> Path:
    return server.socket_dir / f".s.PGSQL.{PORT}"


def _socket_dir(root: Path, account: Account) -> Path:
    inside = str(root / "run")
    # libpq takes UTF-8, and a comma for the start of another host.
    speakable = "," not in inside and inside.isprintable()
    if speakable and len(os.fsencode(inside)) + len(f"/.s.PGSQL.{PORT}") <= SOCKET_PATH_BYTES:
        return Path(inside)
    # Where the running server put it, though TMPDIR may name another place by now.
    running = postmaster.recorded_socket(root / "data")
    return running.parent if running else service_account.runtime_directory(root, account)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _rotate_log(server: LocalServer) -> None:
    if _size(server.log) > LOG_BYTES:
        server.log.replace(server.log.with_suffix(".log.1"))


@contextlib.contextmanager
def _log(server: LocalServer) -> Iterator[int]:
    file = service_account.open_own(server.log, os.O_WRONLY | os.O_APPEND)
    try:
        yield file
    finally:
        os.close(file)


@contextlib.contextmanager
def explained(server: LocalServer | None = None) -> Iterator[None]:
    """The operating system's errors (full disk, no permission) as ours, and a full disk as that."""
    try:
        try:
            yield
        except OSError as error:
            where = f" {error.filename}:" if error.filename else ""
            message = f"the local PostgreSQL:{where} {error.strerror}"
            raise DatabaseError(message, hint=USE_ANOTHER) from error
    except DatabaseError as error:
        better = error if server is None else disk.explained(error, server.root)
        if better is error:
            raise
        raise better from error
