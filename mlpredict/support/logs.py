"""The package's loggers."""

from __future__ import annotations

import logging

PACKAGE = "mlpredict"


def get_logger(name: str) -> logging.Logger:
    """A module's logger: what it says goes to whoever listens, and nowhere where nobody does.

    Without a handler of ours Python would print warnings on standard error by itself.

    Example:
        logger = get_logger(__name__)
    """
    package = logging.getLogger(PACKAGE)
    if not package.handlers:
        package.addHandler(logging.NullHandler())
    return logging.getLogger(name)
