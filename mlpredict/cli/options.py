"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mlpredict.cli import completion
from mlpredict.cli.layout import GENERAL, OUTPUT
from mlpredict.cli.stdout import stdout_is_terminal
from mlpredict.cli.talk import talk
from mlpredict.domain import FIELDS, LAST_RUN, EngineName, Format
from mlpredict.errors import UsageError

MODEL = "Model"
"""The group of the options that say how a model is used."""


def _set_quiet(context: typer.Context, given: bool) -> bool:
    if context.resilient_parsing:  # a TAB, at which nothing is said
        return given
    talk.quiet = talk.quiet or given
    # Every command that does something has this option, and --help ends before it is looked at.
    from mlpredict.cli import log_handler

    log_handler.listen()
    return given


def _set_verbose(given: bool) -> bool:
    talk.verbose = talk.verbose or given
    return given


Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        metavar="DSN",
        help="PostgreSQL to use, else $MLPREDICT_DSN, else the local one that starts by itself.",
        show_default=False,
        rich_help_panel=GENERAL,
    ),
]
ReadDsn = Annotated[
    str | None,
    typer.Option(
        "--read-dsn",
        metavar="DSN",
        help="A read replica of it to ask first, else $MLPREDICT_READ_DSN.",
        show_default=False,
        rich_help_panel=GENERAL,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "-q",
        "--quiet",
        help="Say nothing but errors.",
        callback=_set_quiet,
        show_default=False,
        rich_help_panel=GENERAL,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="Say more; tracebacks for errors.",
        callback=_set_verbose,
        show_default=False,
        rich_help_panel=GENERAL,
    ),
]
ModelPath = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="PATH|NAME",
        autocompletion=completion.model_or_path,
        help="SavedModel folder, .keras, .h5 or .tflite, or the name of a model that was used; else"
        " $MLPREDICT_MODEL, else the digit model.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="A,B|FILE",
        help="The names of the classes, or a file of them; else those of the model or beside it.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
UnsafeModel = Annotated[
    bool,
    typer.Option(
        "--unsafe-model",
        help="Use a model even if it runs code from its file or touches other files.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
EngineChoice = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="What runs the model; auto takes TensorFlow where LiteRT cannot.",
        rich_help_panel=MODEL,
    ),
]
FormatChoice = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="How to print; a table on a terminal and tsv into a pipe.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Short for --format json.", show_default=False, rich_help_panel=OUTPUT),
]
InJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON.", show_default=False, rich_help_panel=OUTPUT),
]
"""For commands that have no --format."""

Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B",
        autocompletion=completion.columns,
        help=f"Columns of table, tsv and csv, in this order, of {', '.join(FIELDS)}.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]


RARE = ("labels", "value", "unit", "true_label")
"""Columns of a table that only some models fill, or those that have labelled images."""


def chosen_format(given: Format | None, as_json: bool) -> Format:
    """The format asked for, or the one that suits who reads standard output.

    Raises:
        UsageError: two different ones are asked for.
    """
    if as_json and given not in (None, Format.JSON):
        raise UsageError(f"--json and --format {given} exclude each other")
    if as_json:
        return Format.JSON
    return given or (Format.TABLE if stdout_is_terminal() else Format.TSV)


def run_number(given: str, option: str = "--run") -> int | Literal["last"]:
    """A run by its number, or the last one.

    Raises:
        UsageError: it is neither.
    """
    if given.strip().lower() == LAST_RUN:
        return LAST_RUN
    try:
        return int(given)
    except ValueError:
        raise UsageError(f"{option} {given}: neither the number of a run nor {LAST_RUN}") from None


def chosen_columns(
    given: str | None, default: tuple[str, ...], available: tuple[str, ...] = FIELDS
) -> tuple[str, ...]:
    """The columns asked for, of those that there are.

    Raises:
        UsageError: one of them does not exist.
    """
    if given is None:
        return default
    columns = tuple(name.strip() for name in given.split(",") if name.strip())
    for name in columns:
        if name not in available:
            raise UsageError(f"--columns: there is no column {name}; there are {', '.join(available)}")
    if not columns:
        raise UsageError(f"--columns: name at least one of {', '.join(available)}")
    return columns
