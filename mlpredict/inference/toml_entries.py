"""Entries of a TOML table, read with care: each is what it should be, or `Misstated` says what it is."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any, TypeVar

Table = dict[str, Any]
Choice = TypeVar("Choice", bound=StrEnum)


class Misstated(Exception):
    """What is wrong with an entry."""


def text(table: Table, key: str) -> str | None:
    """An entry that is text, None where there is no such entry.

    Raises:
        Misstated: it is something else.
    """
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise Misstated(f"{key} must be text in quotes")
    return value


def choice(table: Table, key: str, kind: type[Choice]) -> Choice | None:
    """An entry that is one of the words of an enumeration.

    Raises:
        Misstated: it is none of them.
    """
    value = text(table, key)
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        raise Misstated(f"{key} = {value!r}: expected one of {', '.join(kind)}") from None


def flag(table: Table, key: str) -> bool | None:
    """An entry that is true or false.

    Raises:
        Misstated: it is neither.
    """
    value = table.get(key)
    if value is not None and not isinstance(value, bool):
        raise Misstated(f"{key} = {value!r}: expected true or false, without quotes")
    return value


def share(table: Table, key: str) -> float | None:
    """An entry that is a number from 0 to 1.

    Raises:
        Misstated: it is something else.
    """
    value = table.get(key)
    if value is not None and not (is_number(value) and 0 <= value <= 1):
        raise Misstated(f"{key} = {value!r}: expected a probability from 0 to 1, such as 0.5")
    return None if value is None else float(value)


def factor(table: Table, key: str) -> float | None:
    """An entry that is a number other than 0.

    Raises:
        Misstated: it is something else.
    """
    value = table.get(key)
    if value is not None and (not is_number(value) or value == 0):
        raise Misstated(f"{key} = {value!r}: expected a number other than 0, such as 100")
    return None if value is None else float(value)


def is_number(value: object) -> bool:
    """Whether a value is a finite number; true and false are none."""
    try:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        # An integer that no float can hold.
        return False
