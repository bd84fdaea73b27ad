"""Clients that send one request after the other, each as soon as it has the answer to the last."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks.measure import Failed

SILENCE_SECONDS = 60
CHUNK_BYTES = 1 << 16
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What so many requests took: seconds of all together, and of each, in the order of their answers."""

    wall: float
    latencies: tuple[float, ...]

    @property
    def per_second(self) -> float:
        """Requests that were answered in a second."""
        return len(self.latencies) / self.wall

    def latency(self, share: float) -> float:
        """What this share of the requests, of all, took at most."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class _Client:
    """One connection, and what it waits for."""

    connection: socket.socket
    began: float = 0.0
    received: bytearray = field(default_factory=bytearray)


def load(port: int, requests: Sequence[bytes], clients: int) -> Load:
    """Have so many clients send all requests, and wait for each answer.

    Raises:
        Failed: an answer is not a success, or there is none.
    """
    waiting = iter(requests)
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, _Client(connection))
        began = time.perf_counter()
        for key in list(selector.get_map().values()):
            _send_next(selector, key.data, waiting)
        while len(latencies) < len(requests):
            ready = selector.select(SILENCE_SECONDS)
            if not ready:
                raise Failed(f"no answer for {SILENCE_SECONDS} s")
            for key, _ in ready:
                if _has_answer(key.data):
                    latencies.append(time.perf_counter() - key.data.began)
                    _send_next(selector, key.data, waiting)
        wall = time.perf_counter() - began
        for key in list(selector.get_map().values()):
            key.data.connection.close()
    return Load(wall, tuple(latencies))


def _send_next(selector: selectors.BaseSelector, client: _Client, waiting: object) -> None:
    request = next(waiting, None)  # type: ignore[call-overload]
    if request is None:
        selector.unregister(client.connection)
        client.connection.close()
        return
    client.received.clear()
    client.began = time.perf_counter()
    client.connection.sendall(request)


def _has_answer(client: _Client) -> bool:
    """Whether the answer is there, all of it."""
    chunk = client.connection.recv(CHUNK_BYTES)
    if not chunk:
        raise Failed("the server hung up")
    client.received += chunk
    head, end, body = bytes(client.received).partition(HEAD_END)
    if not end:
        return False
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise Failed(f"the server: {head[:40]!r} {body[:200].decode()}")
    length = LENGTH.search(head)
    return length is None or len(body) >= int(length[1])
