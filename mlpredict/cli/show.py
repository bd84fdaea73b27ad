"""`mlpredict show`: everything about a prediction, and its image."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpredict import settings
from mlpredict.cli import completion
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
from mlpredict.domain import FIELDS, Format, PredictionDetail
from mlpredict.errors import NotFound, UsageError

STDOUT = "-"

EXPORT = "Export"

Ids = Annotated[
    list[int],
    typer.Argument(
        metavar="ID…",
        help="Predictions, by the ids that list shows.",
        autocompletion=completion.prediction,
    ),
]
ExportImage = Annotated[
    bool,
    typer.Option(
        "--export-image",
        help="Write the stored image instead.",
        show_default=False,
        rich_help_panel=EXPORT,
    ),
]
ExportMap = Annotated[
    bool,
    typer.Option(
        "--export-map",
        help="Write the class of each pixel instead, as a PNG, where the model keeps it (keep_map = true).",
        show_default=False,
        rich_help_panel=EXPORT,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="PATH",
        help="File or folder for what is exported, - for stdout; else the image's own name, in this folder.",
        show_default=False,
        rich_help_panel=EXPORT,
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Overwrite files.", show_default=False, rich_help_panel=EXPORT),
]


def show(
    ids: Ids,
    export_image: ExportImage = False,
    export_map: ExportMap = False,
    output: Output = None,
    force: Force = False,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    columns: Columns = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show predictions whole, with their pictures.

    That is the file, the label, the model, the time, and the probability of each class. What is wrong
    with one of them is said, and the others are shown.
    """
    _check_usage(ids, output, force=force, image=export_image, map_=export_map)
    chosen = chosen_format(format_, as_json)
    shown = chosen_columns(columns, FIELDS)

    from mlpredict.storage.repository import open_repository

    problems = Problems()
    details: list[PredictionDetail] = []
    maps: dict[int, bytes] = {}
    with open_repository(dsn or settings.dsn()) as repository:
        for prediction_id in ids:
            with problems.told(NotFound):
                details.append(repository.detail(prediction_id))
                if export_map:
                    maps[len(details) - 1] = repository.map(prediction_id)
    if export_image or export_map:
        from mlpredict.cli.saved_image import require_folder, write_image, write_map
        from mlpredict.inputs.kept import ImageUnavailable
        from mlpredict.support.whole_file import FileNotWritten

        if len(ids) > 1:
            require_folder(output)
        for place, detail in enumerate(details):
            with problems.told(ImageUnavailable, FileNotWritten):
                if export_image:
                    write_image(detail, output, force=force)
                elif place in maps:
                    write_map(detail, maps[place], output, force=force)
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


def _check_usage(ids: list[int], output: str | None, *, force: bool, image: bool, map_: bool) -> None:
    if image and map_:
        raise UsageError("--export-image and --export-map exclude each other")
    if not (image or map_):
        if output is not None or force:
            raise UsageError("-o and --force go with --export-image or --export-map")
        return
    if output == STDOUT and len(ids) > 1:
        raise UsageError("-o -: one image at a time")
    if output == STDOUT and stdout_is_terminal():
        raise UsageError("-o -: stdout is a terminal: pipe it somewhere, or name a file")
