"""`mlpredict review` on a terminal of its own, with a database."""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import shutil
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import COMMAND, DIGITS, environment_of_command
from tests.controlling_terminal import TAKE_TERMINAL, Terminal, terminal
from tests.processes import started

Connection = psycopg.Connection[tuple[Any, ...]]
NAMES = ("3-brush", "4-chalk", "7-marker", "8-felt-pen", "9-ballpoint")
LABELS = """
    SELECT p.filename, l.label, l.source, l.labelled_by, l.superseded_at IS NULL
    FROM labels AS l JOIN inputs AS i USING (sha256) JOIN predictions AS p ON p.inputid = i.id ORDER BY l.id
"""
END_UPDATE = "\x1b[?2026l"
ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"
ATTRIBUTES = "\x1b[?62;22c"
Opened = Callable[..., AbstractContextManager[Terminal]]


@pytest.fixture(scope="module")
def predicted(dsn_of_module: str, cache_home: Path, public_directory: Path, compiled: None) -> str:
    """A database with predictions of five images, whose labels each test takes away."""
    paths = [DIGITS / f"{name}.png" for name in NAMES]
    environment = environment_of_command(cache_home, public_directory)
    command = [*COMMAND, "predict", *map(str, paths), "--dsn", dsn_of_module]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return dsn_of_module


@pytest.fixture
def connection(predicted: str) -> Iterator[Connection]:
    with psycopg.connect(predicted, autocommit=True) as connection:
        yield connection
        connection.execute("DELETE FROM labels")


@pytest.fixture
def place(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a terminal with colours, whose size is its own."""
    own = {name: value for name, value in environment.items() if name != "COLUMNS"}
    return {**own, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


@pytest.fixture
def review(place: dict[str, str], predicted: str, connection: Connection) -> Opened:
    """A review on a terminal of some size, which answers what it is asked."""

    @contextmanager
    def opened(
        *options: str, columns: int = 80, rows: int = 24, answers: str = ATTRIBUTES, **more: str
    ) -> Iterator[Terminal]:
        with terminal({**place, **more}, "review", "--dsn", predicted, *options) as screen:
            resize(screen, columns, rows)
            screen.wait_for(ENTERED)
            screen.type(answers)
            yield screen

    return opened


def resize(screen: Terminal, columns: int, rows: int, width: int = 0, height: int = 0) -> None:
    fcntl.ioctl(screen.handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


def press(screen: Terminal, key: str, until: str) -> None:
    """A key, as a person presses it who looks at the picture first."""
    time.sleep(0.12)
    screen.type(key)
    screen.wait_for(until)


def is_raw(screen: Terminal) -> bool:
    return not termios.tcgetattr(screen.handle)[3] & termios.ECHO


def test_without_a_terminal_it_says_what_to_do(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "review"], env=environment, capture_output=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert b"review needs a terminal" in done.stderr
    assert b"mlpredict serve" in done.stderr
    with terminal(environment, "review") as screen:
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


def test_sixels_have_the_size_of_a_window_that_tells_it_alone(review: Opened) -> None:
    """As xterm's does, which is asked in vain how large a character is."""
    with review(answers="\x1b[?62;4c") as screen:
        screen.wait_for("1 of 5")
        screen.wait_for("\x1bP")
        # Four rows are not the picture's, and a sixel has six rows of pixels.
        resize(screen, 80, 24, 80 * 3, 24 * 6)
        screen.wait_for(f";{20 * 6}#")
        resize(screen, 80, 24, 80 * 2, 24 * 4)
        screen.wait_for(f";{20 * 4 - 2}#")
        time.sleep(0.12)
        screen.type("q")
        assert screen.wait() == 0


def test_a_signal_ends_it_in_order(review: Opened, connection: Connection) -> None:
    with review("--order", "random") as screen:
        screen.wait_for("1 of 5")
        press(screen, "\r", "2 of 5")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.wait() == 143
        assert not is_raw(screen)
        assert LEFT.encode() in screen.screen
    assert [row[2] for row in connection.execute(LABELS)] == ["review-random"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_it_stops_and_goes_on_as_the_shell_has_it(place: dict[str, str], predicted: str) -> None:
    here, there = pty.openpty()
    command = shlex.join([*COMMAND, "review", "--dsn", predicted])
    shell = [*COMMAND[:1], "-c", f"{TAKE_TERMINAL}; import os; os.execlp('bash', 'bash', '--norc', '-i')"]
    streams = {"stdin": there, "stdout": there, "stderr": there}
    with started(shell, env={**place, "PS1": "ready "}, start_new_session=True, **streams) as process:
        os.close(there)
        screen = Terminal(process, here)
        resize(screen, 80, 24)
        screen.wait_for("ready ")
        screen.type(command + "\n")
        screen.wait_for(ENTERED)
        screen.type(ATTRIBUTES)
        screen.wait_for("1 of 5")
        assert is_raw(screen)
        screen.type("\x1a")
        screen.wait_for(LEFT)
        screen.wait_for("Stopped")
        screen.wait_for("ready ")
        screen.type("fg\n")
        screen.wait_for(ENTERED)
        screen.wait_for("1 of 5")
        assert is_raw(screen)
        screen.type("\x03")
        screen.wait_for("mlpredict: interrupted: 0 labelled")
        screen.type("echo $?\n")
        screen.wait_for("130")
        os.close(here)


def test_a_lost_connection_loses_no_label_and_no_answer_or_paste_makes_one(
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
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        press(screen, "\r", "2 of 5")
        time.sleep(0.12)
        screen.type("1\r2\r3\r" * 20)  # pasted without brackets
        screen.wait_for("3 of 5")
        time.sleep(0.12)
        screen.type("q")
        assert screen.wait() == 0
    assert len(connection.execute(LABELS).fetchall()) == 2


def test_it_fits_any_terminal_and_names_give_no_orders(review: Opened, connection: Connection) -> None:
    odd = "\x1b]0;owned\x07\x1b[2J猫"
    connection.execute("UPDATE predictions SET label = %s WHERE label = '8'", (odd,))
    connection.execute("UPDATE predictions SET filename = filename || %s", (odd,))
    with review(columns=80, rows=20) as screen:
        screen.wait_for("▀")
        for columns in (120, 40, 20, 12):
            resize(screen, columns, 20 if columns > 12 else 5)
            screen.wait_for("▀" if columns > 12 else "make the")
            screen.wait_for(END_UPDATE)
        resize(screen, 80, 24)
        screen.wait_for("▀")
        screen.type("q")
        assert screen.wait() == 0
        assert b"\x1b]0;owned" not in screen.screen
    connection.execute("UPDATE predictions SET label = '8' WHERE label = %s", (odd,))


def test_there_may_be_nothing_to_review(review: Opened) -> None:
    with review("--order", "most-wrong", "--model", "pets") as screen:
        assert screen.wait() == 0
        said = screen.screen.decode().rpartition(LEFT)[2]
    assert "nothing to review: there are no mistakes that match" in said
    assert "no model pets" in said
