"""`mlpredict compare`: which of two models, or runs, is right more often, and on which images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict.cli import completion
from mlpredict.cli.filters import filtered
from mlpredict.cli.options import AsJson, Dsn, FormatChoice, Quiet, ReadDsn, Verbose, chosen_format
from mlpredict.cli.reading import primary_and_replica
from mlpredict.cli.talk import talk
from mlpredict.domain import Format, PredictionFilter
from mlpredict.errors import UsageError

if TYPE_CHECKING:
    from mlpredict.domain.comparisons import Comparison

WORSE = 1
EVERYTHING = PredictionFilter()

First = Annotated[
    str,
    typer.Argument(
        metavar="A",
        help="A model: name, name@digits or digits; or a run's number.",
        autocompletion=completion.model_or_run,
    ),
]
Second = Annotated[
    str,
    typer.Argument(metavar="B", help="The other one.", autocompletion=completion.model_or_run),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write a page with the flips as pictures, which is all in one file.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite FILE.", show_default=False)]
FailIfWorse = Annotated[
    bool,
    typer.Option(
        "--fail-if-worse", help="Exit 1 if B is right less often, or nobody knows.", show_default=False
    ),
]


@filtered
def compare(
    a: First,
    b: Second,
    html: Html = None,
    force: Force = False,
    fail_if_worse: FailIfWorse = False,
    wanted: PredictionFilter = EVERYTHING,
    dsn: Dsn = None,
    read_dsn: ReadDsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare two models, or two runs.

    They are compared on the images that both have predicted. Of several predictions of an image by one
    side, the last one counts.
    """
    if force and html is None:
        raise UsageError("--force goes with --html")
    chosen = chosen_format(format_, as_json)

    primary, replica = primary_and_replica(dsn, read_dsn)

    from mlpredict.api.database import connect

    with connect(primary, read_dsn=replica) as database:
        made = database.compare(a, b, wanted)
        if html is not None:
            database.write_comparison(made, html, force=force)
            talk.notice(f"wrote {html}")
    write_comparison(made, chosen)
    if fail_if_worse and is_worse(made):
        raise typer.Exit(WORSE)


def is_worse(made: Comparison) -> bool:
    """Whether the second side is worse, or nobody knows; then it is said why."""
    if made.b_is_worse is False:
        return False
    why = "no image that both predicted is labelled" if made.b_is_worse is None else _worse(made)
    talk.error(f"--fail-if-worse: {why}")
    return True


def _worse(made: Comparison) -> str:
    if made.p_value is None or not made.labelled:
        return f"{made.b} is farther from the truth than {made.a}"
    return (
        f"{made.b} is right on {made.both_right + made.only_b_right:,} images, {made.a} on"
        f" {made.both_right + made.only_a_right:,} (p {made.p_value:.3g})"
    )


def write_comparison(made: Comparison, chosen: Format) -> None:
    """Print a comparison."""
    from mlpredict.report_page.as_json import comparison_as_json

    if chosen is Format.TABLE:
        from mlpredict.cli.compare_tables import print_comparison

        print_comparison(made)
    elif chosen in (Format.JSON, Format.JSONL):
        from mlpredict.cli.stdout import write_data
        from mlpredict.support.json_text import as_json

        write_data(as_json(comparison_as_json(made)) + b"\n")
    else:
        from mlpredict.cli.output import write_records

        numbers = (
            {"name": name, "value": value}
            for name, value in comparison_as_json(made).items()
            if not isinstance(value, (list, dict))
        )
        write_records(numbers, chosen, ("name", "value"))
    for remark in made.remarks:
        talk.notice(remark)
