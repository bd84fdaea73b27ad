"""Where the libraries of the server say what they have to say, and how often we repeat ourselves."""

from __future__ import annotations

import logging
import time

from mlpredict.support.logs import PACKAGE
from mlpredict.web import errors

TROUBLED = (errors.logger,)
"""It may have the same to say with every request."""

SECONDS = 10.0
MOST_TEXTS = 100


class RateLimited(logging.Filter):
    """Lets a text through, and does not repeat it for a while; any thread may log."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the text is to be said."""
        now, text = time.monotonic(), record.getMessage()
        if now - self._said.get(text, -SECONDS) < SECONDS:
            return False
        if len(self._said) >= MOST_TEXTS:
            self._said.clear()
        self._said[text] = now
        return True


def prepare_loggers(*, verbose: bool) -> None:
    """Have uvicorn and asyncio told of where we are, and no trouble repeated with every request."""
    levels = {"uvicorn": logging.INFO if verbose else logging.ERROR, "asyncio": logging.WARNING}
    for name, level in levels.items():
        logger = logging.getLogger(name)
        logger.handlers = list(logging.getLogger(PACKAGE).handlers)
        logger.propagate = False
        logger.setLevel(level)
    limit = RateLimited()
    for logger in TROUBLED:
        logger.addFilter(limit)
