"""Which options of `predict` go together, and what is refused before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpredict.cli.stdout import stdin_is_terminal
from mlpredict.domain import Keep, Pages
from mlpredict.errors import UsageError

if TYPE_CHECKING:
    from mlpredict.domain.parts import Sharing

STDIN = "-"
DSNS = ("postgresql://", "postgres://")
"""They are no images, and would be kept with their passwords as files that failed."""


def check_usage(
    named: list[str], files_from: str | None, *, no_store: bool, skip_existing: bool, keep: str
) -> None:
    """Refuse names of images, and options, that go together in no way.

    Raises:
        UsageError: there is nothing to predict, or stdin is to be two things, or one that it cannot be.
    """
    if not named and files_from is None:
        raise UsageError("nothing to predict: name image files or folders, or - for an image on stdin")
    if any(name.startswith(DSNS) for name in named):
        raise UsageError("a database is named with --dsn, and images without")
    if STDIN in named and files_from == STDIN:
        raise UsageError("stdin cannot be an image and a list of paths at once")
    if (STDIN in named or files_from == STDIN) and stdin_is_terminal():
        raise UsageError("stdin is a terminal: pipe something into it")
    if STDIN in named and keep == Keep.REFERENCE:
        raise UsageError("--keep reference needs files: what comes on stdin is nowhere to be found later")
    if no_store and skip_existing:
        raise UsageError("--no-store and --skip-existing exclude each other")


def check_store_top(store_top: int | None, top_k: int | None, *, no_store: bool = False) -> None:
    """Refuse what cannot be printed of the best classes, or stored.

    Raises:
        UsageError: more labels are to be printed than are stored, or nothing is stored.
    """
    if store_top is None:
        return
    if no_store:
        raise UsageError("--no-store and --store-top exclude each other")
    if top_k is not None and top_k > store_top:
        raise UsageError(f"--top-k {top_k}: what is stored is printed, and --store-top stores {store_top}")


def sharing_of(
    key: str | None, part: str | None, named: list[str], *, no_store: bool, pages: Pages, labelled: bool
) -> Sharing | None:
    """The run in parts that is asked for, if one is.

    Raises:
        UsageError: other processes could not do parts of it.
    """
    if key is None and part is None:
        return None
    from mlpredict.support import run_parts

    sharing = run_parts.sharing_of(key, part)
    if no_store:
        raise UsageError("--run-key and --no-store exclude each other: the database is what processes share")
    if STDIN in named:
        raise UsageError(
            "--run-key needs files: an image on stdin has no name by which another process finds it"
        )
    run_parts.require_one_list(pages=pages, labelled=labelled)
    return sharing
