"""`mlpredict show`: everything about a prediction, and its image."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpredict import settings
from mlpredict.cli.options import (
    AsJson,
    Columns,
    Dsn,
    FormatChoice,
    Quiet,
    Verbose,
    chosen_columns,
    chosen_format,
)
from mlpredict.cli.stdout import stdout_is_terminal
from mlpredict.cli.talk import Problems
from mlpredict.domain import FIELDS, Format
from mlpredict.errors import NotFound, UsageError

STDOUT = "-"

Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="Predictions, by the ids that list shows.")]
ExportImage = Annotated[
    bool, typer.Option("--export-image", help="Write the stored image instead.", show_default=False)
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="PATH",
        help="File or folder for --export-image, - for stdout; else the image's own name, in this folder.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files.", show_default=False)]


def show(
    ids: Ids,
    export_image: ExportImage = False,
    output: Output = None,
    force: Force = False,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show predictions whole: model, file, time, all probabilities, and the picture.

    What is wrong with one of them is said, and the others are shown.
    """
    if not export_image and (output is not None or force):
        raise UsageError("-o and --force go with --export-image")
    if export_image and output == STDOUT and len(ids) > 1:
        raise UsageError("-o -: one image at a time")
    if export_image and output == STDOUT and stdout_is_terminal():
        raise UsageError("-o -: stdout is a terminal: pipe it somewhere, or name a file")
    chosen = chosen_format(format_, as_json)
    shown = chosen_columns(columns, FIELDS)

    from mlpredict.storage.repository import open_repository

    problems = Problems()
    details = []
    with open_repository(dsn or settings.dsn()) as repository:
        for prediction_id in ids:
            with problems.told(NotFound):
                details.append(repository.detail(prediction_id))
    if export_image:
        from mlpredict.cli.saved_image import require_folder, write_image
        from mlpredict.inputs.kept import ImageUnavailable
        from mlpredict.support.whole_file import FileNotWritten

        if len(ids) > 1:
            require_folder(output)
        for detail in details:
            with problems.told(ImageUnavailable, FileNotWritten):
                write_image(detail, output, force=force)
    elif chosen is Format.TABLE:
        from mlpredict.cli.portrait import print_portrait

        for detail in details:
            print_portrait(detail)
    elif details:
        from mlpredict.cli.output import write_records
        from mlpredict.support.json_text import prediction_fields

        write_records((prediction_fields(detail.record) for detail in details), chosen, shown)
    if problems.status:
        raise typer.Exit(problems.status)
