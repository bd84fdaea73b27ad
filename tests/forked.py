"""Commands run by a process that forks for them, as `subprocess.run` would run them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

PROGRAM = Path(__file__).with_name("fork_server.py")
# What an interpreter, a loader or a library reads but once, when it starts.
READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "OPENBLAS_", "TF_")
AVAILABLE = hasattr(os, "pidfd_open")


@dataclass(frozen=True, slots=True)
class ForkServer:
    """The process that forks."""

    socket: socket.socket
    environment: Mapping[str, str]

    def takes(self, environment: Mapping[str, str]) -> bool:
        """Whether an environment differs in nothing that a new interpreter alone would see."""
        return _read_at_start(environment) == _read_at_start(self.environment)

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes,
        environment: Mapping[str, str],
        folder: Path,
        seconds: float,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end.

        Raises:
            subprocess.TimeoutExpired: it took longer; it was killed.
        """
        with ExitStack() as stack, ThreadPoolExecutor(3) as threads:
            ours, theirs = socket.socketpair()
            answers = stack.enter_context(ours.makefile("rb"))
            stack.enter_context(ours)
            (stdin_read, stdin_write), (out_read, out_write), (err_read, err_write) = (
                os.pipe() for _ in range(3)
            )
            given = (theirs.fileno(), stdin_read, out_write, err_write)
            socket.send_fds(self.socket, [b"."], given)
            theirs.close()
            for descriptor in given[1:]:
                os.close(descriptor)
            ours.sendall(json.dumps([list(arguments), dict(environment), str(folder)]).encode())
            ours.shutdown(socket.SHUT_WR)
            pid = int(answers.readline())
            alarm = stack.enter_context(_alarm(pid, seconds))
            threads.submit(_write, stdin_write, stdin)
            stdout, stderr = (threads.submit(_read, descriptor) for descriptor in (out_read, err_read))
            out, err = stdout.result(), stderr.result()
            status = int(answers.readline())
        if status == -signal.SIGKILL and not alarm.is_alive():
            raise subprocess.TimeoutExpired(list(arguments), seconds, out, err)
        return subprocess.CompletedProcess(list(arguments), status, out, err)


@contextmanager
def fork_server(environment: Mapping[str, str]) -> Iterator[ForkServer]:
    """A process that forks for commands until the block ends."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-P", str(PROGRAM), str(theirs.fileno())]
    # Pipes, as the streams of commands are: that is looked at when an interpreter starts.
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            command, env=environment, pass_fds=[theirs.fileno()], stdin=pipe, stdout=pipe, stderr=None
        ) as process,
        ours,
    ):
        theirs.close()
        yield ForkServer(ours, environment)
        ours.close()
        process.wait()


@contextmanager
def _alarm(pid: int, seconds: float) -> Iterator[Timer]:
    alarm = Timer(seconds, os.kill, (pid, signal.SIGKILL))
    alarm.start()
    try:
        yield alarm
    finally:
        alarm.cancel()


def _read(descriptor: int) -> bytes:
    with open(descriptor, "rb") as stream:
        return stream.read()


def _write(descriptor: int, content: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb", buffering=0) as stream:
        rest = memoryview(content)
        while rest:
            rest = rest[stream.write(rest) or 0 :]


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}
