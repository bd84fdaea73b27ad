"""`mlpredict review`: images one by one, a key each."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from mlpredict import settings
from mlpredict.cli.filters import filtered
from mlpredict.cli.options import Dsn, Quiet, Verbose
from mlpredict.cli.stdout import stdin_is_terminal, stdout_is_terminal
from mlpredict.cli.talk import talk
from mlpredict.domain import PredictionFilter, ReviewOrder
from mlpredict.errors import UsageError

EVERYTHING = PredictionFilter()
RETRY_SECONDS = 30.0
PAGE_HINT = "the page of mlpredict serve has /review, and mlpredict label takes lists"

OrderChoice = Annotated[
    ReviewOrder,
    typer.Option(
        "--order",
        help="Which come first: the least score of those without a label, the surest mistakes, or chance.",
    ),
]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who labels; it is kept.", show_default=False)
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", "-n", min=1, metavar="N", help="How many images at most.", show_default=False),
]
GraphicsChoice = Annotated[
    Literal["auto", "kitty", "iterm2", "sixel", "blocks"],
    typer.Option("--graphics", help="How pictures are drawn; auto asks the terminal."),
]


@filtered
def review(
    wanted: PredictionFilter = EVERYTHING,
    order: OrderChoice = ReviewOrder.LEAST_CONFIDENT,
    by: By = None,
    limit: Limit = None,
    graphics: GraphicsChoice = "auto",
    dsn: Dsn = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Label images one by one, with a key each.

    Enter takes what the model said, a digit or a letter is a class, / finds one among many, the left arrow
    goes back, s skips, u says that an image is not usable, q ends. Each key is stored at once.
    """
    if not (stdin_is_terminal() and stdout_is_terminal()):
        raise UsageError("review needs a terminal, for keys and for pictures", hint=PAGE_HINT)
    if os.environ.get("TERM", "dumb") in ("", "dumb"):
        raise UsageError(
            "review needs a terminal that can draw; TERM says that this one cannot", hint=PAGE_HINT
        )
    if os.name != "posix":
        raise UsageError("review knows the terminals of Linux and macOS alone", hint=PAGE_HINT)

    from mlpredict.cli import garbage
    from mlpredict.cli.review.graphics import Graphics
    from mlpredict.cli.review.reviewing import done, start
    from mlpredict.domain.reviews import source_of_review

    garbage.collect_from_here()
    counts, found = start(
        dsn or settings.dsn(),
        wanted,
        order,
        source_of_review(wanted, order),
        by=by,
        limit=limit,
        retry=RETRY_SECONDS,
        graphics=None if graphics == "auto" else Graphics(graphics),
        environment=os.environ,
    )
    if found:
        talk.notice(done(counts))
    else:
        _tell_of_nothing(dsn or settings.dsn(), wanted, order)


def _tell_of_nothing(dsn: str | None, wanted: PredictionFilter, order: ReviewOrder) -> None:
    from mlpredict.cli.nothing import tell_unknown
    from mlpredict.storage.repository import open_repository

    kind = "no mistakes" if order is ReviewOrder.MOST_WRONG else "no images without a label"
    talk.notice(f"nothing to review: there are {kind}" + (" that match" if wanted != EVERYTHING else ""))
    with open_repository(dsn) as repository:
        tell_unknown(repository, wanted)
