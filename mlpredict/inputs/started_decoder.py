"""A process that decodes files, seen from the one that asks it; `decoder_process` is what runs in it."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import IO, TYPE_CHECKING, Any

from mlpredict.domain import ImageSpec
from mlpredict.inputs.limits import Limits
from mlpredict.support.scratch import scratch_file

if TYPE_CHECKING:
    from mlpredict.inputs.image import Decoded


# The name of a file, or the bytes of what has none, which page of it, if one is asked for, whether it is
# prepared, and whether it needs a miniature.
File = tuple[str | bytes, int | None, bool, bool]
# Files, how they are to be decoded, and at what cost.
Question = tuple[Sequence[File], ImageSpec, Limits]

# The module is found through the installation alone: the working folder may hold anything.
COMMAND = (sys.executable, "-P", "-m", "mlpredict.inputs.decoder_process")
# A pipe has a sixteenth of this by itself: with more, a process goes on while nobody reads its results, and
# files that have no name are sent while it decodes others.
PIPE_BYTES = 1 << 20
# What any system's pipe holds.
LEAST_PIPE_BYTES = 1 << 14
ALLOCATION = {
    # For the C library: large pieces of memory go back to the system as soon as they are free. Scattered
    # ones would add up to a process's limit.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 20),
    # Of Pillow's blocks of 16 MB those that a photo takes stay for the next one: it is a sixth of the time
    # of decoding that the system would take to make them anew. With fewer than the images there are on
    # the way from a photo to a model's input, the small ones would take the places of the large.
    "PILLOW_BLOCKS_MAX": "4",
}
# What is raised on this side when a process has ended before it sent a result.
ENDED = (EOFError, ConnectionError, pickle.UnpicklingError)


class StartedDecoder:
    """One process; another takes its place when it ends untimely."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it; it comes up while this one goes on."""
        lock = _lock_file()
        self._inherited = () if lock is None else (lock,)
        self._command = [*command, *(f"--lock={number}" for number in self._inherited)]
        self._pending: deque[Question] = deque()
        self._sizes: deque[int] = deque()
        self._process: subprocess.Popen[bytes] | None
        self._requests: IO[bytes]
        self._results: IO[bytes]
        self._start()

    def has_room(self, size: int) -> bool:
        """Whether a question of so many bytes can be asked before other results have been read.

        A pipe holds it while the process waits for its results to be read. A longer one is read only by a
        process that has nothing else to do.
        """
        return not self._pending or sum(self._sizes) + size <= self._room

    def ask(self, question: Question, size: int) -> None:
        """Have files decoded; the results come in the order of the questions. There must be room for it."""
        self._pending.append(question)
        self._sizes.append(size)
        self._send(question)

    def results(self) -> Iterator[list[Decoded | str]]:
        """What became of the files that were asked for first, in as many parts as it comes in."""
        files, spec, limits = self._pending.popleft()
        self._sizes.popleft()
        left = list(files)
        while left and (part := self._next_part()):
            del left[: len(part)]
            yield part
            part = None
        if not left:
            return
        if not self._has_started:
            # It never will, and that is no file's fault.
            yield from _decoded_here(left, spec, limits)
            return
        self._restart()
        # One of them is to blame, and the others are none the worse for it.
        for file in left:
            yield [self._decode_alone(file, spec, limits)]
        for question in self._pending:
            self._send(question)

    def end(self) -> int:
        """End the process, whatever it is doing; its exit status."""
        if self._process is None:
            return 0
        self._process.kill()
        for pipe in (self._requests, self._results):
            # What it was not to be told any more is of no interest.
            with suppress(ConnectionError):
                pipe.close()
        return self._process.wait()

    def _decode_alone(self, file: File, spec: ImageSpec, limits: Limits) -> Decoded | str:
        self._send(([file], spec, limits))
        try:
            (decoded,) = self._receive()
        except ENDED:
            return _reason(self._restart(), limits)
        return decoded

    def _start(self) -> None:
        self._has_started = False
        pipe = subprocess.PIPE
        try:
            # A Ctrl-C in the terminal is not for it: it ends when its requests do.
            process = subprocess.Popen(
                self._command,
                stdin=pipe,
                stdout=pipe,
                # Libraries print what is wrong with a file; the reason says it.
                stderr=subprocess.DEVNULL,
                env={**os.environ, **ALLOCATION},
                start_new_session=True,
                pass_fds=self._inherited,
            )
        except OSError:
            # It is the same as one that ends at once.
            self._process, self._requests, self._results = None, io.BytesIO(), io.BytesIO()
            self._room = sys.maxsize
            return
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._requests, self._results = process, process.stdin, process.stdout
        _enlarge(self._results)
        self._room = _enlarge(self._requests)

    def _restart(self) -> int:
        status = self.end()
        self._start()
        return status

    def _send(self, question: Question) -> None:
        # A process that has ended by now is found out by the result it does not give.
        with suppress(ConnectionError):
            pickle.dump(question, self._requests, pickle.HIGHEST_PROTOCOL)
            self._requests.flush()

    def _next_part(self) -> list[Decoded | str] | None:
        """Some results; None when there will not be any more."""
        try:
            return self._receive()
        except ENDED:
            return None

    def _receive(self) -> list[Decoded | str]:
        if not self._has_started:
            self._has_started = self._load()
        decoded: list[Decoded | str] = self._load()
        return decoded

    def _load(self) -> Any:
        return pickle.load(self._results)  # noqa: S301 - the other end is this program


def _decoded_here(files: Sequence[File], spec: ImageSpec, limits: Limits) -> Iterator[list[Decoded | str]]:
    from mlpredict.inputs.decoder_process import as_source
    from mlpredict.inputs.image import decode_source

    for file in files:
        yield [decode_source(as_source(*file), spec, limits)]


@cache
def _lock_file() -> int | None:
    """The file that all decoders of this process lock for a large image, where the system has such locks.

    It is open as long as this process lives.
    """
    try:
        import fcntl  # noqa: F401
    except ImportError:
        return None
    with scratch_file() as file:
        return os.dup(file.fileno())


def _enlarge(pipe: IO[bytes]) -> int:
    """Give a pipe more room, where the system has a call for it and allows so much; how many bytes it has."""
    try:
        from fcntl import F_GETPIPE_SZ, F_SETPIPE_SZ, fcntl
    except ImportError:
        return LEAST_PIPE_BYTES
    with suppress(OSError):
        fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)
    try:
        return fcntl(pipe, F_GETPIPE_SZ)
    except OSError:
        return LEAST_PIPE_BYTES


def _reason(status: int, limits: Limits) -> str:
    if status == -getattr(signal, "SIGPROF", 0):
        return f"takes too long to decode: more than {limits.seconds:g} s of processor time"
    return f"decoding it ended the decoder ({_described(status)})"


def _described(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name
