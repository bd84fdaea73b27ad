"""What the package logs, as the command line says it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mlpredict.cli import log_handler, run
from mlpredict.cli.talk import talk
from mlpredict.support.logs import PACKAGE, get_logger
from tests.notices import Listener

logger = get_logger("mlpredict.tests")


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(talk, "quiet", False)
    monkeypatch.setattr(talk, "verbose", False)
    log_handler.listen()
    yield
    log_handler.stop_listening()


def say_everything() -> None:
    logger.debug("a detail")
    logger.info("a notice")
    logger.warning("a warning, 100 % sure")
    logger.error("an error")


@pytest.mark.parametrize(
    ("quiet", "verbose", "said"),
    [
        (False, False, ["a notice", "a warning, 100 % sure", "an error"]),
        (False, True, ["a detail", "a notice", "a warning, 100 % sure", "an error"]),
        (True, False, ["an error"]),
    ],
)
def test_levels_are_ways_to_talk(
    listening: None, capsys: pytest.CaptureFixture[str], quiet: bool, verbose: bool, said: list[str]
) -> None:
    talk.quiet, talk.verbose = quiet, verbose
    say_everything()
    assert capsys.readouterr().err.splitlines() == [f"mlpredict: {line}" for line in said]


def test_an_exception_is_named_on_the_same_line(listening: None, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("no\nnumber")
    except ValueError:
        logger.exception("in a task")
    assert capsys.readouterr().err == "mlpredict: in a task: ValueError: no\\nnumber\n"


def test_nobody_else_is_told_while_it_listens(listening: None) -> None:
    everybody = Listener()
    logging.getLogger().addHandler(everybody)
    say_everything()
    log_handler.stop_listening()
    logger.error("another error")
    logging.getLogger().removeHandler(everybody)
    assert everybody.texts == ["another error"]


def test_it_listens_while_a_command_runs_and_not_after() -> None:
    before = list(logging.getLogger(PACKAGE).handlers)
    assert run(["predict"]) == 2
    assert logging.getLogger(PACKAGE).handlers == before
    assert logging.getLogger(PACKAGE).propagate
