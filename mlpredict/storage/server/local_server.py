"""Where a local server's files are, which programs run it, and how it is reached.

Everything lies in one directory named after PostgreSQL's major version:

    pg18/data          the database
    pg18/run           the socket, unless its path would be too long there
    pg18/server.log    what the server says
    pg18/use.lock      held by every command while it uses the server, see `lease`
    pg18/start.lock    held by the one process that initialises, starts or stops the server
    pg18/server.lock   held by the server's processes: the kernel frees it when the last one is gone
    pg18/supervisor.lock  held by the process that stops the server when it is idle, see `supervisor`

The server owns `data` and `run`. An ordinary user owns all of it; as root, the directory and the rest
are root's, and of others only the server's private group may enter it (0710), see `service_account`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mlpredict import settings
from mlpredict.errors import DatabaseError, NoSpace
from mlpredict.storage.patience import PatientConnection
from mlpredict.storage.server import disk, own_files, postmaster, service_account, untrusted
from mlpredict.storage.server.pg_binaries import USE_ANOTHER, PgBinaries, find_binaries
from mlpredict.storage.server.place import NOT_WRITABLE, SET_HOME
from mlpredict.storage.server.service_account import Account
from mlpredict.storage.session_settings import SETTINGS, plain, startup_options

NAME = "mlpredict"
"""Of the database and of its role."""

PORT = 5432
SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
"""What fits into the operating system's `sun_path`."""

DEFAULTS = {
    "client_encoding": "UTF8",
    "max_protocol_version": "3.0",
    "min_protocol_version": "3.0",
    "sslcertmode": "allow",
}
"""Of parameters that are not empty by default, and whose default libpq does not tell."""

CONNECT_SECONDS = 30
"""A server that was stopped by a signal lets everybody connect, and says nothing."""

_service_hidden = threading.Lock()

SETTINGS_BY_VARIABLE = {"PGDATESTYLE": "DateStyle", "PGTZ": "TimeZone", "PGGEQO": "geqo"}
"""What libpq sends from the environment without a connection parameter for it (its `EnvironmentOptions`). The
server takes it after the `options`."""


class LocalServer(NamedTuple):
    """Where a private server is or would be."""

    root: Path
    """Holds everything; `wanted/pg18`, except where root's server cannot live there."""
    socket_dir: Path
    binaries: PgBinaries
    account: Account
    wanted: Path
    """The home that was asked for, links and all."""

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.root / "server.log"

    @property
    def socket(self) -> Path:
        """The socket the server listens on."""
        return self.socket_dir / f".s.PGSQL.{PORT}"

    @property
    def bindir(self) -> Path:
        """The programs (psql, pg_dump, …) that belong to the server."""
        return self.binaries.bindir


def locate(home: Path | None = None, binaries: PgBinaries | None = None) -> LocalServer:
    """Where the server is or would be, run by these programs or the usual ones; makes nothing.

    Raises DatabaseError when this platform has no PostgreSQL for us.
    """
    binaries = binaries or find_binaries()
    asked = (home or settings.data_home()).absolute()
    with as_database_errors():
        root = service_account.root_for(asked, f"pg{binaries.major}")
        # An older version's database is upgraded under the account it has.
        account = service_account.account_for(root)
        return LocalServer(root, _socket_dir(root, account), binaries, account, asked)


def conninfo(server: LocalServer) -> str:
    """What connects to the server, for psycopg and any libpq."""
    return make_conninfo(
        host=str(server.socket_dir),
        hostaddr="",  # else PGHOSTADDR would lead other programs elsewhere
        port=PORT,
        dbname=NAME,
        user=NAME,
        # Never someone else's server in its place.
        **({"requirepeer": server.account.name} if server.account.is_named else {}),
    )


def connect(
    server: LocalServer, *, dbname: str = NAME, autocommit: bool = False, timeout: int = CONNECT_SECONDS
) -> LocalConnection:
    """Connect to a server that runs; raises psycopg.OperationalError where none answers in time."""
    if not server.account.is_named:
        own_files.require_private(server.socket_dir)
    with without_service():
        own = {**parameters(server, dbname), "connect_timeout": str(timeout)}
        connection = LocalConnection.connect(make_conninfo(**own), autocommit=autocommit)
    settle(connection)
    connection.root = server.root
    connection.log_start = server.log.stat().st_size if server.log.exists() else 0
    return connection


def parameters(server: LocalServer, dbname: str = NAME) -> dict[str, str]:
    """What connects this process to the server, whatever `PG*` variables it has: they are for other servers.

    The variables themselves stay as they are: they are the whole process's, and other threads' too.
    """
    own = {name: str(value) for name, value in conninfo_to_dict(conninfo(server)).items()}
    own |= {
        "dbname": dbname,
        "connect_timeout": str(CONNECT_SECONDS),
        "client_encoding": "UTF8",
        "options": startup_options(server.binaries.major),
    }
    for option in pq.Conninfo.get_defaults():
        variable, name = (option.envvar or b"").decode(), option.keyword.decode()
        if variable in os.environ and name not in own:
            own[name] = DEFAULTS.get(name) or (option.compiled or b"").decode()
    return own


@contextlib.contextmanager
def without_service() -> Iterator[None]:
    """Connect in spite of `PGSERVICE`: no parameter overrules it, and libpq fails where it names nothing."""
    if "PGSERVICE" not in os.environ:
        yield
        return
    with _service_hidden:
        service = os.environ.pop("PGSERVICE", None)
        try:
            yield
        finally:
            if service is not None:
                os.environ["PGSERVICE"] = service


def settle(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Undo what libpq makes of variables that it has no parameters for."""
    ours = {name: plain(value) for name, value in SETTINGS}
    for variable, setting in SETTINGS_BY_VARIABLE.items():
        if variable in os.environ:
            connection.execute(
                "SELECT set_config(name, coalesce(%s, boot_val), false) FROM pg_settings WHERE name = %s",
                (ours.get(setting), setting),
            )
    if not connection.autocommit:
        connection.commit()


@contextlib.contextmanager
def as_database_errors(server: LocalServer | None = None) -> Iterator[None]:
    """The operating system's errors (full disk, no permission) as ours, and a full disk as that."""
    try:
        try:
            yield
        except OSError as error:
            where = f" {error.filename}:" if error.filename else ""
            message = f"the local PostgreSQL:{where} {error.strerror}"
            hint = f"{SET_HOME}, or {USE_ANOTHER}" if error.errno in NOT_WRITABLE else USE_ANOTHER
            raise DatabaseError(message, hint=hint) from error
    except DatabaseError as error:
        better = None if server is None else disk.full_error(error, server.root)
        if better is None:
            raise
        raise better from error


def _socket_dir(root: Path, account: Account) -> Path:
    inside = str(root / "run")
    # libpq takes UTF-8, and a comma for the start of another host.
    speakable = "," not in inside and inside.isprintable()
    if speakable and len(os.fsencode(inside)) + len(f"/.s.PGSQL.{PORT}") <= SOCKET_PATH_BYTES:
        return Path(inside)
    # Where the running server put it, though TMPDIR may name another place by now. Root has one place,
    # and believes no file of another account.
    running = postmaster.recorded_socket(root / "data") if account.is_ours else None
    return running.parent if running else service_account.runtime_directory(root, account)


class LocalConnection(PatientConnection):
    """A connection to the local server, which is not stopped for idleness before it is closed."""

    settled = True
    root: Path
    """Where the server's files are."""
    log_start: int
    """The size of the server's log when the connection was made."""
    on_close: Callable[[], None] | None = None
    """Ends the use of the server."""

    def close(self) -> None:
        """Disconnect, and stop using the server."""
        super().close()
        if self.on_close is not None:
            self.on_close()

    def full_error(self, error: DatabaseError) -> NoSpace | None:
        """A better error where the server's disk is full; None where an error has another reason."""
        try:
            with open(self.root / "server.log", "rb") as log:
                log.seek(self.log_start)
                said = log.read(untrusted.MOST_BYTES).decode(errors="replace")
        except OSError:
            said = ""  # a directory that is gone has its own error
        return disk.full_error(error, self.root, said)
