"""The commands of `mlpredict db`."""

from __future__ import annotations

import typer

from mlpredict.cli.db.clients import psql, url
from mlpredict.cli.db.dumps import dump, restore
from mlpredict.cli.db.lifecycle import destroy, start, stop, upgrade
from mlpredict.cli.db.status import status

# Help and errors as the main app gives them.
app = typer.Typer(rich_markup_mode=None)
app.command("status")(status)
app.command("start")(start)
app.command("stop")(stop)
app.command("url")(url)
app.command("psql")(psql)
app.command("dump")(dump)
app.command("restore")(restore)
app.command("upgrade")(upgrade)
app.command("destroy")(destroy)
