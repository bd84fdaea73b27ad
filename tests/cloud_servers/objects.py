"""What lies in the buckets of a small server, and how such a server is run."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

LAST_MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"


class Stored(NamedTuple):
    """An object as it was put; its number is another one each time."""

    content: bytes
    number: int
    kind: str

    @property
    def md5(self) -> str:
        """What tells its bytes from others."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class Shelf:
    """Buckets, with what lies in each; `page` is how many names a listing gives at once."""

    page: int = 1000
    buckets: dict[str, dict[str, Stored]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1_700_000_000_000_000))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, bucket: str, key: str, content: bytes, kind: str, *, only_new: bool) -> Stored | None:
        """Store an object; None where there is one already, and only a new one was wanted."""
        with self._lock:
            objects = self.buckets[bucket]
            if only_new and key in objects:
                return None
            objects[key] = Stored(content, next(self._numbers), kind)
            return objects[key]

    def remove(self, bucket: str, key: str) -> bool:
        """Take an object away; whether there was one."""
        with self._lock:
            return self.buckets[bucket].pop(key, None) is not None

    def listed(self, bucket: str, prefix: str, after: str) -> tuple[list[tuple[str, Stored]], str]:
        """A page of what begins with a prefix, sorted, and the key after which the next one begins."""
        with self._lock:
            objects = self.buckets[bucket]
            keys = sorted(key for key in objects if key.startswith(prefix))
            start = bisect_right(keys, after) if after else 0
            page = keys[start : start + self.page]
            more = page[-1] if start + self.page < len(keys) else ""
            return [(key, objects[key]) for key in page], more


class Question(NamedTuple):
    """A request: its path as it was sent, its query as it was meant, its headers in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def names(self) -> list[str]:
        """The parts of the path: the bucket, and the key as a whole."""
        return [*unquote(self.path).removeprefix("/").split("/", 1), ""][:2]


class Reply(NamedTuple):
    """An answer; of a HEAD only its headers are sent."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


Answers = Callable[[Question], Reply]


def content_reply(question: Question, stored: Stored, headers: Mapping[str, str]) -> Reply:
    """The bytes of an object, or those that a range asks for."""
    headers = {**headers, "Content-Type": stored.kind, "Last-Modified": LAST_MODIFIED}
    wanted = question.headers.get("range", "")
    if not wanted.startswith("bytes="):
        return Reply(200, stored.content, headers)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    end = min(int(last) + 1 if last else len(stored.content), len(stored.content))
    span = f"bytes {first}-{end - 1}/{len(stored.content)}"
    return Reply(206, stored.content[int(first) : end], {**headers, "Content-Range": span})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: Answers

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = type(self).answers(Question(self.command, url.path, query, headers, body))
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: what fails is seen by who asked."""


@contextmanager
def serving(answers: Answers) -> Iterator[tuple[str, int]]:
    """Answer requests on loopback: where that is."""
    handler = type("Handler", (_Handler,), {"answers": staticmethod(answers)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield "127.0.0.1", server.server_port
    finally:
        server.shutdown()
        server.server_close()
