"""`mlpredict db start`, `stop`, `upgrade` and `destroy`: the local server's life."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpredict import settings
from mlpredict.cli.asking import confirm
from mlpredict.cli.options import Dsn, Quiet, Verbose
from mlpredict.cli.talk import talk
from mlpredict.errors import UsageError

Force = Annotated[
    bool,
    typer.Option("--force", help="Disconnect commands that are using it.", show_default=False),
]
OldBindir = Annotated[
    Path | None,
    typer.Option(
        "--old-bindir",
        metavar="DIR",
        help="Where the older PostgreSQL's programs are, if they are not found by themselves.",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.", show_default=False)]


def start(dsn: Dsn = None, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Start the local PostgreSQL.

    Commands do so themselves.
    """
    local_only(dsn, "start")
    from mlpredict.storage.server import lifecycle, local_server

    server = local_server.locate()
    with lifecycle.attached(server):
        pid = lifecycle.owner_pid(server)
        talk.notice(f"the local PostgreSQL in {server.root} runs (process {pid}); {_lingering()}")


def stop(dsn: Dsn = None, force: Force = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Stop the local PostgreSQL.

    The next command starts it again.
    """
    local_only(dsn, "stop")
    from mlpredict.storage.server import lifecycle, local_server

    server = local_server.locate()
    if force:
        stopped = lifecycle.stop(server)
    else:
        stopped = lifecycle.is_running(server) and lifecycle.stop_unused(server)
    said = "is stopped" if stopped else "was not running"
    talk.notice(f"the local PostgreSQL in {server.root} {said}")


def upgrade(
    old_bindir: OldBindir = None, dsn: Dsn = None, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Carry the database over to a newer PostgreSQL.

    It is made by pg_upgrade out of that of an older one. The old one is removed when the new one has all
    rows. Safe to repeat, also after it was killed.
    """
    local_only(dsn, "upgrade")
    from mlpredict.storage.maintenance.upgrade import upgrade as upgrade_database

    upgrade_database(old_bindir)


def destroy(dsn: Dsn = None, yes: Yes = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Remove the local PostgreSQL and all its rows."""
    local_only(dsn, "destroy")
    from mlpredict.storage.maintenance.destroy import destroy as remove
    from mlpredict.storage.maintenance.destroy import remains
    from mlpredict.storage.server import local_server

    server = local_server.locate()
    if not remains(server):
        talk.notice(f"there is no local PostgreSQL in {server.root.parent}")
        return
    confirm(f"Remove the database in {server.root.parent} with every input and prediction?", yes=yes)
    remove(server)
    talk.notice(f"removed the database in {server.root.parent}")


def local_only(dsn: str | None, command: str) -> None:
    """Refuse a DSN: its server is not ours to start or stop.

    Raises:
        UsageError: there is a DSN.
    """
    if dsn is not None:
        raise UsageError(f"db {command} is for the local PostgreSQL; --dsn names another")


def _lingering() -> str:
    linger = settings.linger_seconds()
    if linger < 0:
        return "it runs until mlpredict db stop"
    if linger == 0:
        return "it stops with this command, as MLPREDICT_PG_LINGER is 0"
    return f"it stops when it has not been used for {linger:g} s"
