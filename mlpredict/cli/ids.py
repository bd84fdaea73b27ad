"""Predictions as a command line names them: 14, 6-9, last, or -2 for the second newest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlpredict.cli.layout import Command
from mlpredict.errors import NotFound, UsageError

if TYPE_CHECKING:
    from mlpredict.storage.repository import Repository

LAST = "last"
MINUS = "\N{MINUS SIGN}"
RANGE = re.compile(r"(\d+)(?:-|\.\.|–)(\d+)", re.ASCII)
FROM_THE_END = re.compile(rf"[-{MINUS}](\d+)", re.ASCII)
LONGEST = 30
"""Digits that are looked at; no id has as many."""

FORMS = "an id is a number, a range as 6-9, last, or -2 for the second newest"


class CommandOfIds(Command):
    """A command whose arguments may be -1 and the like, which Typer takes for options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        takes = {name for one in self.params if not getattr(one, "is_flag", False) for name in one.opts}
        before = ["", *args]
        named = [
            f"{MINUS}{one[1:]}" if FROM_THE_END.fullmatch(one) and previous not in takes else one
            for previous, one in zip(before, args, strict=False)
        ]
        return super().parse_args(ctx, named)


def check(named: Sequence[str]) -> None:
    """Look at what stands in the place of ids, before there is a database.

    Raises:
        UsageError: some of it can be none.
    """
    for one in named:
        word = one.strip().lower()
        if len(word) > LONGEST or not (
            word == LAST or word.isdecimal() or RANGE.fullmatch(word) or FROM_THE_END.fullmatch(word)
        ):
            raise UsageError(f"{_shown(one)}: {FORMS}")


def ids_of(repository: Repository, one: str) -> Iterator[int]:
    """The ids that a word stands for, which `check` has let through.

    Raises:
        NotFound: there is no such prediction.
    """
    word = one.strip().lower()
    if word.isdecimal():
        yield int(word)
    elif found := RANGE.fullmatch(word):
        first, last = sorted(map(int, found.groups()))
        ids = repository.ids_between(first, last)
        if not ids:
            raise NotFound(f"there is no prediction from {first} to {last}")
        yield from ids
    else:
        place = 1 if word == LAST else max(1, int(word[1:]))
        newest = repository.newest_id(place)
        if newest is None:
            raise NotFound(
                "there are no predictions yet" if place == 1 else f"there are not {place} predictions"
            )
        yield newest


def _shown(one: str) -> str:
    return one.replace(MINUS, "-") if len(one) <= LONGEST else f"{one[:LONGEST]}…"
