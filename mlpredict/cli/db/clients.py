"""`mlpredict db url` and `db psql`: how other programs reach the database."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpredict import settings
from mlpredict.cli.options import Dsn, Quiet, Verbose
from mlpredict.cli.stdout import write_data

Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- ARG…]", help="What psql is given.", show_default=False),
]


def url(dsn: Dsn = None, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Print a URL for psql, pgAdmin and any client.

    It has no password in it. The local server is started for it.
    """
    from mlpredict.storage.maintenance import clients
    from mlpredict.storage.maintenance.clients import as_url

    with clients.reached(dsn or settings.dsn()) as target:
        write_data(f"{as_url(target.parameters)}\n".encode())


def psql(
    arguments: Arguments = None, dsn: Dsn = None, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Open psql on the database.

    What follows -- goes to psql.
    """
    from mlpredict.storage.maintenance import clients

    with clients.reached(dsn or settings.dsn()) as target:
        status = clients.hand_over(target.command("psql", *(arguments or ())), target.environment)
    raise typer.Exit(status)
