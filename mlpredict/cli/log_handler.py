"""What the program logs, said on standard error as the command line says things.

A module of its own, as what uses no logger starts sooner without `logging`.
"""

from __future__ import annotations

import logging

from mlpredict.cli.talk import talk
from mlpredict.support.logs import PACKAGE


class TalkHandler(logging.Handler):
    """Says what is logged, on one line: debug as a detail, what is worth knowing as a notice."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        if record.exc_info and (error := record.exc_info[1]):
            text = f"{text}: {type(error).__name__}: {error}"
        if record.levelno >= logging.ERROR:
            talk.error(text)
        elif record.levelno >= logging.INFO:
            talk.notice(text)
        else:
            talk.detail(text)


_handler = TalkHandler()


def listen() -> None:
    """Say what the package logs; nobody else is told of it meanwhile."""
    package = logging.getLogger(PACKAGE)
    package.addHandler(_handler)
    package.setLevel(logging.DEBUG)
    package.propagate = False


def stop_listening() -> None:
    """Leave the package's loggers as they are for a library."""
    package = logging.getLogger(PACKAGE)
    package.removeHandler(_handler)
    package.setLevel(logging.NOTSET)
    package.propagate = True
