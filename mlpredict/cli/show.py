"""`mlpredict show`: everything about a prediction, and its image."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict.cli import completion
from mlpredict.cli.ids import check, ids_of
from mlpredict.cli.options import (
    AsJson,
    Columns,
    Dsn,
    FormatChoice,
    Quiet,
    ReadDsn,
    Verbose,
    chosen_columns,
    chosen_format,
)
from mlpredict.cli.reading import open_reader
from mlpredict.cli.stdout import stdout_is_terminal
from mlpredict.cli.talk import Problems
from mlpredict.domain import FIELDS, Format, PredictionDetail
from mlpredict.errors import NotFound, UsageError

if TYPE_CHECKING:
    from mlpredict.storage.repository import Repository

STDOUT = "-"

EXPORT = "Export"

Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID…",
        help="Predictions, by the ids that list shows; also 6-9, last, or -2 for the second newest.",
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
    read_dsn: ReadDsn = None,
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
    check(ids)
    _check_usage(ids, output, force=force, image=export_image, map_=export_map)
    chosen = chosen_format(format_, as_json)
    shown = chosen_columns(columns, FIELDS)

    problems = Problems()
    with open_reader(dsn, read_dsn) as repository:
        numbers = _numbers(repository, ids, problems)
        if export_image or export_map:
            _export(repository, numbers, output, problems, force=force, map_=export_map)
        else:
            _print(_details(repository, numbers, problems), chosen, shown)
    if problems.status:
        raise typer.Exit(problems.status)


def _numbers(repository: Repository, named: list[str], problems: Problems) -> list[int]:
    """The ids that are meant."""
    numbers: list[int] = []
    for one in named:
        with problems.told(NotFound):
            numbers += ids_of(repository, one)
    return numbers


def _details(repository: Repository, numbers: list[int], problems: Problems) -> Iterator[PredictionDetail]:
    for number in numbers:
        with problems.told(NotFound):
            yield repository.detail(number)


def _print(details: Iterator[PredictionDetail], chosen: Format, shown: tuple[str, ...]) -> None:
    if chosen is Format.TABLE:
        for detail in details:
            from mlpredict.cli.portrait import print_portrait

            print_portrait(detail)
        return
    first = next(details, None)
    if first is not None:
        from mlpredict.cli.output import write_records
        from mlpredict.support.json_text import prediction_fields

        write_records((prediction_fields(one.record) for one in chain([first], details)), chosen, shown)


def _export(
    repository: Repository,
    numbers: list[int],
    output: str | None,
    problems: Problems,
    *,
    force: bool,
    map_: bool,
) -> None:
    from mlpredict.cli.saved_image import require_folder, write_image, write_map
    from mlpredict.inputs.kept import ImageUnavailable
    from mlpredict.support.whole_file import FileNotWritten

    if len(numbers) > 1:
        _refuse_several_on_stdout(output)
        require_folder(output)
    taken: set[str] = set()
    for number in numbers:
        with problems.told(NotFound, ImageUnavailable, FileNotWritten):
            detail = repository.detail(number)
            if map_:
                write_map(detail, repository.map(number), output, force=force, taken=taken)
            else:
                write_image(detail, output, force=force, taken=taken)


def _check_usage(ids: list[str], output: str | None, *, force: bool, image: bool, map_: bool) -> None:
    if image and map_:
        raise UsageError("--export-image and --export-map exclude each other")
    if not (image or map_):
        if output is not None or force:
            raise UsageError("-o and --force go with --export-image or --export-map")
        return
    if len(ids) > 1:
        _refuse_several_on_stdout(output)
    if output == STDOUT and stdout_is_terminal():
        raise UsageError("-o -: stdout is a terminal: pipe it somewhere, or name a file")


def _refuse_several_on_stdout(output: str | None) -> None:
    if output == STDOUT:
        raise UsageError("-o -: one image at a time")
