"""The Typer app, and the one place where errors become messages and exit statuses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mlpredict import __version__
from mlpredict.cli.consoles import (
    PROGRAM,
    OutputClosed,
    abandon_stdout,
    close_stdout,
    talk,
    write_data,
)
from mlpredict.cli.init_db import init_db
from mlpredict.cli.listing import list_predictions
from mlpredict.cli.predict import predict
from mlpredict.cli.show import show
from mlpredict.errors import MlpredictError, OutputError, UsageError

INTERRUPTED = 130

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
app.command("init-db")(init_db)


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit status, with the error said where there was one."""
    try:
        status = _invoke(arguments)
        close_stdout()
    except OutputClosed as error:
        abandon_stdout()
        status = error.exit_status
    except OutputError as error:
        status = _report(error)
        abandon_stdout()
    except MlpredictError as error:
        status = _report(error)
    return status


def _invoke(arguments: Sequence[str]) -> int:
    try:
        status = app(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = PROGRAM if context is None else context.command_path
        talk.error(f"{_lower_first(error.format_message()).rstrip('.')}; see {command} --help")
        return error.exit_code
    if status == INTERRUPTED:
        talk.error("interrupted")
    return status if isinstance(status, int) else 0


def _report(error: MlpredictError) -> int:
    talk.error(f"{error.message}; {error.hint}" if error.hint else error.message)
    if talk.verbose:
        import traceback

        talk.traceback(traceback.format_exception(error))
    return error.exit_status


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
