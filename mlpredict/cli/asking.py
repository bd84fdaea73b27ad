"""Asking a person before anything is taken away."""

from __future__ import annotations

import typer

from mlpredict.cli.stdout import stdin_is_terminal
from mlpredict.cli.talk import talk
from mlpredict.errors import UsageError
from mlpredict.support.printable import printable

KEPT = 1


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if a person agrees, or `--yes` has.

    Raises:
        UsageError: there is no person to be asked.
        typer.Exit: the person does not agree.
    """
    if yes:
        return
    if not stdin_is_terminal():
        raise UsageError(f"{question} Nobody can be asked: stdin is no terminal", hint="pass --yes")
    if not typer.confirm(printable(question), err=True):
        talk.error("nothing was changed")
        raise typer.Exit(KEPT)
