"""Connections on which nothing happens are not kept."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import uvicorn

from mlpredict.web.server import protocol
from mlpredict.web.server.protocol import TimeoutProtocol

BODY = b"x" * 20_000_000
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An answer that does not fit into any buffer."""
    length = (b"content-length", str(len(BODY)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": BODY})


@contextmanager
def client_of_a_server() -> Iterator[socket.socket]:
    """A connection to a server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(answer, http=TimeoutProtocol, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            with socket.create_connection(listener.getsockname(), timeout=60) as client:
                yield client
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def everything(client: socket.socket) -> bytes:
    """What comes until the server hangs up, be it without a word."""
    received = bytearray()
    with suppress(ConnectionError):
        while chunk := client.recv(1 << 20):
            received += chunk
    return bytes(received)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_request_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    with client_of_a_server() as client:
        client.sendall(begun)
        assert everything(client) == b""


def test_drops_of_a_head_do_not_prolong_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    with client_of_a_server() as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        drops = 0
        with suppress(ConnectionError):
            while drops < 500:
                client.sendall(b"X-A: b\r\n")
                drops += 1
                time.sleep(0.02)
        assert drops < 500


def test_a_client_that_reads_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    with client_of_a_server() as client:
        client.sendall(REQUEST)
        assert everything(client).endswith(BODY)


def test_a_client_that_reads_slowly_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "READ_SECONDS", 0.1)
    with client_of_a_server() as client:
        client.sendall(REQUEST)
        received = 0
        while chunk := client.recv(1 << 20):
            received += len(chunk)
            time.sleep(0.02)
        assert received > len(BODY)


def test_a_client_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "READ_SECONDS", 0.2)
    with client_of_a_server() as client:
        client.sendall(REQUEST)
        time.sleep(0.6)
        assert len(everything(client)) < len(BODY)


def test_idle_connections_are_no_work_and_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 5)
    with client_of_a_server() as first:
        address = first.getpeername()
        idle = [socket.create_connection(address, timeout=60) for _ in range(20)]
        try:
            with socket.create_connection(address, timeout=60) as client:
                client.sendall(REQUEST)
                assert everything(client).endswith(BODY)
            assert everything(first) == b""  # the oldest was closed
        finally:
            for connection in idle:
                connection.close()
