"""The Typer app: the commands and what they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpredict.cli.layout import GENERAL, App
from mlpredict.cli.program import Program
from mlpredict.cli.talk import PROGRAM, talk
from mlpredict.errors import UsageError

SHELL = "Your shell"


def make_app() -> typer.Typer:
    """The app, whose commands are made when they are asked for."""
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
    app.callback()(_without_command)
    return app


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
        from mlpredict.cli.help import print_version

        print_version()
        raise typer.Exit


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
