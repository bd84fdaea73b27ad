"""Predictions as a command line names them: 14, 6-9, last, or -2 for the second newest."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlpredict.cli.layout import Command
from mlpredict.cli.stdout import stdin_is_terminal
from mlpredict.cli.talk import Problems, talk
from mlpredict.errors import NotFound, UsageError

if TYPE_CHECKING:
    from mlpredict.api.connections import Connections
    from mlpredict.storage.repository import Repository

STDIN = "-"
LAST = "last"
MINUS = "\N{MINUS SIGN}"
RANGE = re.compile(r"(\d+)(?:-|\.\.|–)(\d+)", re.ASCII)
FROM_THE_END = re.compile(rf"[-{MINUS}](\d+)", re.ASCII)
BELOW_ZERO = re.compile(r"-\.?\d[\d.eE+-]*", re.ASCII)
LONGEST = 30
"""Digits that are looked at; no id has as many."""

FORMS = "an id is a number, a range as 6-9, last, or -2 for the second newest"


class CommandOfIds(Command):
    """A command whose arguments may be -1 or -0.5, which Typer takes for options.

    They have a minus sign in the place of the hyphen, as `with_hyphen` takes back.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        takes = {name for one in self.params if not getattr(one, "is_flag", False) for name in one.opts}
        before = ["", *args]
        named = [
            f"{MINUS}{one[1:]}" if BELOW_ZERO.fullmatch(one) and previous not in takes else one
            for previous, one in zip(before, args, strict=False)
        ]
        return super().parse_args(ctx, named)


def with_hyphen(word: str) -> str:
    """A word as it was typed, where it begins like a number below zero."""
    return word.replace(MINUS, "-", 1) if BELOW_ZERO.fullmatch(word.replace(MINUS, "-", 1)) else word


def may_be_ids(one: str) -> bool:
    """Whether a word can stand for ids."""
    word = one.strip().lower()
    return len(word) <= LONGEST and bool(
        word == LAST or word.isdecimal() or RANGE.fullmatch(word) or FROM_THE_END.fullmatch(word)
    )


def are_ids(word: str) -> bool:
    """Whether a word that may name a file stands for ids: there is no file that is called so.

    A number is an id in any case.
    """
    if not may_be_ids(word):
        return False
    if word.isdecimal():
        return word.isascii()
    typed = with_hyphen(word)
    if not os.path.lexists(typed):
        return True
    talk.notice(f"{typed} is taken for the file that is called so")
    return False


def check(named: Sequence[str], *, hint: str | None = None) -> None:
    """Look at what stands in the place of ids, before there is a database.

    Raises:
        UsageError: some of it can be none.
    """
    for one in named:
        if not may_be_ids(one):
            raise UsageError(f"{_shown(one)}: {FORMS}", hint=hint)


def with_stdin(named: Sequence[str]) -> list[str]:
    """The words of a command line, with those on standard input in the place of `-`.

    There it is what begins each line, as `list` prints them into a pipe.

    Raises:
        UsageError: standard input is a terminal.
    """
    words: list[str] = []
    for one in named:
        if one != STDIN:
            words.append(one)
        elif stdin_is_terminal():
            raise UsageError("-: stdin is a terminal: pipe ids into it")
        else:
            lines = (line.split(maxsplit=1) for line in sys.stdin)
            words += (line[0] for line in lines if line)
    return words


def numbers_of(database: Connections, words: Sequence[str], problems: Problems) -> list[int]:
    """The ids that words stand for, which `check` has let through; what there is not is told."""
    if all(one.strip().isdecimal() for one in words):
        return [int(one) for one in words]
    numbers: list[int] = []
    with database.reading() as repository:
        for one in words:
            with problems.told(NotFound):
                numbers += ids_of(repository, one)
    return numbers


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
