"""Which key is which class, and how a class is found among many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlpredict.domain.labels import plain

DIGITS = "1234567890"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
RESERVED = frozenset("suq/!")
"""Keys that do something else, unless a class is called so."""

RANKS = "123456789"
"""Where there are more classes than keys, these are the likeliest ones of a picture."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The classes of a model, and their keys; without `keys` digits stand for the likeliest ones.

    Example:
        >>> choices_of(["cat", "dog"]).label("2", [])
        'dog'
        >>> choices_of([str(digit) for digit in range(10)]).label("0", [])
        '0'
    """

    labels: tuple[str, ...]
    keys: Mapping[str, str]
    _key_of: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key_of", {label: key for key, label in self.keys.items()})

    @property
    def are_ranked(self) -> bool:
        """Whether digits stand for the likeliest classes."""
        return not self.keys

    def label(self, key: str, likeliest: Sequence[str]) -> str | None:
        """The class that a key stands for, if it does."""
        if self.are_ranked:
            place = RANKS.find(key) if key else -1
            return likeliest[place] if 0 <= place < len(likeliest) else None
        return self.keys.get(key) or self.keys.get(key.swapcase() if len(key) == 1 else key)

    def key_of(self, label: str, rank: int) -> str:
        """The key of a class that is so likely, counted from 0; empty where it has none."""
        if self.are_ranked:
            return RANKS[rank] if rank < len(RANKS) else ""
        return self._key_of.get(label, "")

    def is_taken(self, key: str) -> bool:
        """Whether a key that would do something else is a class."""
        return self.label(key, ()) is not None and not self.are_ranked

    def found(self, text: str, likeliest: Sequence[str]) -> list[str]:
        """The classes that a text is part of: those that begin with it first, then the likeliest."""
        wanted = plain(text)
        ranks = {label: rank for rank, label in enumerate(likeliest)}
        found = []
        for place, label in enumerate(self.labels):
            name = plain(label)
            if (at := name.find(wanted)) >= 0:
                begins = 0 if at == 0 else 1 if name[at - 1] == " " else 2
                found.append((name != wanted, begins, ranks.get(label, len(ranks)), place, label))
        return [one[-1] for one in sorted(found)]


def choices_of(labels: Sequence[str]) -> Choices:
    """The keys of classes: their names, if these are one character each, else digits and letters in turn."""
    labels = tuple(dict.fromkeys(labels))
    if labels and all(_is_key(label) for label in labels):
        return Choices(labels, {label: label for label in labels})
    # What is called 10 would have the key 1.
    are_numbers = all(label.isdecimal() for label in labels)
    keys = DIGITS + "".join(letter for letter in LETTERS if letter not in RESERVED)
    if are_numbers or len(labels) > len(keys):
        return Choices(labels, {})
    return Choices(labels, dict(zip(keys, labels, strict=False)))


def _is_key(label: str) -> bool:
    return len(label) == 1 and label.isprintable() and label not in " /!"
