"""The Typer app: the commands and what they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpredict.cli import db
from mlpredict.cli.compare import compare
from mlpredict.cli.delete import delete
from mlpredict.cli.export import export
from mlpredict.cli.failures import failures
from mlpredict.cli.help import help_, print_version, version
from mlpredict.cli.ids import CommandOfIds
from mlpredict.cli.init_db import init_db
from mlpredict.cli.label import label
from mlpredict.cli.layout import GENERAL, App
from mlpredict.cli.listing import list_predictions
from mlpredict.cli.model import model
from mlpredict.cli.models import models
from mlpredict.cli.predict import predict
from mlpredict.cli.program import Program
from mlpredict.cli.reporting import report
from mlpredict.cli.runs import runs
from mlpredict.cli.serve import serve
from mlpredict.cli.show import show
from mlpredict.cli.talk import PROGRAM, talk
from mlpredict.errors import UsageError

IMAGES = "Images and models"
ANSWERS = "What is stored"
DATABASE = "The database"
HELP = "Help"
SHELL = "Your shell"

app = App(
    name=PROGRAM,
    cls=Program,
    help="Run a Keras image model over image files and keep every prediction in PostgreSQL.",
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]…",
    # Without rich help starts twice as fast, and errors stay on one line.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    # The program has options of its own for it, which load what they need when they are used.
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(
    "predict",
    rich_help_panel=IMAGES,
    epilog="mlpredict predict photos/ --model pets.keras\n"
    "find photos -name '*.jpg' -print0 | mlpredict predict -T - -0",
)(predict)
app.command("model", rich_help_panel=IMAGES, epilog="mlpredict model pets.keras --try cat.jpg dog.jpg")(model)
app.command("serve", rich_help_panel=IMAGES, epilog="mlpredict serve --model pets.keras --port 8080")(serve)
app.command("list", rich_help_panel=ANSWERS, epilog="mlpredict list --label cat --max-score 0.6 --since 7d")(
    list_predictions
)
app.command(
    "show",
    cls=CommandOfIds,
    rich_help_panel=ANSWERS,
    epilog="mlpredict show 14\nmlpredict show 14 --export-image -o cat.jpg",
)(show)
app.command(
    "label",
    rich_help_panel=ANSWERS,
    epilog="mlpredict label 14 cat\nmlpredict label --from-folders val/ --by Ada",
)(label)
app.command("report", rich_help_panel=ANSWERS, epilog="mlpredict report --model pets --html pets.html")(
    report
)
app.command("compare", rich_help_panel=ANSWERS, epilog="mlpredict compare pets pets2 --fail-if-worse")(
    compare
)
app.command("runs", rich_help_panel=ANSWERS, epilog="mlpredict runs\nmlpredict runs last")(runs)
app.command("models", rich_help_panel=ANSWERS, epilog="mlpredict models\nmlpredict models pets")(models)
app.command("failures", rich_help_panel=ANSWERS, epilog="mlpredict failures --run last")(failures)
app.command(
    "export",
    rich_help_panel=ANSWERS,
    epilog="mlpredict export hard/ --wrong\nmlpredict export pets.csv --model pets",
)(export)
app.command(
    "delete",
    rich_help_panel=ANSWERS,
    epilog="mlpredict delete --run 7\nmlpredict delete --older-than 90d --yes\n"
    "mlpredict delete --image me.jpg",
)(delete)
app.command(
    "init-db",
    rich_help_panel=DATABASE,
    epilog="mlpredict init-db --dsn postgresql://me@db.example.org/images",
)(init_db)
app.add_typer(db.app, name="db", rich_help_panel=DATABASE)
app.command("help", rich_help_panel=HELP, epilog="mlpredict help list\nmlpredict help models")(help_)
app.command("version", rich_help_panel=HELP)(version)


def _install_completion(shell: str | None) -> None:
    if shell is not None:
        from mlpredict.cli.shells import install

        install(shell)
        raise typer.Exit


def _show_completion(shell: str | None) -> None:
    if shell is not None:
        from mlpredict.cli.shells import show

        show(shell)
        raise typer.Exit


def _print_version(wanted: bool) -> None:
    if wanted:
        print_version()
        raise typer.Exit


@app.callback()
def _without_command(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "-V",
            "--version",
            help="Print the version.",
            callback=_print_version,
            is_eager=True,
            show_default=False,
            rich_help_panel=GENERAL,
        ),
    ] = False,
    install_completion: Annotated[
        str | None,
        typer.Option(
            "--install-completion",
            metavar="SHELL",
            help="Have a shell complete commands and values: bash, zsh, fish, powershell or pwsh.",
            callback=_install_completion,
            is_eager=True,
            show_default=False,
            rich_help_panel=SHELL,
        ),
    ] = None,
    show_completion: Annotated[
        str | None,
        typer.Option(
            "--show-completion",
            metavar="SHELL",
            help="Print the script that does so.",
            callback=_show_completion,
            is_eager=True,
            show_default=False,
            rich_help_panel=SHELL,
        ),
    ] = None,
) -> None:
    if context.invoked_subcommand is None:
        talk.text(context.get_help())
        raise typer.Exit(UsageError.exit_status)
