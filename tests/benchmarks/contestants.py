"""Contestants that are more than a command from its start to its end."""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from tests.benchmarks.database import stored
from tests.benchmarks.launch import memory
from tests.benchmarks.measure import Command, Failed, Measured
from tests.benchmarks.workshop import Workshop

START_SECONDS = 60
POLL_SECONDS = 0.1
BOUNDARY = b"benchmark"


@dataclass(frozen=True, slots=True)
class Stored:
    """A command that must leave so many predictions behind."""

    command: Command
    dsn: str
    count: int

    def __call__(self, *, watched: bool = False) -> Measured:
        measured = self.command(watched=watched)
        if (found := stored(self.dsn)) != self.count:
            raise Failed(f"{self.command.argv}: {found} predictions stored, not {self.count}")
        return measured


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor, which measures its stages itself."""

    command: Command

    def __call__(self, *, watched: bool = False) -> Measured:
        result = self.command.answer()
        walls = {name: stage["wall"] for name, stage in result["stages"].items()}
        return Measured(result["floor"], result["cpu"], parts=walls)


@dataclass(frozen=True, slots=True)
class Published:
    """The 2020 program, up and warm: one POST after the other over one connection a run."""

    connection: http.client.HTTPConnection
    pid: int
    images: tuple[bytes, ...]

    def __call__(self, *, watched: bool = False) -> Measured:
        # The server hangs up while others have their turn; the next request connects again.
        self.connection.close()
        began = time.perf_counter()
        for image in self.images:
            self.post(image)
        return Measured(time.perf_counter() - began, 0.0, memory(self.pid))

    def post(self, image: bytes) -> None:
        """Have one image predicted."""
        self.connection.request(
            "POST",
            "/predictions",
            form(image),
            {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"},
        )
        response = self.connection.getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            raise Failed(f"the 2020 program: {response.status} {answer.decode()}")


def form(image: bytes) -> bytes:
    """A form with one file."""
    head = b'Content-Disposition: form-data; name="file"; filename="image.png"\r\nContent-Type: image/png'
    return b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (BOUNDARY, head, image, BOUNDARY)


@contextmanager
def serving(workshop: Workshop, model: Path, folder: Path, posts: int) -> Iterator[Published]:
    """The 2020 program with its server running, for the first images of a folder."""
    port = free_port()
    command = workshop.rival("published", str(port), model, workshop.databases.published("program_of_2020"))
    contents = (path.read_bytes() for path in sorted(folder.iterdir())[:posts])
    images = tuple(islice(cycle(contents), posts))
    with subprocess.Popen(
        command.argv, env=command.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            wait_for(connection, process)
            yield Published(connection, process.pid, images)
        finally:
            connection.close()
            process.terminate()


def wait_for(connection: http.client.HTTPConnection, process: subprocess.Popen[bytes]) -> None:
    """Return when the server takes connections.

    Raises:
        Failed: it does not.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(ConnectionRefusedError):
            connection.connect()
            return
        time.sleep(POLL_SECONDS)
    raise Failed("the 2020 program does not start")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
