"""`mlpredict db`: what can be done with the database itself.

Its commands are built only when one of them is asked for: every other command starts without them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import typer
import typer.core
import typer.main

from mlpredict.cli.layout import Group
from mlpredict.cli.talk import talk
from mlpredict.errors import UsageError

HELP = """Look after the database.

That is the local PostgreSQL, or for url, psql, dump, restore, partition and sweep the one of --dsn.
"""


class LazyDbGroup(Group):
    """Stands for the group in `mlpredict.cli.db.commands` until somebody looks into it."""

    @cached_property
    def _real(self) -> typer.core.TyperGroup:
        from mlpredict.cli.db import commands

        return typer.main.get_group(commands.app)

    def list_commands(self, ctx: Any) -> list[str]:
        return self._real.list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self._real.get_command(ctx, cmd_name)


app = typer.Typer(
    cls=LazyDbGroup,
    help=HELP,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]…",
    rich_markup_mode=None,
)


@app.callback()
def _without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        talk.text(context.get_help())
        raise typer.Exit(UsageError.exit_status)
