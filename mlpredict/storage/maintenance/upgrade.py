"""Carry the database of an older PostgreSQL over to the installed one.

At every moment there is one database for the other commands, and it has all rows:

    pg16/data              the old one: the only one, until
    pg18/upgrade-…/data    a copy of it in the new format is complete, and renamed to
    pg18/data              the new one, which counts from then on; its `upgraded.json` says where
                           it came from, until it has given all rows and the old one is removed
    pg16/upgraded          the old one while it is being removed
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg import sql

from mlpredict.errors import DatabaseError
from mlpredict.storage.connection import Connection, translated
from mlpredict.storage.maintenance.pg_upgrade import Copying
from mlpredict.storage.server import (
    data_directory,
    ending,
    lifecycle,
    local_server,
    locks,
    own_files,
    pg_binaries,
    service_account,
    untrusted,
)
from mlpredict.storage.server.disk import space_at
from mlpredict.storage.server.local_server import LocalServer
from mlpredict.support.logs import get_logger
from mlpredict.support.units import in_bytes

logger = get_logger(__name__)

ORIGIN_FILE = "upgraded.json"
ON_ITS_WAY_OUT = "upgraded"
REFUSED = "upgrade-refused"
LOGS = "failed-upgrade"

SPARE_BYTES = 200_000_000
"""For what a new database has of its own, before any rows."""

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Origin:
    """The database another one was made from."""

    major: int
    control_sha256: str
    """Of its `pg_control`, as it was left: every later use changes that."""
    rows: dict[str, int]
    """How many each of its tables has."""


def upgrade(old_bindir: Path | None, home: Path | None = None) -> None:
    """Replace an older PostgreSQL's database in the home by one of the installed version, same rows.

    `old_bindir` has the older programs, where neither the wheel nor the system has them in a usual
    place. A call that was killed is finished by the next one.

    Raises:
        DatabaseError: a command is using the database, space or the older programs are missing,
            `pg_upgrade` refuses, or the new database lacks rows. The old one is then as it was.
    """
    new = local_server.locate(home)
    if not new.account.is_named:
        raise service_account.nameless_error(new.account.uid)
    with local_server.as_database_errors():
        found = data_directory.databases(new.root.parent)
        if not found:
            logger.info(f"nothing to upgrade: there is no database in {new.root.parent}")
            return
        with lifecycle.exclusively(new):
            if (new.data / "PG_VERSION").exists():
                _finish(new)
                return
            if max(found) > new.binaries.major:
                data_directory.check_version(new.root, new.binaries.major)
            binaries = pg_binaries.find_older(max(found), old_bindir)
            old = local_server.locate(new.wanted, binaries)
            with lifecycle.exclusively(old), _lock_of_children(old, new) as lock:
                _carry_over(old, new, lock)


def _carry_over(old: LocalServer, new: LocalServer, lock: int) -> None:
    if not old.data.exists():  # else it would be made anew, empty
        raise DatabaseError(f"{old.data} was removed meanwhile")
    _clear_abandoned(new)
    size = _size(old.data)
    _require_space(new.root, size + SPARE_BYTES)
    versions = f"from PostgreSQL {old.binaries.major} to {new.binaries.major}"
    logger.info(f"carrying {in_bytes(size)} over {versions}: do not use the database meanwhile")
    rows, settings = _survey(old)
    # Only a server that has been stopped leaves what pg_upgrade takes: a killed one has run till here.
    lifecycle.stop(old)
    with _staging(old, new, lock) as copying:
        copying.make()
        for name, reason in copying.adopt(settings).items():
            logger.warning(f"the setting {name} is not carried over: {reason}")
        _write_origin(copying.data, Origin(old.binaries.major, _control_sha256(old.data), rows))
        copying.sync()
        copying.data.rename(new.data)
        own_files.sync_directory(new.root)
    try:
        _ask(new, rows)
    except DatabaseError as error:
        _withdraw(new)
        message = f"{error.message}; {old.data} is as it was"
        raise DatabaseError(message, hint=error.hint or f"see {new.log}") from error
    _remove(old)
    (new.data / ORIGIN_FILE).unlink()
    logger.info(f"PostgreSQL {new.binaries.major} has all rows in {new.data}; {old.root} is removed")


def _finish(new: LocalServer) -> None:
    """Remove an old database that was carried over by a call that did not come to its end."""
    _clear_abandoned(new)
    origin = _read_origin(new.data)
    if origin is None:
        logger.info(f"nothing to upgrade: {new.data} is PostgreSQL {new.binaries.major}'s already")
        return
    old = _server_beside(new, origin.major)
    if old.root.exists():
        with lifecycle.exclusively(old):
            if old.data.exists() and _control_sha256(old.data) != origin.control_sha256:
                raise DatabaseError(
                    f"{old.data} was used after it had been carried over to {new.data}",
                    hint="both may have rows of their own: keep one, and move the other out of the way",
                )
            _ask(new, origin.rows)
            _remove(old)
    (new.data / ORIGIN_FILE).unlink()
    logger.info(f"finished the upgrade to PostgreSQL {new.binaries.major} in {new.data}")


def _survey(old: LocalServer) -> tuple[dict[str, int], dict[str, str]]:
    """The rows of each table, and what was set with ALTER SYSTEM."""
    with translated(), lifecycle.open_connection(old, autocommit=True) as connection:
        found = connection.execute(
            "SELECT name, setting FROM pg_file_settings"
            " WHERE sourcefile LIKE '%/postgresql.auto.conf' AND setting IS NOT NULL ORDER BY seqno"
        )
        settings = {str(name): str(setting) for name, setting in found}
        return _count_rows(connection), settings


def _ask(new: LocalServer, rows: dict[str, int]) -> None:
    """Have the new server, started as always, show that it lacks no rows."""
    with translated(), lifecycle.open_connection(new, autocommit=True) as connection:
        present = _count_rows(connection)
        for table, number in rows.items():
            has = present.get(table, 0)
            if has < number:
                message = f"PostgreSQL {new.binaries.major} has {has:,} of {number:,} rows of {table}"
                raise DatabaseError(message)
        # pg_upgrade carries no statistics over before 18, and after it not all; and a server that
        # has not counted the rows itself does not know when to analyse them again.
        connection.execute("ANALYZE")


def _count_rows(connection: Connection) -> dict[str, int]:
    """The number of rows of every table that is not the system's."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
    ).fetchall()
    rows = {}
    for table in tables:
        counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table)))
        rows[".".join(table)] = int(counted.fetchall()[0][0])
    return rows


@contextlib.contextmanager
def _staging(old: LocalServer, new: LocalServer, lock: int) -> Iterator[Copying]:
    """A directory to make the copy in; nothing of it stays but pg_upgrade's logs when it fails."""
    staging = Path(tempfile.mkdtemp(prefix="upgrade-", dir=new.root))
    own_files.give(staging, new.account)
    copying = Copying(old, new, staging, lock)
    logs = new.root / LOGS
    try:
        yield copying
    except DatabaseError as error:
        if copying.logs.exists():
            shutil.rmtree(logs, ignore_errors=True)
            copying.logs.rename(logs)
            error.hint = f"{old.data} is as it was; see {logs}"
        raise
    else:
        shutil.rmtree(logs, ignore_errors=True)
    finally:
        _stop_servers_of_children(old, new)
        shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def _lock_of_children(old: LocalServer, new: LocalServer) -> Iterator[int]:
    """A lock that pg_upgrade and all it starts inherit: none of a killed upgrade's may live on."""
    told = False
    while True:
        with locks.locked(new.root / "upgrade.lock", wait=False) as lock:
            if lock is not None:
                yield lock
                return
        if not told:
            logger.info("waiting for the end of an upgrade that was killed")
            told = True
        _stop_servers_of_children(old, new)
        time.sleep(POLL_SECONDS)


def _stop_servers_of_children(old: LocalServer, new: LocalServer) -> None:
    """Stop what pg_upgrade has started and left behind: without its servers it ends by itself."""
    for data in (old.data, *new.root.glob("upgrade-*/data")):
        ending.stop_owner(data)


def _clear_abandoned(new: LocalServer) -> None:
    for abandoned in new.root.glob("upgrade-*"):
        shutil.rmtree(abandoned, ignore_errors=True)


def _withdraw(new: LocalServer) -> None:
    """Let the old database count again."""
    lifecycle.stop(new)
    aside = new.root / REFUSED
    new.data.rename(aside)
    own_files.sync_directory(new.root)
    shutil.rmtree(aside, ignore_errors=True)


def _remove(old: LocalServer) -> None:
    if old.data.exists():
        old.data.rename(old.root / ON_ITS_WAY_OUT)  # half removed it is no database
        own_files.sync_directory(old.root)
    shutil.rmtree(old.root)
    own_files.remove_socket_directory(old.socket_dir, old.root)


def _server_beside(new: LocalServer, major: int) -> LocalServer:
    """A server that is only to be kept from being used: it is started no more."""
    root = new.root.with_name(f"pg{major}")
    return new._replace(root=root, socket_dir=root / "run")


def _control_sha256(data: Path) -> str:
    return hashlib.sha256(untrusted.read(data / "global" / "pg_control")).hexdigest()


def _write_origin(data: Path, origin: Origin) -> None:
    own_files.write(data / ORIGIN_FILE, json.dumps(asdict(origin), indent=1) + "\n")


def _read_origin(data: Path) -> Origin | None:
    file = data / ORIGIN_FILE
    try:
        said = json.loads(untrusted.read(file))
        rows = {str(table): int(number) for table, number in said["rows"].items()}
        return Origin(int(said["major"]), str(said["control_sha256"]), rows)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatabaseError(f"{file} does not say where the database came from", hint="remove it") from error


def _require_space(directory: Path, needed: int) -> None:
    free = space_at(directory).free
    if free < needed:
        raise DatabaseError(
            f"the copy needs {in_bytes(needed)}, and {in_bytes(needed - free)} of that are missing "
            f"in {directory}",
            hint="make room there; nothing has been changed",
        )


def _size(data: Path) -> int:
    """The bytes of what pg_upgrade copies: all but the log of what was written last."""
    total = 0
    for folder, folders, files in os.walk(data):
        if folder == str(data) and "pg_wal" in folders:
            folders.remove("pg_wal")
        total += sum(os.lstat(os.path.join(folder, name)).st_size for name in files)
    return total
