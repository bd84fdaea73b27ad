"""Opening a connection, and turning the driver's errors into ours."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from mlpredict.errors import (
    BeingMoved,
    Cancelled,
    DatabaseError,
    DatabaseRefuses,
    NotPermitted,
    ReadOnly,
    SchemaOutdated,
    TransientDatabaseError,
    UsageError,
)
from mlpredict.storage.patience import PatientConnection
from mlpredict.storage.refusals import (
    INSUFFICIENT_PRIVILEGE,
    QUERY_CANCELED,
    READ_ONLY_HINT,
    READ_ONLY_TRANSACTION,
    hint_for,
    is_lasting,
    is_shut_out,
)
from mlpredict.storage.server.local_server import LocalConnection

Connection = psycopg.Connection[tuple[Any, ...]]

# What the driver ignores while an error is on its way it would print on standard error.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


CONNECTION_EXCEPTIONS = "08"
TRANSIENT_STATES = frozenset(
    [
        "23503",  # foreign_key_violation: the input that is to be reused has been deleted just now
        "23505",  # unique_violation: another transaction stored the same just now, and it can be seen by now
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "53300",  # too_many_connections
        "57P01",  # admin_shutdown, which pg_terminate_backend is too
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
        "57P05",  # idle_session_timeout
    ]
)
"""The SQLSTATE of errors that say nothing about the statement (PostgreSQL's appendix A)."""

KINDS: dict[str | None, type[DatabaseError]] = {
    INSUFFICIENT_PRIVILEGE: NotPermitted,
    READ_ONLY_TRANSACTION: ReadOnly,
    QUERY_CANCELED: Cancelled,
}

# A network that is gone says nothing: after this the connection is taken for lost.
KEEPALIVE = {
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "14000",
}

SHOWN = ("host", "port", "dbname", "user")

# With the start-up of the program it leaves an answer within five seconds.
CONNECT_TIMEOUT_SECONDS = 3
CANCEL_SECONDS = 3.0
ENCODING_HINT = "mlpredict init-db with the same --dsn says how to make a database that has every character"
BYTES = r"0x[0-9a-f]{2}(?: 0x[0-9a-f]{2})*"
"""A character in messages of PostgreSQL about encodings."""

MOVING_CHECKS = ("predictions_earlier", "predictions_moving", "predictions_between")
"""What keeps rows out of a table that is made a partition, or is one already."""

MOVING_HINT = (
    "if mlpredict db partition or init-db was ended in the midst of it, have it go on by the same command"
)

INIT_DB_HINT = "run mlpredict init-db with the same --dsn"


def open_connection(dsn: str | None) -> PatientConnection:
    """Connect to `dsn`, or to the local PostgreSQL, which is started where it does not run.

    The connection commits by itself outside `transaction()` blocks.

    Raises:
        DatabaseRefuses: there is no such database or role, or the role may not connect.
        DatabaseError: nothing answers there, or the DSN is not one.
    """
    if dsn is None:
        require_local_platform()
        from mlpredict.storage.server import lifecycle, local_server

        connection: PatientConnection = lifecycle.open_connection(local_server.locate())
    else:
        connection = _connect(dsn)
    connection.autocommit = True
    return connection


def describe(connection: Connection) -> str:
    """Where a connection leads, as a DSN without its password."""
    # Not its `get_parameters`, which looks for the user's home directory.
    given = {
        option.keyword.decode(): option.val.decode(errors="replace")
        for option in connection.pgconn.info
        if option.val and option.val != option.compiled
    }
    return conninfo.make_conninfo(**{key: given[key] for key in SHOWN if key in given})


def place_of(connection: Connection) -> Path | None:
    """The directory of the local server; None for a connection to another one."""
    return connection.root if isinstance(connection, LocalConnection) else None


def cancel(connection: Connection) -> None:
    """Have the server give up the statement that a connection waits for, from another thread."""
    with suppress(psycopg.Error):  # it is lost, and waits for nothing
        connection.cancel_safe(timeout=CANCEL_SECONDS)


def raise_if_full(connection: Connection, error: BaseException | None) -> None:
    """Raise a better error in the place of one whose reason is a full disk."""
    if isinstance(error, DatabaseError) and isinstance(connection, LocalConnection):
        better = connection.full_error(error)
        if better is not None:
            raise better from error


def require_primary(connection: Connection) -> None:
    """Look whether a server stores anything at all.

    Raises:
        DatabaseError: it follows another server.
    """
    # The server tells by itself, before PostgreSQL 14 and through some poolers only when it refuses.
    if connection.info.parameter_status("in_hot_standby") == "on":
        message = f"{describe(connection)} is a standby, which stores nothing of its own"
        raise DatabaseError(message, hint=READ_ONLY_HINT)


def require_local_platform() -> None:
    """Look whether the local PostgreSQL can be run on this platform.

    Raises:
        DatabaseError: its modules cannot be imported here.
    """
    if os.name != "posix":
        raise DatabaseError("no local PostgreSQL on this platform", hint="name one with --dsn")


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the driver leave the storage layer as ours, on one line and without a password."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise SchemaOutdated(_first_line(str(error)), hint=INIT_DB_HINT) from error
    except psycopg.errors.UntranslatableCharacter as error:
        raise DatabaseRefuses(_unheld(error) or _first_line(str(error)), hint=ENCODING_HINT) from error
    except psycopg.errors.InvalidRegularExpression as error:
        raise UsageError(f"not a pattern: {_first_line(str(error))}") from error
    except psycopg.errors.CheckViolation as error:
        if error.diag.constraint_name in MOVING_CHECKS:
            raise BeingMoved(hint=MOVING_HINT) from error
        raise DatabaseRefuses(_first_line(str(error)), hint=hint_for(error)) from error
    except psycopg.Error as error:
        raise _kind_of(error)(_first_line(str(error)), hint=hint_for(error)) from error


def _unheld(error: psycopg.Error) -> str | None:
    """Which character the database cannot hold, from a message in whatever language."""
    found = re.search(BYTES, str(error))
    try:
        return (
            f"the database's encoding has no {bytes.fromhex(found[0].replace('0x', '')).decode()}"
            if found
            else None
        )
    except UnicodeDecodeError:
        return None  # one that the database has, and UTF-8 has not


def _kind_of(error: psycopg.Error) -> type[DatabaseError]:
    if _is_transient(error):
        return TransientDatabaseError
    return KINDS.get(error.sqlstate, DatabaseRefuses if is_lasting(error) else DatabaseError)


def _is_transient(error: psycopg.Error) -> bool:
    if error.sqlstate is None:  # the driver's own: there is no connection any more
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return error.sqlstate in TRANSIENT_STATES or error.sqlstate.startswith(CONNECTION_EXCEPTIONS)


def connection_parameters(dsn: str) -> dict[str, Any]:
    """What connects to `dsn`, and notices when the network is gone.

    Raises:
        DatabaseError: it is no DSN.
    """
    # The local PostgreSQL has none.
    from mlpredict.storage.dsn import parse

    parameters = parse(dsn)
    parameters.setdefault("connect_timeout", str(CONNECT_TIMEOUT_SECONDS))
    parameters.setdefault("application_name", "mlpredict")
    _require_user(parameters)
    # UTF-8 whatever the DSN, PGCLIENTENCODING, the role or the database says. A pooler may have another
    # session for each transaction, and that one not know what this one prepared.
    return {**KEEPALIVE, **parameters, "client_encoding": "UTF8", "prepare_threshold": None}


def _require_user(parameters: dict[str, Any]) -> None:
    """Where nothing names a user libpq asks the system for who this is; an account may have no name.

    Raises:
        DatabaseError: nobody is named.
    """
    said = parameters.get("user") or parameters.get("service")
    if said or os.environ.get("PGUSER") or os.environ.get("PGSERVICE") or os.name != "posix":
        return
    import pwd

    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise DatabaseError(
            f"the DSN names no user, and user {os.geteuid()} has no name on this system",
            hint="postgresql://USER@HOST/DATABASE, user=USER, or PGUSER",
        ) from None


def _connect(dsn: str) -> PatientConnection:
    parameters = connection_parameters(dsn)
    try:
        return PatientConnection.connect(**parameters)
    except psycopg.Error as error:
        from mlpredict.storage.dsn import without_secrets

        said = without_secrets(error, parameters)
        # Nor is a secret in the traceback.
        cause = error if said == str(error) else None
        kind = DatabaseRefuses if is_shut_out(error) else DatabaseError
        raise kind(_first_line(said), hint=hint_for(error)) from cause
    except UnicodeError as error:
        raise DatabaseError("the host is no name that can be looked up") from error


def _first_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[0] if lines else "the database does not say why"
