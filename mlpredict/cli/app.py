"""The Typer app: the commands and what they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpredict import __version__
from mlpredict.cli import db
from mlpredict.cli.compare import compare
from mlpredict.cli.init_db import init_db
from mlpredict.cli.label import label
from mlpredict.cli.listing import list_predictions
from mlpredict.cli.model import model
from mlpredict.cli.predict import predict
from mlpredict.cli.reporting import report
from mlpredict.cli.serve import serve
from mlpredict.cli.show import show
from mlpredict.cli.stdout import write_data
from mlpredict.cli.talk import PROGRAM, talk
from mlpredict.errors import UsageError

app = typer.Typer(
    name=PROGRAM,
    help="Run a Keras image model over image files and keep every prediction in PostgreSQL.",
    invoke_without_command=True,
    # Without rich help starts twice as fast, and errors stay on one line.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("predict")(predict)
app.command("list")(list_predictions)
app.command("show")(show)
app.command("label")(label)
app.command("report")(report)
app.command("compare")(compare)
app.command("model")(model)
app.command("serve")(serve)
app.command("init-db")(init_db)
app.add_typer(db.app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        write_data(f"{PROGRAM} {__version__}\n".encode())
        raise typer.Exit


@app.callback()
def _without_command(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            callback=_print_version,
            is_eager=True,
            show_default=False,
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        talk.text(context.get_help())
        raise typer.Exit(UsageError.exit_status)
