"""`mlpredict serve` in a process of its own, and a client for it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.conftest import COMMAND

SECONDS = 60
SERVING = re.compile(r"mlpredict: serving \S+ at (http://\S+)/$")
BOUNDARY = "boundary-of-tests"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class File:
    """A file in a form."""

    content: bytes
    name: str = "image.png"
    type: str | None = "image/png"


def form(*files: File, field_name: str = "file") -> bytes:
    """A multipart form."""
    parts = []
    for file in files:
        head = f'Content-Disposition: form-data; name="{field_name}"; filename="{file.name}"\r\n'
        head += f"Content-Type: {file.type}\r\n" if file.type else ""
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n".encode() + file.content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@dataclass(slots=True)
class Served:
    """A server that runs."""

    process: subprocess.Popen[str]
    url: str
    said: list[str] = field(default_factory=list)
    """What it said so far."""
    _reader: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def ask(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """Have one request answered, over a connection of its own."""
        connection = http.client.HTTPConnection(urlsplit(self.url).hostname or "", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers.items()), response.read())
        finally:
            connection.close()

    def post(self, path: str, *files: File, headers: Mapping[str, str] = {}) -> Answer:
        """Send a form with files."""
        return self.ask(path, method="POST", body=form(*files), headers={**FORM, **headers})

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit status. `said` is complete then."""
        self.process.send_signal(number)
        status = self.process.wait(SECONDS)
        self.read_to_the_end()
        return status

    def read_to_the_end(self) -> None:
        """Wait until what a process that has ended said is read."""
        assert self._reader is not None
        self._reader.join(SECONDS)

    def hears(self, words: str) -> str:
        """Wait for a line with these words: it may come later than the answer it is about."""
        end = time.monotonic() + SECONDS
        while True:
            for line in tuple(self.said):
                if words in line:
                    return line
            assert time.monotonic() < end, (words, self.said)
            time.sleep(0.01)

    def listen(self) -> None:
        """Go on reading what it says."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with suppress(ValueError):  # closed
            self.said.extend(line.rstrip("\n") for line in self.process.stderr)


@contextmanager
def serving(environment: Mapping[str, str], *arguments: str, **options: Any) -> Iterator[Served]:
    """A server on a free port that answers; killed when the block ends, unless it has ended by then."""
    command = [*COMMAND, "serve", "--port", "0", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=pipe, text=True, **options
    ) as process:
        alarm = threading.Timer(SECONDS, process.kill)
        alarm.start()
        served = None
        try:
            assert process.stderr is not None
            before = []
            for line in process.stderr:
                if up := SERVING.match(line):
                    break
                before.append(line)
            else:
                raise AssertionError(f"no server: {before}")
            alarm.cancel()
            served = Served(process, up[1])
            served.listen()
            yield served
        finally:
            alarm.cancel()
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            if served is not None:
                served.read_to_the_end()
