"""What is said where a command finds nothing: which of the names it was given there is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpredict.cli.talk import stderr_is_terminal, talk
from mlpredict.domain import Format, PredictionFilter

if TYPE_CHECKING:
    from mlpredict.storage.repository import Repository

NAMED = 10
"""How many are named of those that there are."""


def tell_unknown(repository: Repository, wanted: PredictionFilter) -> bool:
    """Say which model, label or run there is not, and which there are; whether there was anything to say."""
    unknown = repository.unknown(wanted)
    for kind, name, known in unknown:
        shown = ", ".join(known[:NAMED]) + (", …" if len(known) > NAMED else "")
        close = f"; did you mean {guess}?" if (guess := _close(name, known[NAMED:])) else ""
        there_are = f"there are: {shown}{close}" if known else "there is none yet"
        talk.notice(f"no {kind} {name}; {there_are}")
    return bool(unknown)


def tell_of_nothing(
    repository: Repository, wanted: PredictionFilter, chosen: Format, *, filtered: bool
) -> None:
    """Say why a list is empty: to everybody what was misspelt, to a person at a terminal the rest as well."""
    if tell_unknown(repository, wanted) or chosen is not Format.TABLE or not stderr_is_terminal():
        return
    talk.notice(
        "no predictions match" if filtered else "no predictions yet; make one: mlpredict predict PATH…"
    )


def _close(name: str, known: list[str]) -> str | None:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return close[0] if close else None
