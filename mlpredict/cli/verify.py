"""`mlpredict verify`: whether stored predictions are what their models say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from mlpredict import settings
from mlpredict.cli import completion, garbage
from mlpredict.cli.filters import WHICH, filtered
from mlpredict.cli.ids import check as check_ids
from mlpredict.cli.ids import numbers_of, with_stdin
from mlpredict.cli.options import (
    AsJson,
    Dsn,
    FormatChoice,
    Quiet,
    UnsafeModel,
    Verbose,
    chosen_format,
)
from mlpredict.cli.predict_options import RayAddress, limits_of
from mlpredict.cli.talk import Problems
from mlpredict.domain import PredictionFilter
from mlpredict.domain.verification import TOLERANCE
from mlpredict.errors import NotFound, UsageError

if TYPE_CHECKING:
    from mlpredict.api.database import Database
    from mlpredict.api.verifying import Check, How
    from mlpredict.cli.ray_run import Place
    from mlpredict.domain.verification import Verification

NOT_PROVEN = 1
EVERYTHING = PredictionFilter()

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]…",
        help="Predictions, by the ids that list shows; also 6-9, last, or - for ids on stdin, one a line.",
        autocompletion=completion.prediction,
    ),
]
Sample = Annotated[
    int | None,
    typer.Option(
        "--sample",
        min=1,
        metavar="N",
        help="Only so many of them, at random.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
Tolerance = Annotated[
    float,
    typer.Option(
        "--tolerance",
        min=0,
        metavar="X",
        help="The largest difference between machines; of numbers beyond 1, as a part of them.",
    ),
]
NameOrPath = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|PATH",
        help="A name: only this model. A path: where the model lies now.",
        show_default=False,
        autocompletion=completion.model,
        rich_help_panel=WHICH,
    ),
]
MaxPixels = Annotated[
    str, typer.Option("--max-pixels", metavar="N", help="Refuse larger images, before they are decoded.")
]
MaxBytes = Annotated[
    str, typer.Option("--max-bytes", metavar="N", help="Refuse larger files, before they are read.")
]


@filtered(model=NameOrPath)
def verify(
    named: Ids = None,
    wanted: PredictionFilter = EVERYTHING,
    sample: Sample = None,
    tolerance: Tolerance = TOLERANCE,
    unsafe_model: UnsafeModel = False,
    max_pixels: MaxPixels = "100M",
    max_bytes: MaxBytes = "100MB",
    ray: RayAddress = None,
    dsn: Dsn = None,
    format_: FormatChoice = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make stored predictions again, and compare.

    The stored images are decoded, and the model that was used says what it says of them. Without ids and
    filters all are verified. Exit status 1 says that something is not as it was stored: other bits, made
    with the same; a difference beyond the tolerance; another label; an image that is not the one that was
    predicted. It also says that nothing at all could be made once more.
    """
    words = with_stdin(named or [])
    check_ids(words)

    from mlpredict.api.database import connect
    from mlpredict.api.named import may_be_a_name
    from mlpredict.api.verifying import How
    from mlpredict.cli.verification_tables import print_verification

    path = None
    if wanted.model is not None and not may_be_a_name(wanted.model):
        path, wanted = wanted.model, wanted._replace(model=None)
    if named and wanted != EVERYTHING:
        raise UsageError("ids and a filter exclude each other")
    chosen = chosen_format(format_, as_json)
    limits = limits_of(max_pixels, max_bytes)
    how = How(sample, tolerance, path, trusted=unsafe_model, limits=limits)
    problems = Problems()
    place = None
    if ray is not None:
        from mlpredict.cli.ray_run import place_of

        place = place_of(ray, dsn)
    with connect(dsn or settings.dsn()) as database:
        garbage.collect_from_here()
        which = numbers_of(database, words, problems) if named else wanted
        done, interrupted = _carry_out(database, which, how, problems, place)
    print_verification(done, chosen)
    if interrupted is not None:
        raise interrupted
    if status := problems.status or (0 if done.is_proven else NOT_PROVEN):
        raise typer.Exit(status)


def _carry_out(
    database: Database,
    which: PredictionFilter | list[int],
    how: How,
    problems: Problems,
    place: Place | None,
) -> tuple[Verification, Exception | None]:
    """What was verified, and by what it was ended early."""
    from mlpredict.api.verifying import check
    from mlpredict.cli.interruption import interruption
    from mlpredict.cli.progress import progress
    from mlpredict.cli.talk import talk
    from mlpredict.support.quiet import quiet_stderr

    found = check(database, which, how)
    for one in found.missing:
        with problems.told(NotFound):
            raise NotFound(f"there is no prediction {one}")
    with (
        talk.apart_from_descriptor_2(),
        quiet_stderr(),
        interruption() as ending,
        progress("verifying", len(found)) as advance,
    ):
        steps = found.steps(ending.is_requested) if place is None else _on(place, found, ending.is_requested)
        for count in steps:
            advance(count)
    if not ending.is_requested():
        return found.done, None
    return found.done, ending.as_error(f"{found.done.predictions:,} of {len(found):,} verified", None)


def _on(place: Place, found: Check, enough: Callable[[], bool]) -> Iterator[int]:
    """The steps of a cluster."""
    from mlpredict.api.ray_cluster import connected
    from mlpredict.api.ray_spans import steps_on
    from mlpredict.api.reachable import require_reachable

    with connected(place.address) as cluster:
        require_reachable(place.dsn, cluster.other_machines)
        yield from steps_on(cluster, found, place.dsn, enough)
