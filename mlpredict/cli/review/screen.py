"""The terminal while a review has it: its mode, its signals, what is read and written.

However the review ends, the terminal is left as it was found.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from mlpredict.cli.review.graphics import ASK_CELL, DELETE_KITTY, Graphics, Terminal
from mlpredict.cli.review.keys import ESCAPE_SECONDS, Answer, Event, Parser
from mlpredict.errors import Interrupted, Terminated
from mlpredict.support.signals import handled

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[2J\x1b[H"
"""The other screen, without a cursor, and pasted text in brackets."""

LEAVE = "\x1b[?2004l\x1b[0m\x1b[2J\x1b[?25h\x1b[?1049l"
BLOCK = 65536
UNKNOWN_SIZE = (80, 24)
WINDOW_SIZE = "4H"
"""`struct winsize` of ioctl_tty(2): rows, columns, and width and height in pixels, 0 where nobody knows."""

LAST_ANSWERS_SECONDS = 0.3
"""So long the answers of a slow terminal are waited for in the end; the shell would take them for keys."""

ENDING = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if (number := getattr(signal, name, None)) is not None
]
OTHERS = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
PATIENT_SIGNALS = 2
"""One ends the review, another the waiting for a database; with more than that everything ends at once."""

GONE = "the terminal is gone"


class Screen:
    """The terminal; use it in a `with` statement. `notify` has another thread wake who reads."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.ended_by: int | None = None
        """The signal that has asked for the end first."""
        self.signals = 0
        """How many have asked for it."""
        self.is_stale = True
        """Whether what is on the screen has to be drawn anew: its size is another, or it was away."""
        self._stopping = False
        self._is_resized = False
        self._is_open = False
        self._parser = Parser()
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self._mode: list[Any] = []
        self._woken, self._wake = -1, -1

    @contextmanager
    def opened(self) -> Iterator[None]:
        """The terminal is the review's until the block ends."""
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            with handled(ENDING, self._hear_end), handled(OTHERS, self._hear):
                try:
                    self._open(ask=True)
                    yield
                finally:
                    self._close()
        finally:
            signal.set_wakeup_fd(before)
            os.close(self._woken)
            os.close(self._wake)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows; the terminal then knows how many pixels each has."""
        rows, columns, width, height = struct.unpack(
            WINDOW_SIZE, fcntl.ioctl(self._out, termios.TIOCGWINSZ, bytes(struct.calcsize(WINDOW_SIZE)))
        )
        if columns == 0 or rows == 0:
            return UNKNOWN_SIZE
        # Borders are in it, and are less than a pixel a character.
        cell = width // columns, height // rows
        self.terminal.window_cell = cell if all(cell) else None
        return columns, rows

    def notify(self) -> None:
        """Have `read` return."""
        with suppress(OSError):  # there is something to be read already, or nobody reads any more
            os.write(self._wake, b"\0")

    def read(self) -> list[Event]:
        """What has been typed by now; waits for it, or for something else that has to be looked at.

        Raises:
            Interrupted: the terminal is gone.
        """
        self._stop_if_asked()
        if self._is_resized:
            self._is_resized = False
            # Another font may be why.
            self.write(ASK_CELL if self.terminal.answered_cell else "")
        if self.ended_by is not None or self.is_stale:
            return []
        patience = ESCAPE_SECONDS if self._parser.is_waiting else None
        readable, _, _ = select.select([self._in, self._woken], [], [], patience)
        events = self._parser.wait_over(time.monotonic())
        if self._woken in readable:
            with suppress(BlockingIOError):
                os.read(self._woken, BLOCK)
        if self._in in readable:
            events += self._parser.feed(self._keys(), time.monotonic())
        self._stop_if_asked()
        return [one for one in events if not self._is_heard(one)]

    def write(self, text: str) -> None:
        """Put text on the screen.

        Raises:
            Interrupted: the terminal is gone.
        """
        rest = memoryview(text.encode("utf-8", "replace"))
        try:
            while rest:
                rest = rest[os.write(self._out, rest) :]
        except OSError as error:
            raise Interrupted(GONE) from error

    def suspend(self) -> None:
        """Stop as Ctrl-Z does, until the shell has it go on."""
        self._stopping = True
        self._stop_if_asked()

    def as_error(self, done: str) -> Interrupted:
        """What is reported when a signal has ended the review."""
        if self.ended_by == signal.SIGINT:
            return Interrupted(f"interrupted: {done}")
        return Terminated(f"terminated: {done}")

    def _is_heard(self, event: Event) -> bool:
        """Take what the terminal says of itself; pictures may be drawn better from then on."""
        if not isinstance(event, Answer):
            return False
        before = self.terminal.graphics, self.terminal.cell
        self.terminal.hear(event)
        if (self.terminal.graphics, self.terminal.cell) != before:
            self.is_stale = True
        return True

    def _keys(self) -> bytes:
        try:
            data = os.read(self._in, BLOCK)
        except OSError as error:
            raise Interrupted(GONE) from error
        if not data:
            raise Interrupted(GONE)
        return data

    def _open(self, *, ask: bool) -> None:
        self._mode = termios.tcgetattr(self._in)
        self._is_open = True
        # Keys come one by one and unseen; those that are signals still are, but none stops the output.
        mode = termios.tcgetattr(self._in)
        mode[0] &= ~(termios.IXON | termios.ICRNL)
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._in, termios.TCSADRAIN, mode)
        self.write((self.terminal.questions() if ask else "") + ENTER)
        self.is_stale = True

    def _close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        with suppress(Interrupted):
            self._wait_for_answers()
        with suppress(Interrupted):
            self.write((DELETE_KITTY if self.terminal.graphics is Graphics.KITTY else "") + LEAVE)
        # What is still typed was typed for the review.
        with suppress(termios.error):
            termios.tcsetattr(self._in, termios.TCSAFLUSH, self._mode)

    def _wait_for_answers(self) -> None:
        deadline = time.monotonic() + LAST_ANSWERS_SECONDS
        while not self.terminal.has_answered and (left := deadline - time.monotonic()) > 0:
            if not select.select([self._in], [], [], left)[0]:
                return
            for event in self._parser.feed(self._keys(), time.monotonic()):
                self._is_heard(event)

    def _hear_end(self, number: int, _frame: FrameType | None) -> None:
        """What a signal does: nothing is raised, so that what is being stored is stored."""
        self.signals += 1
        if self.signals > PATIENT_SIGNALS:
            self._close()
            os._exit(128 + number)
        self.ended_by = self.ended_by or number

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTSTP:
            self._stopping = True
        else:
            self.is_stale = True
            self._is_resized = number == signal.SIGWINCH or self._is_resized

    def _stop_if_asked(self) -> None:
        if not self._stopping:
            return
        self._stopping = False
        self._close()
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # Here the process stands still, and goes on.
        signal.signal(signal.SIGTSTP, ours)
        self._open(ask=False)
