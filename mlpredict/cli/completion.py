"""What a shell offers at a TAB in the place of a value.

A TAB starts no database, waits for none, and says nothing of what goes wrong: then there is nothing to offer.
"""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from mlpredict.storage.known_values import KnownValues

PATIENCE_SECONDS = 1.0
"""Whatever is waited for, a name server or a locked table: after this the TAB has nothing to offer."""

Found = TypeVar("Found")

Offers = list[tuple[str, str]]
"""Values, and what is said beside them by shells that do."""

TIMES = {"today": "since midnight", "yesterday": "", "1h": "an hour ago", "7d": "a week ago", "4w": ""}


def label(context: typer.Context, incomplete: str) -> Offers:
    """The labels of predictions."""
    return bare(_asked(context, lambda database: database.labels(incomplete)))


def model(context: typer.Context, incomplete: str) -> Offers:
    """The names of models; those that several have, with digits."""
    models = _asked(context, lambda database: database.models())
    names = [name for name, *_ in models]
    return [
        (name if names.count(name) == 1 else f"{name}@{digits}", path)
        for name, digits, path in models
        if name.startswith(incomplete)
    ]


def model_or_path(context: typer.Context, incomplete: str) -> Offers:
    """The names of models, where the word is not the beginning of a file's name."""
    if not incomplete or os.sep in incomplete or glob.glob(f"{glob.escape(incomplete)}*"):
        return []
    return model(context, incomplete)


def run(context: typer.Context, incomplete: str) -> Offers:
    """The newest runs."""
    runs = _asked(context, lambda database: database.runs())
    return [("last", "the newest run"), *((str(number), f"{time} {name}") for number, time, name in runs)]


def model_or_run(context: typer.Context, incomplete: str) -> Offers:
    """The names of models, or the numbers of runs where one is begun."""
    if incomplete.isdecimal():
        return [(number, said) for number, said in run(context, incomplete) if number.isdecimal()]
    return model(context, incomplete)


def prediction(context: typer.Context, incomplete: str) -> Offers:
    """The newest predictions."""
    if incomplete and not incomplete.isdecimal():
        return [("last", "the newest prediction")]
    found = _asked(context, lambda database: database.predictions(incomplete))
    beside = ((str(number), f"{name or ''} {label_ or ''}".strip()) for number, name, label_ in found)
    return [("last", "the newest prediction"), *beside]


def columns(incomplete: str) -> Offers:
    """The columns that are not named yet, behind those that are."""
    from mlpredict.domain import FIELDS

    *named, _ = incomplete.split(",")
    before = "".join(f"{name}," for name in named)
    return bare(before + one for one in FIELDS if one not in named)


def time(incomplete: str) -> Offers:
    """Some points in time."""
    return list(TIMES.items())


def order(incomplete: str) -> Offers:
    """By what predictions are sorted."""
    from mlpredict.domain import Order

    return bare(Order)


def topic(context: typer.Context, incomplete: str) -> Offers:
    """Commands, and pages of the manual."""
    from mlpredict.cli.manual import topics

    root: Any = context.find_root()
    commands = ((name, "command") for name in root.command.list_commands(root))
    return [*commands, *((one, "page of the manual") for one in topics())]


def bare(offers: Iterable[str]) -> Offers:
    """Values about which there is nothing to say."""
    return [(one, "") for one in offers]


def _asked(context: typer.Context, question: Callable[[KnownValues], list[Found]]) -> list[Found]:
    """What the database answers that the command line names; nothing where it does not."""
    from mlpredict import settings
    from mlpredict.errors import MlpredictError

    patience = threading.Timer(PATIENCE_SECONDS, os._exit, [0])
    patience.daemon = True
    try:
        from mlpredict.storage.glimpse import glimpse

        patience.start()
        with glimpse(context.params.get("dsn") or settings.dsn()) as database:
            return question(database)
    except (MlpredictError, ImportError, OSError):
        return []
    finally:
        patience.cancel()
