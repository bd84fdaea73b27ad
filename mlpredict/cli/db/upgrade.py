"""`mlpredict db upgrade`: an older PostgreSQL's database for the one that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpredict.cli.db.lifecycle import local_only
from mlpredict.cli.options import Dsn, Quiet, Verbose

OldBindir = Annotated[
    Path | None,
    typer.Option(
        "--old-bindir",
        metavar="DIR",
        help="Where the older PostgreSQL's programs are, if they are not found by themselves.",
        show_default=False,
    ),
]


def upgrade(
    old_bindir: OldBindir = None, dsn: Dsn = None, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Carry the database of an older PostgreSQL over to the installed one, with pg_upgrade.

    The old one is removed when the new one has all rows. Safe to repeat, also after it was killed.
    """
    local_only(dsn, "upgrade")
    from mlpredict.storage.maintenance.upgrade import upgrade as upgrade_database

    upgrade_database(old_bindir)
