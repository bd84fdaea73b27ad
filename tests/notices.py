"""What the package says while a test runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mlpredict.support.logs import PACKAGE


class Listener(logging.Handler):
    """Remembers what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def heard() -> Iterator[list[str]]:
    """The notices, warnings and errors of the package, as they come."""
    package, listener = logging.getLogger(PACKAGE), Listener()
    level = package.level
    package.addHandler(listener)
    package.setLevel(logging.INFO)
    try:
        yield listener.texts
    finally:
        package.setLevel(level)
        package.removeHandler(listener)
