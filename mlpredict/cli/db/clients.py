"""`mlpredict db url`: how other programs reach the database."""

from __future__ import annotations

from mlpredict.cli.consoles import talk, write_data
from mlpredict.cli.options import Dsn, Quiet, Verbose


def url(dsn: Dsn = None, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Print a DSN that psql, pgAdmin and any client take; the local server is started for it."""
    from mlpredict.storage import local_server

    server = local_server.locate()
    with local_server.attached(server, talk.notice) as conninfo:
        write_data(f"{conninfo}\n".encode())
