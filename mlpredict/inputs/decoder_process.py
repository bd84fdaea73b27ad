"""A process that decodes: requests on its standard input, results on its standard output.

It begins with a pickled True. A request is a pickled triple: files (each a name, or the bytes of what has
none, a page or None, whether it is prepared, and whether it needs a miniature), an `ImageSpec` and the
`Limits`. Its results are lists that together hold a `Decoded` or a reason for each; bytes that came with the
request are not sent back. The end of the requests is the end of the process, also when whoever sent them was
killed. `started_decoder` starts these processes, and `decoder_pool` says why they are some.

Here the system keeps the limits: of memory, and of processor time, which ends the process.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from PIL import Image

from mlpredict.domain import ImageSpec, Source
from mlpredict.inputs.image import Decoded, decode_source
from mlpredict.inputs.limits import Limits

# What Python, Pillow and numpy take themselves, at most.
OWN_BYTES = 70_000_000
# What is sent at a time.
PART_BYTES = 4 << 20
LOCK = "--lock="


def main() -> None:
    """Decode what is asked for until the requests end, or nobody is there to read the results."""
    with suppress(BrokenPipeError):
        _serve_requests()


def _serve_requests() -> None:
    results = _own_stdout()
    # What is imported by now stays: the collector need not look through it again.
    gc.freeze()
    _send(results, True)
    limited: Limits | None = None
    while True:
        try:
            files, spec, limits = pickle.load(sys.stdin.buffer)  # noqa: S301 - the other end is this program
        except EOFError:
            return
        if limits != limited:
            _limit_memory(limits)
            limited = limits
        _decode_files(results, files, spec, limits)


def as_source(file: str | bytes, page: int | None, prepared: bool, miniature: bool) -> Source:
    """What a request asks for."""
    if isinstance(file, str):
        return Source(file, page=page, miniature=miniature)
    return Source("", file, page, prepared=prepared, miniature=miniature)


def _decode_files(
    results: io.BufferedWriter,
    files: Sequence[tuple[str | bytes, int | None, bool, bool]],
    spec: ImageSpec,
    limits: Limits,
) -> None:
    """Send results by the list, closed when it is large: what waits for others takes up memory."""
    part: list[Decoded | str] = []
    weight = 0
    one_at_a_time = partial(_one_at_a_time, limits)
    for file in files:
        source = as_source(*file)
        _limit_time(limits.seconds)
        decoded = decode_source(source, spec, limits, one_at_a_time)
        if isinstance(decoded, Decoded):
            decoded = decoded if source.content is None else decoded._replace(content=b"")
            weight += len(decoded.content) + len(decoded.pixels)
        part.append(decoded)
        if weight >= PART_BYTES:
            _send(results, part)
            part, weight = [], 0
    if part:
        _send(results, part)


if hasattr(signal, "setitimer"):

    def _limit_time(seconds: float) -> None:
        """Let the system end this process after so much processor time from now.

        Nobody stops the clock: between two images hardly any time passes, and each starts it anew.
        """
        signal.setitimer(signal.ITIMER_PROF, seconds)

else:

    def _limit_time(seconds: float) -> None:
        """Windows has no such clock."""


def _limit_memory(limits: Limits) -> None:
    """Have whatever would make this process much larger fail, where there is a limit that works: on Linux."""
    try:
        with open("/proc/self/statm") as file:
            numbers = file.read().split()
    except OSError:
        return
    import resource

    resident, data = (int(numbers[place]) * resource.getpagesize() for place in (1, 5))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    # Libraries reserve more than they use; only what is used counts.
    wanted = data + max(0, limits.memory + OWN_BYTES - resident)
    if most == resource.RLIM_INFINITY or wanted < most:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


def _lock_from(arguments: list[str]) -> int | None:
    """The descriptor of the file that processes lock to decode one at a time."""
    return next((int(a.removeprefix(LOCK)) for a in arguments if a.startswith(LOCK)), None)


@contextmanager
def _one_at_a_time(limits: Limits) -> Iterator[None]:
    """A block that one process at a time is in. A process that ends lets another one in."""
    # What failed before may hang together in circles, and holds pixels until they are found.
    gc.collect()
    # What is kept for the next image is no use to decoders that have their memory elsewhere.
    Image.core.clear_cache()  # type: ignore[attr-defined]  # Pillow documents it, and its stubs do not
    _limit_memory(limits)
    descriptor = _lock_from(sys.argv)
    if descriptor is None:
        yield
        return
    from fcntl import LOCK_EX, LOCK_UN, lockf

    lockf(descriptor, LOCK_EX)
    try:
        yield
    finally:
        lockf(descriptor, LOCK_UN)


def _send(results: io.BufferedWriter, message: object) -> None:
    pickle.dump(message, results, pickle.HIGHEST_PROTOCOL)
    results.flush()


def _own_stdout() -> io.BufferedWriter:
    """Standard output for the results alone, whatever a decoder's library may print there."""
    results = open(os.dup(1), "wb")  # noqa: SIM115 - it is open as long as the process lives
    os.dup2(2, 1)
    return results


if __name__ == "__main__":
    main()
