"""`mlpredict review` on a terminal of its own, with a database."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Command
from tests.controlling_terminal import Terminal, terminal

Connection = psycopg.Connection[tuple[Any, ...]]
NAMES = ("3-brush", "4-chalk", "7-marker", "8-felt-pen", "9-ballpoint")
LABELS = """
    SELECT p.filename, l.label, l.source, l.labelled_by, l.superseded_at IS NULL
    FROM labels AS l JOIN inputs AS i USING (sha256) JOIN predictions AS p ON p.inputid = i.id ORDER BY l.id
"""
ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"
ATTRIBUTES = "\x1b[?62;22c"
Opened = Callable[..., AbstractContextManager[Terminal]]


@pytest.fixture
def predicted(mlpredict: Command, dsn: str, digits: list[Path]) -> None:
    paths = [digits[0].parent / f"{name}.png" for name in NAMES]
    assert mlpredict("predict", *paths, "--dsn", dsn).returncode == 0


@pytest.fixture
def review(environment: dict[str, str], dsn: str, predicted: None) -> Opened:
    """A review on a terminal of some size, which answers what it is asked."""

    @contextmanager
    def opened(
        *options: str, columns: int = 80, rows: int = 24, answers: str = ATTRIBUTES, **more: str
    ) -> Iterator[Terminal]:
        place = {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor", **more}
        place.pop("COLUMNS")
        with terminal(place, "review", "--dsn", dsn, *options) as screen:
            resize(screen, columns, rows)
            screen.wait_for(ENTERED)
            screen.type(answers)
            yield screen

    return opened


def resize(screen: Terminal, columns: int, rows: int) -> None:
    fcntl.ioctl(screen.handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def press(screen: Terminal, key: str, until: str) -> None:
    """A key, as a person presses it who looks at the picture first."""
    time.sleep(0.12)
    screen.type(key)
    screen.wait_for(until)


def is_raw(screen: Terminal) -> bool:
    return not termios.tcgetattr(screen.handle)[3] & termios.ECHO


def test_without_a_terminal_it_says_what_to_do(mlpredict: Command, dsn: str) -> None:
    done = mlpredict("review", "--dsn", dsn)
    assert done.returncode == 2
    assert b"review needs a terminal" in done.stderr
    assert b"mlpredict serve" in done.stderr


def test_a_terminal_that_cannot_draw_is_told_so(environment: dict[str, str], dsn: str) -> None:
    with terminal(environment, "review", "--dsn", dsn) as screen:
        assert screen.wait() == 2
        assert b"TERM" in screen.screen
        assert ENTERED.encode() not in screen.screen


def test_each_key_is_stored_and_the_terminal_left_as_it_was(review: Opened, connection: Connection) -> None:
    with review("--by", "Ada") as screen:
        screen.wait_for("1 of 5")
        press(screen, "\r", "2 of 5")
        press(screen, "2", "3 of 5")
        press(screen, "\x1b[D", "2 of 5")
        screen.wait_for("labelled 2")
        press(screen, "4", "3 of 5")
        press(screen, "s", "4 of 5")
        press(screen, "u", "5 of 5")
        assert is_raw(screen)
        time.sleep(0.12)
        screen.type("q")
        assert screen.wait() == 0
        said = screen.screen.decode()
        assert not is_raw(screen)
    assert LEFT in said
    assert "\x1b[?25h" in said
    assert "mlpredict: 2 labelled" in said.rpartition(LEFT)[2]
    rows = connection.execute(LABELS).fetchall()
    assert [row[1:] for row in rows] == [
        (rows[0][1], "review", "Ada", True),
        ("2", "review", "Ada", False),
        ("4", "review", "Ada", True),
        ("not usable", "review", "Ada", False),
    ]
    assert len({row[0] for row in rows}) == 3


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_it_in_order(
    review: Opened, connection: Connection, number: signal.Signals, status: int
) -> None:
    with review("--order", "random") as screen:
        screen.wait_for("1 of 5")
        press(screen, "\r", "2 of 5")
        if number == signal.SIGINT:
            screen.type("\x03")
        else:
            screen.process.send_signal(number)
        assert screen.wait() == status
        assert not is_raw(screen)
        assert LEFT.encode() in screen.screen
    assert [row[2] for row in connection.execute(LABELS)] == ["review-random"]


def test_it_stops_and_goes_on_as_the_shell_has_it(review: Opened) -> None:
    with review() as screen:
        screen.wait_for("1 of 5")
        screen.type("\x1a")
        os.waitid(os.P_PID, screen.process.pid, os.WSTOPPED)
        assert not is_raw(screen)
        screen.wait_for(LEFT)
        screen.process.send_signal(signal.SIGCONT)
        screen.wait_for(ENTERED)
        screen.wait_for("1 of 5")
        assert is_raw(screen)
        screen.type("q")
        assert screen.wait() == 0


def test_a_lost_connection_loses_no_label(review: Opened, connection: Connection) -> None:
    with review() as screen:
        screen.wait_for("1 of 5")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        press(screen, "\r", "2 of 5")
        press(screen, "\r", "3 of 5")
        time.sleep(0.12)
        screen.type("q")
        assert screen.wait() == 0
    assert len(connection.execute(LABELS).fetchall()) == 2


def test_what_the_terminal_answers_is_never_a_key_and_draws_better_pictures(
    review: Opened, connection: Connection
) -> None:
    kitty = "\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.40)\x1b\\\x1b[6;20;10t\x1b[?62;c"
    with review(answers="") as screen:
        screen.wait_for("▀")  # until it is known better
        screen.type(kitty[:11])
        time.sleep(0.2)
        screen.type(kitty[11:])
        screen.wait_for("\x1b_Ga=T,f=100")
        press(screen, "\x1b[200~1\r2\r3\r\x1b[201~", "pasted text")
        screen.type("q")
        assert screen.wait() == 0
    with review(answers="\x1b[?64;4c") as screen:
        screen.wait_for("\x1bP0;0;0q")
        screen.type("q")
        assert screen.wait() == 0
    with review(TERM_PROGRAM="iTerm.app") as screen:
        screen.wait_for("\x1b]1337;File=inline=1")
        screen.type("q")
        assert screen.wait() == 0
    assert connection.execute(LABELS).fetchall() == []


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_nothing_is_wider_than_the_terminal_and_it_may_be_resized(review: Opened, columns: int) -> None:
    with review(columns=columns, rows=20, answers="") as screen:
        screen.wait_for("1 of 5")
        screen.wait_for("▀")
        del screen.screen[:]
        screen.type("\x0c")  # draw anew
        screen.wait_for("▀")
        screen.wait_for("\x1b[?2026l")
        resize(screen, 12, 5)
        screen.wait_for("make the")
        resize(screen, columns, 20)
        screen.wait_for("1 of 5")
        screen.type(ATTRIBUTES + "q")
        assert screen.wait() == 0


def test_without_colours_there_are_none(review: Opened) -> None:
    with review(NO_COLOR="1") as screen:
        screen.wait_for("1 of 5")
        screen.type("q")
        assert screen.wait() == 0
        assert re.search(rb"\x1b\[[0-9;]*[34]8;", screen.screen) is None


def test_names_and_labels_give_the_terminal_no_orders(review: Opened, connection: Connection) -> None:
    odd = "\x1b]0;owned\x07\x1b[2J猫"
    connection.execute("UPDATE predictions SET filename = %s, label = %s", (odd, odd))
    connection.execute(
        "UPDATE models SET labels = %s", ('["\\u001b]0;owned\\u0007", "b","c","d","e","f","g","h","i","j"]',)
    )
    with review() as screen:
        screen.wait_for("1 of 5")
        time.sleep(0.12)
        screen.type("q")
        assert screen.wait() == 0
        assert b"\x1b]0;owned" not in screen.screen


def test_there_may_be_nothing_to_review(review: Opened) -> None:
    with review("--order", "most-wrong", "--model", "pets") as screen:
        assert screen.wait() == 0
        said = screen.screen.decode().rpartition(LEFT)[2]
    assert "nothing to review: there are no mistakes that match" in said
    assert "no model pets" in said
