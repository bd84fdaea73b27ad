"""The options that select predictions, the same ones for every command that has to do with some."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection
from functools import partial, wraps
from typing import Annotated, Any, get_type_hints

import typer

from mlpredict.cli import completion
from mlpredict.cli.options import run_number
from mlpredict.domain import PredictionFilter
from mlpredict.errors import UsageError
from mlpredict.support.units import point_in_time

WHICH = "Which predictions"

Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="LABEL",
        autocompletion=completion.label,
        help="Only this label; may be repeated.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        autocompletion=completion.model,
        help="Only this model: name, name@digits or digits.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
RunId = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="N|last",
        help="Only this run, or the newest one.",
        show_default=False,
        autocompletion=completion.run,
        rich_help_panel=WHICH,
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        "--min-score",
        metavar="SCORE",
        help="Only scores from here.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
MaxScore = Annotated[
    float | None,
    typer.Option(
        "--max-score",
        metavar="SCORE",
        help="Only scores up to here.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        autocompletion=completion.time,
        help="Only from this time: 2026-11-23, 2h, yesterday.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        autocompletion=completion.time,
        help="Only before this time.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
FileName = Annotated[
    str | None,
    typer.Option(
        "--filename",
        metavar="GLOB",
        help="Only names that match, as '*.png' or 'scans/*'.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
TrueLabel = Annotated[
    list[str] | None,
    typer.Option(
        "--true-label",
        metavar="LABEL",
        autocompletion=completion.label,
        help="Only images of this truth; may be repeated.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
Wrong = Annotated[
    bool,
    typer.Option(
        "--wrong",
        help="Only those whose label is not the truth.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
Right = Annotated[
    bool,
    typer.Option(
        "--right",
        help="Only those whose label is the truth.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
Labelled = Annotated[
    bool,
    typer.Option(
        "--labelled",
        "--labeled",
        help="Only images with a label.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]
Unlabelled = Annotated[
    bool,
    typer.Option(
        "--unlabelled",
        "--unlabeled",
        help="Only images without one.",
        show_default=False,
        rich_help_panel=WHICH,
    ),
]


def filtered(
    command: Callable[..., None] | None = None, *, without: Collection[str] = (), **instead: Any
) -> Callable[..., Any]:
    """Give a command the options that select predictions; it gets what they say as `wanted`.

    They stand in the place of its parameter of that name. `instead` are options that mean more there, by
    the names of those that they replace, and `without` names some that mean another thing to it.

    Example:
        >>> @filtered(model=NameOrPath)
        ... def verify(wanted: PredictionFilter) -> None: ...
    """
    if command is None:
        return partial(filtered, without=without, **instead)
    own = inspect.signature(command, eval_str=True).parameters
    options = {
        name: one.replace(annotation=instead.get(name, one.annotation))
        for name, one in inspect.signature(chosen_filter, eval_str=True).parameters.items()
        if name not in without
    }
    place = list(own).index("wanted")
    before, behind = list(own.values())[:place], list(own.values())[place + 1 :]

    @wraps(command)
    def with_filter(**given: Any) -> None:
        wanted = chosen_filter(**{name: given.pop(name) for name in options})
        command(wanted=wanted, **given)

    with_filter.__signature__ = inspect.Signature([*before, *options.values(), *behind])  # type: ignore[attr-defined]
    hints = get_type_hints(chosen_filter, include_extras=True)
    with_filter.__annotations__ = {
        **get_type_hints(command, include_extras=True),
        **{name: hint for name, hint in hints.items() if name not in without},
        **instead,
        "return": None,
    }
    return with_filter


def chosen_filter(
    label: Label = None,
    model: ModelName = None,
    run: RunId = None,
    min_score: MinScore = None,
    max_score: MaxScore = None,
    since: Since = None,
    until: Until = None,
    filename: FileName = None,
    true_label: TrueLabel = None,
    wrong: Wrong = False,
    right: Right = False,
    labelled: Labelled = False,
    unlabelled: Unlabelled = False,
) -> PredictionFilter:
    """The filter that options ask for.

    Raises:
        UsageError: two of them exclude each other, or one is no score or no time.
    """
    for option, score in (("--min-score", min_score), ("--max-score", max_score)):
        if score is not None and math.isnan(score):
            raise UsageError(f"{option} {score}: not a number")
    if wrong and right:
        raise UsageError("--wrong and --right exclude each other")
    if unlabelled and (labelled or wrong or right or true_label):
        raise UsageError("--unlabelled excludes what asks for a label")
    return PredictionFilter(
        labels=tuple(label or ()),
        model=model,
        run_id=None if run is None else run_number(run),
        min_score=min_score,
        max_score=max_score,
        since=None if since is None else point_in_time(since, "--since"),
        until=None if until is None else point_in_time(until, "--until"),
        filename=filename,
        true_labels=tuple(true_label or ()),
        labelled=True if labelled else False if unlabelled else None,
        right=True if right else False if wrong else None,
    )
