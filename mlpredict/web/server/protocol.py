"""HTTP connections that do not wait for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 15.0
READ_SECONDS = 60.0
"""For so long a client may read nothing of what is there for it."""

HEAD_BYTES = 64 << 10

MOST_CONNECTIONS = 800
"""Beyond so many, the one idle longest makes room; a process has 1,024 descriptors by custom."""


class TimeoutProtocol(HttpToolsProtocol):
    """Hangs up when a request's head is too long or too slow, or a response is not read.

    Idle connections are not work: they hold up nobody, and leave when there are too many.
    """

    _idle_since = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._make_room()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        self._forget_reading()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._forget_reading()
        super().resume_writing()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._head_timer is None:
            self._await_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        self._forget_head()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        """Close the connection that has been idle longest, where there are too many."""
        if len(self.connections) <= MOST_CONNECTIONS:
            return
        others = (one for one in self.connections if isinstance(one, TimeoutProtocol) and one is not self)
        idle = (one for one in others if one.is_idle and not one.transport.is_closing())
        if (oldest := min(idle, key=lambda one: one._idle_since, default=None)) is not None:
            oldest.transport.close()

    def _count_head(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > HEAD_BYTES:
            self.transport.close()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _await_reading(self, left: int) -> None:
        self._read_timer = self.loop.call_later(READ_SECONDS, self._look_whether_read, left)

    def _look_whether_read(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._await_reading(left)
        else:
            self.transport.abort()

    def _forget_reading(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _hang_up(self) -> None:
        self.transport.close()
