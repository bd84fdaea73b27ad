"""The command with a terminal of its own, where Ctrl-C is a signal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.processes import started

# A new session has no terminal before it takes one.
TAKE_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
COMMAND = [sys.executable, "-c", f"{TAKE_TERMINAL}; from mlpredict.cli import main; main()"]
PATIENCE_SECONDS = 60


@dataclass
class Terminal:
    """What is typed and what is seen."""

    process: subprocess.Popen[bytes]
    handle: int
    screen: bytearray = field(default_factory=bytearray)

    def type(self, keys: str) -> None:
        """Press keys; `\\x03` is Ctrl-C."""
        os.write(self.handle, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read until the text has been seen, and forget what came before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text.encode() not in self.screen:
            assert time.monotonic() < deadline, self.screen.decode()
            if not self._read():
                raise AssertionError(f"ended without {text!r}: {self.screen.decode()}")
        del self.screen[: self.screen.index(text.encode()) + len(text.encode())]

    def wait(self) -> int:
        """Read to the end; the exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self) -> bool:
        readable, _, _ = select.select([self.handle], [], [], PATIENCE_SECONDS)
        assert readable, f"nothing more is written: {self.screen.decode()}"
        try:
            block = os.read(self.handle, 65536)
        except OSError:  # how Linux says that nobody has the other side open
            block = b""
        self.screen += block
        return bool(block)


@contextmanager
def terminal(environment: dict[str, str], *arguments: str) -> Iterator[Terminal]:
    """The command on a terminal; it is killed in the end if it still runs."""
    here, there = pty.openpty()
    streams = {"stdin": there, "stdout": there, "stderr": there}
    with started([*COMMAND, *arguments], env=environment, start_new_session=True, **streams) as process:
        os.close(there)
        try:
            yield Terminal(process, here)
        finally:
            os.close(here)
