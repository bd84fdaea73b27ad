"""What predictions were made with, beside the model: facts that a person can read, and two sets compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
"""By name; a value is a text, a number, a truth value, a list of texts, or a mapping of such."""

WITHOUT_EFFECT = frozenset({"system", "python", "store_top"})
"""What is told, and changes no number: the kernel and the interpreter compute none, and how many of the
best classes are stored does not change them."""

SHOWN_DIGITS = 8
"""Of a hash, in what a person reads."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A set of facts; `digest` is a SHA-256 over them in hexadecimal."""

    facts: Facts

    @property
    def text(self) -> str:
        """The facts as JSON in ASCII, in their own order."""
        return json.dumps(self.facts)

    @property
    def digest(self) -> str:
        """What tells the set from others, whatever the order of the facts."""
        return hashlib.sha256(json.dumps(self.facts, sort_keys=True).encode()).hexdigest()


def flat(facts: Facts) -> dict[str, str]:
    """Facts as texts for a person, those within a fact under its name: `codecs zlib-ng`."""
    return dict(_flat(facts, ""))


def differences(before: Facts, now: Facts) -> list[str]:
    """What of two sets differs and may change a number, in words, as `numpy 2.1.0, now 2.4.0`."""
    old, new = flat(before), flat(now)
    return [
        f"{name} {old.get(name, 'unknown')}, now {new.get(name, 'unknown')}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name) and name not in WITHOUT_EFFECT
    ]


def _flat(facts: Facts, before: str) -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", _text(name, value)


def _text(name: str, value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return " ".join(map(str, value))
        case str() if name.endswith("sha256"):
            return value[:SHOWN_DIGITS]
    return str(value)
