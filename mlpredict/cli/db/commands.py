"""The commands of `mlpredict db`."""

from __future__ import annotations

import typer

from mlpredict.cli.db.clients import url

# Help and errors as the main app gives them.
app = typer.Typer(rich_markup_mode=None)
app.command("url")(url)


@app.callback()
def _group() -> None:
    """Keep a single command from taking the group's place."""
