"""Saying what goes wrong without saying it with every request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SECONDS = 10.0
MOST_TEXTS = 100


@dataclass(slots=True)
class Sparing:
    """Says a text, and does not repeat it for a while; any thread may call it."""

    say: Callable[[str], None]
    _said: dict[str, float] = field(default_factory=dict)

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now - self._said.get(text, -SECONDS) < SECONDS:
            return
        if len(self._said) >= MOST_TEXTS:
            self._said.clear()
        self._said[text] = now
        self.say(text)
