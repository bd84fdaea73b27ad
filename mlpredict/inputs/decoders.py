"""Many files decoded at once: by processes, as Python runs one thread of a process at a time.

A process of its own also bounds the damage of a file that a decoder's library dies of.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from mlpredict.domain import ImageSpec, Rejected, Sample, Source
from mlpredict.inputs.decode import Decoded, as_sample, decode_source

# The module is found through the installation alone: the working folder may hold anything.
COMMAND = (sys.executable, "-P", "-m", "mlpredict.inputs.decoder_process")
# What is raised on this side when a process has ended before it answered.
ENDED = (EOFError, BrokenPipeError, ConnectionResetError, pickle.UnpicklingError)


class Decoders:
    """Processes that decode for as many threads as care to ask; close it, or use it with `with`."""

    def __init__(self, count: int, command: Sequence[str] = COMMAND) -> None:
        """Start so many processes; they come up while this one goes on."""
        self._command = command
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._count = count
        for _ in range(count):
            self._idle.put(_Process(command))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decode(
        self, numbered: Sequence[tuple[int, Source | Rejected]], spec: ImageSpec
    ) -> list[Sample | Rejected]:
        """Decode sources one after the other, in one of the processes; what was rejected stays so."""
        files = [item.filename for _, item in numbered if isinstance(item, Source) and item.content is None]
        decoded = iter(self._decode_files(files, spec) if files else ())
        return [
            item
            if isinstance(item, Rejected)
            else as_sample(
                position, item, next(decoded) if item.content is None else decode_source(item, spec)
            )
            for position, item in numbered
        ]

    def close(self) -> None:
        """End the processes; nobody may be decoding any more."""
        for _ in range(self._count):
            self._idle.get().end()

    def _decode_files(self, filenames: Sequence[str], spec: ImageSpec) -> list[Decoded | str]:
        process = self._idle.get()
        try:
            return process.decode(filenames, spec)
        except ENDED:
            status = process.end()
            process = _Process(self._command)
        finally:
            self._idle.put(process)
        if len(filenames) == 1:
            return [f"decoding it ended the decoder ({_described(status)})"]
        # One of them is to blame, and the others are none the worse for it.
        return [answer for filename in filenames for answer in self._decode_files([filename], spec)]


class _Process:
    """One process, for one thread at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        # A Ctrl-C in the terminal is not for it: it ends when its requests do.
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)

    def decode(self, filenames: Sequence[str], spec: ImageSpec) -> list[Decoded | str]:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        pickle.dump((spec, filenames), requests, pickle.HIGHEST_PROTOCOL)
        requests.flush()
        decoded: list[Decoded | str] = pickle.load(answers)  # noqa: S301 - the other end is this program
        return decoded

    def end(self) -> int:
        """End the process, whatever it is doing; its exit status."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            # What it was not to be told any more is of no interest.
            with suppress(BrokenPipeError):
                assert stream is not None
                stream.close()
        return self._process.wait()


def _described(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name
