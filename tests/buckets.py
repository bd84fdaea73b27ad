"""An S3 server on loopback, and a network before it that can fail."""

from __future__ import annotations

import http.client
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

KEY_ID = "AKIAEXAMPLEOFTESTS00"
SECRET = "wJalrXUtnFEMI-a-secret-of-tests"
ACCOUNT = "123456789012"
"""Whose buckets those of the server are."""
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}

ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{code}</Code><Message>{message}</Message><AWSAccessKeyId>{key_id}</AWSAccessKeyId></Error>"""


def refusal(code: str, message: str) -> bytes:
    """How S3 refuses, with the key's id in it as it is in some of its answers."""
    return ERROR.format(code=code, message=message, key_id=KEY_ID).encode()


@dataclass(slots=True)
class Request:
    """What was asked for, and the how manieth request it is, from 1."""

    number: int
    method: str
    path: str
    sent: bytes = b""
    lost: str = ""
    """Why it got no answer though none was meant to fail: it is asked once more, which no test counts."""


@dataclass(slots=True)
class Answer:
    """What the network makes of an answer: another status and body, or only a part of it."""

    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """So many bytes of the body come through, then the connection ends."""


@dataclass(slots=True)
class Network:
    """Passes requests on to a server; `fault` may have another answer."""

    target: tuple[str, int]
    fault: Callable[[Request], Answer | None] = lambda _request: None
    requests: list[Request] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def began(self, method: str, path: str) -> Request:
        """Count a request."""
        with self._lock:
            request = Request(len(self.requests) + 1, method, path)
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return request

    def ended(self) -> None:
        """It is answered."""
        with self._lock:
            self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    network: Network

    def handle_any(self) -> None:
        request = self.network.began(self.command, self.path)
        try:
            self._answer(request)
        except (OSError, http.client.HTTPException) as error:
            request.lost = repr(error)
            self.close_connection = True
        finally:
            self.network.ended()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: what fails is seen by who asked."""

    def _answer(self, request: Request) -> None:
        sent = request.sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.network.fault(request)
        if fault is not None and fault.status is not None:
            headers = {"Content-Type": "application/xml", **fault.headers}
            self._send(fault.status, headers, fault.body, fault.cut_after)
            return
        connection = http.client.HTTPConnection(*self.network.target, timeout=60)
        connection.request(self.command, self.path, sent, dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 500:
            request.lost = f"the server itself answers {answer.status}"
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        connection.close()
        self._send(answer.status, headers, body, None if fault is None else fault.cut_after)

    def _send(self, status: int, headers: dict[str, str], body: bytes, cut_after: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if cut_after is None else body[:cut_after])
        if cut_after is not None:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # More than may be on their way at once: the usual five are too few for them.
    request_queue_size = 128


@contextmanager
def network_before(target: tuple[str, int]) -> Iterator[tuple[Network, str]]:
    """A network before a server, and the address it has there."""
    network = Network(target)
    handler = type("Handler", (_Handler,), {"network": network})
    server = _Server(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield network, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass(slots=True)
class Bucket:
    """A bucket of its own for a test, how it is reached, and what is asked of it on the way."""

    name: str
    address: str
    network: Network

    @property
    def url(self) -> str:
        """Its name, and that of a prefix without any key."""
        return f"s3://{self.name}/"

    @property
    def asked(self) -> list[str]:
        """The keys of objects that were asked for and answered, in order, without listings."""
        start = f"/{self.name}/"
        asked = [one.path for one in self.network.requests if one.method == "GET" and not one.lost]
        return [unquote(path.removeprefix(start)) for path in asked if "list-type" not in path]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            # Nothing of whoever runs the tests.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def put(self, key: str, content: bytes) -> None:
        """Store an object, past the network."""
        self._ask("PUT", f"/{self.name}/{quote(key, safe='/')}", content)

    def get(self, key: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        status, body = self._raw("GET", f"/{self.name}/{quote(key, safe='/')}")
        return body if status == 200 else None

    def put_old(self, key: str, content: bytes, age: timedelta = timedelta(days=2)) -> None:
        """Store an object as if that had been some time ago, past the server."""
        from moto.core.utils import utcnow
        from moto.s3.models import s3_backends

        stored = s3_backends[ACCOUNT]["aws"].put_object(self.name, key, content)
        stored.last_modified = utcnow() - age

    @property
    def stored(self) -> set[str]:
        """The keys of all objects."""
        from moto.s3.models import s3_backends

        return set(s3_backends[ACCOUNT]["aws"].buckets[self.name].keys)

    def make(self) -> None:
        """Make the bucket itself."""
        self._ask("PUT", f"/{self.name}", b"")

    def _ask(self, method: str, path: str, content: bytes) -> None:
        status, body = self._raw(method, path, content)
        assert status < 300, body

    def _raw(self, method: str, path: str, content: bytes = b"") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*self.network.target, timeout=60)
        # Nobody checks the signature here; its region and service tell where the request belongs.
        scope = f"Credential={KEY_ID}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}"}
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body


@contextmanager
def s3_server() -> Iterator[tuple[str, int]]:
    """An S3 server: where it listens."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()
    finally:
        server.stop()


@contextmanager
def many_objects(*buckets: str) -> Iterator[str]:
    """The address of a server of buckets in a process of its own; see `tests.many_objects`."""
    command = [sys.executable, "-m", "tests.many_objects", *buckets]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()
