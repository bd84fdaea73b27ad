"""`mlpredict report`: what stored predictions were worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict.cli.filters import filtered
from mlpredict.cli.options import AsJson, Dsn, FormatChoice, Quiet, ReadDsn, Verbose, chosen_format
from mlpredict.cli.reading import primary_and_replica
from mlpredict.cli.talk import talk
from mlpredict.domain import Format, PredictionFilter
from mlpredict.domain.reports import GroupBy
from mlpredict.errors import UsageError

if TYPE_CHECKING:
    from mlpredict.domain.reports import Report

NOT_GOOD_ENOUGH = 1
EVERYTHING = PredictionFilter()
WORST_SHOWN = 24
"""Mistakes whose pictures are in a page."""

By = Annotated[
    GroupBy | None,
    typer.Option("--by", help="Also tell them apart by this.", show_default=False),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="GROUP",
        help="With --by: the group whose labels others are compared with; else the first.",
        show_default=False,
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write a page with plots and the worst mistakes, which is all in one file.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite FILE.", show_default=False)]
FailUnder = Annotated[
    float | None,
    typer.Option(
        "--fail-under",
        min=0,
        max=1,
        metavar="ACCURACY",
        help="Exit 1 if the accuracy is less, as 0.95, or is not known.",
        show_default=False,
    ),
]


@filtered
def report(
    by: By = None,
    against: Against = None,
    html: Html = None,
    force: Force = False,
    fail_under: FailUnder = None,
    wanted: PredictionFilter = EVERYTHING,
    dsn: Dsn = None,
    read_dsn: ReadDsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Tell what predictions were worth.

    That is accuracy, mistakes and calibration where images are labelled. Without labels it counts labels
    and scores over time. Label images with mlpredict label.
    """
    if against is not None and by is None:
        raise UsageError("--against goes with --by")
    if force and html is None:
        raise UsageError("--force goes with --html")
    chosen = chosen_format(format_, as_json)

    primary, replica = primary_and_replica(dsn, read_dsn)

    from mlpredict.api.database import connect

    with connect(primary, read_dsn=replica) as database:
        made = database.report(wanted, by=by, against=against, worst=WORST_SHOWN if html else 0)
        if html is not None:
            database.write_report(made, html, force=force)
            talk.notice(f"wrote {html}")
    _print(made, chosen)
    if fail_under is not None:
        _judge(made, fail_under)


def _print(made: Report, chosen: Format) -> None:
    from mlpredict.report_page.as_json import report_as_json, report_as_rows

    if chosen is Format.TABLE:
        from mlpredict.cli.report_tables import print_report

        print_report(made)
    elif chosen is Format.JSON:
        import orjson

        from mlpredict.cli.stdout import write_data

        write_data(orjson.dumps(report_as_json(made), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    elif chosen is Format.JSONL:
        from mlpredict.cli.stdout import write_data
        from mlpredict.support.json_text import as_json

        write_data(as_json(report_as_json(made)) + b"\n")
    else:
        from mlpredict.cli.output import write_records

        write_records(report_as_rows(made), chosen, ("name", "value"))
    if chosen is not Format.TABLE:
        for remark in made.remarks:
            talk.notice(remark)


def _judge(made: Report, least: float) -> None:
    """End with exit status 1 where the accuracy is not good enough, and say so."""
    if made.accuracy is None:
        talk.error(f"--fail-under {least:g}: no labelled predictions, and so no accuracy")
    elif made.accuracy < least:
        talk.error(f"the accuracy {made.accuracy:.4f} is under {least:g}")
    else:
        return
    raise typer.Exit(NOT_GOOD_ENOUGH)
