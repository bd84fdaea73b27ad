"""Many files decoded at once: by processes, as Python runs one thread of a process at a time.

A process of its own also bounds the damage of a file that a decoder's library dies of.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import cycle
from types import TracebackType
from typing import IO, Self

from mlpredict.domain import ImageSpec, Rejected, Sample, Source
from mlpredict.inputs.decode import Decoded, as_sample

# Files that are to be decoded, with their positions, among what needs no decoding any more.
Chunk = Sequence["tuple[int, Source] | Sample | Rejected"]

# The module is found through the installation alone: the working folder may hold anything.
COMMAND = (sys.executable, "-P", "-m", "mlpredict.inputs.decoder_process")
# While a process decodes one chunk, others lie ready for it.
CHUNKS_EACH = 3
# A pipe has a sixteenth of this by itself: with more, a process goes on while nobody reads its answers.
PIPE_BYTES = 1 << 20
# What is raised on this side when a process has ended before it answered.
ENDED = (EOFError, ConnectionError, pickle.UnpicklingError)


class Decoders:
    """Processes that decode; use it in a `with` statement, which ends them."""

    def __init__(self, count: int, spec: ImageSpec, command: Sequence[str] = COMMAND) -> None:
        """Start so many processes; they come up while this one goes on."""
        self._processes = [_Process(spec, command) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.end()

    def decode(self, chunks: Iterator[Chunk]) -> Iterator[list[Sample | Rejected]]:
        """Decode the files of every chunk, in order; a file that ends its process is a `Rejected`.

        The names of `CHUNKS_EACH` chunks must fit into a pipe.
        """
        asked: deque[tuple[_Process, Chunk]] = deque()
        for process, chunk in zip(cycle(self._processes), chunks, strict=False):
            process.ask([item[1].filename for item in chunk if isinstance(item, tuple)])
            asked.append((process, chunk))
            if len(asked) >= CHUNKS_EACH * len(self._processes):
                yield _answered(*asked.popleft())
        while asked:
            yield _answered(*asked.popleft())


def _answered(process: _Process, chunk: Chunk) -> list[Sample | Rejected]:
    decoded = iter(process.answer())
    return [as_sample(*item, next(decoded)) if isinstance(item, tuple) else item for item in chunk]


class _Process:
    """One process; another takes its place when it ends untimely."""

    def __init__(self, spec: ImageSpec, command: Sequence[str]) -> None:
        self._spec = spec
        self._command = command
        self._unanswered: deque[Sequence[str]] = deque()
        self._start()

    def ask(self, filenames: Sequence[str]) -> None:
        """Have files decoded; the answers come in the order of the questions."""
        self._unanswered.append(filenames)
        self._send(filenames)

    def answer(self) -> list[Decoded | str]:
        """What became of the files that were asked for first."""
        filenames = self._unanswered.popleft()
        try:
            return self._receive()
        except ENDED:
            self._restart()
        # One of them is to blame, and the others are none the worse for it.
        answers = [self._answer_alone(filename) for filename in filenames]
        for others in self._unanswered:
            self._send(others)
        return answers

    def end(self) -> int:
        """End the process, whatever it is doing; its exit status."""
        self._process.kill()
        for pipe in (self._requests, self._answers):
            # What it was not to be told any more is of no interest.
            with suppress(ConnectionError):
                pipe.close()
        return self._process.wait()

    def _answer_alone(self, filename: str) -> Decoded | str:
        self._send([filename])
        try:
            (answer,) = self._receive()
        except ENDED:
            return f"decoding it ended the decoder ({_described(self._restart())})"
        return answer

    def _start(self) -> None:
        pipe = subprocess.PIPE
        # A Ctrl-C in the terminal is not for it: it ends when its requests do.
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, start_new_session=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        _enlarge(self._answers)

    def _restart(self) -> int:
        status = self.end()
        self._start()
        return status

    def _send(self, filenames: Sequence[str]) -> None:
        # A process that has ended by now is found out by the answer it does not give.
        with suppress(ConnectionError):
            pickle.dump((self._spec, filenames), self._requests, pickle.HIGHEST_PROTOCOL)
            self._requests.flush()

    def _receive(self) -> list[Decoded | str]:
        decoded: list[Decoded | str] = pickle.load(self._answers)  # noqa: S301 - the other end is this program
        return decoded


def _enlarge(pipe: IO[bytes]) -> None:
    """Give a pipe more room, where the system has a call for it and allows so much."""
    try:
        from fcntl import F_SETPIPE_SZ, fcntl
    except ImportError:
        return
    with suppress(OSError):
        fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)


def _described(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name
