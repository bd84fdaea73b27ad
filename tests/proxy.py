"""A network between the command and a server, which can fail."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CHUNK_BYTES = 1 << 16
POLL_SECONDS = 0.02
ANSWER_SECONDS = 5.0


class Proxy:
    """Passes connections to a port of this machine on; `port` is its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._stop = threading.Event()
        self.commits = 0
        self.swallows: Callable[[int], bool] = lambda _commit: False
        """Which commits, counted from 1, are made without anybody being told."""
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def dsn(self, dsn: str) -> str:
        """A DSN of the server, to be reached by way of this proxy."""
        return dsn.replace(f":{self._target}/", f":{self.port}/")

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        self._stop.set()
        self._thread.join()
        self._listener.close()
        for pair in list(self._pairs):
            _shut(*pair)

    def restore(self) -> None:
        """Accept connections again."""
        self._stop.clear()
        self._listener = _listen(self.port)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        self._listener.settimeout(POLL_SECONDS)
        while not self._stop.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._pairs.add((client, server))
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(CHUNK_BYTES)
                    if not data:
                        return
                    key.data.sendall(data)
                    if key.fileobj is client and b"COMMIT" in data and self._swallows_this_one():
                        # The answer is on its way: the transaction is committed, and nobody hears of it.
                        server.settimeout(ANSWER_SECONDS)
                        assert server.recv(CHUNK_BYTES)
                        return

    def _swallows_this_one(self) -> bool:
        self.commits += 1
        return self.swallows(self.commits)


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy that ends with the block."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.cut()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
